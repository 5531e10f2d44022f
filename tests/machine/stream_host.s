# What the random programs of tests/machine/streams.py find around them: handlers that go on one byte further, and a
# hypervisor that goes on after the instruction that exited.

        .use    vmx, vmcs
        .org    0x10000
        .code64
handlers_64:                                    # 16 bytes for each vector: error codes of 8, 10-14, 17, 21
        .rept   256
        .if     ((1 << (\+ & 63)) & 0x227D00) * (\+ < 64)
        add     rsp, 8
        .endif
        inc     qword ptr [rsp]
        iretq
        .align  16
        .endr

        .code32
handlers_32:
        .rept   256
        .if     ((1 << (\+ & 63)) & 0x227D00) * (\+ < 64)
        add     esp, 4
        .endif
        inc     dword ptr [esp]
        iretd
        .align  16
        .endr

        .code16
handler_16:                                     # real-address mode: no error code
        push    bp
        mov     bp, sp
        inc     word ptr [bp + 2]
        pop     bp
        iret
        .align  16

        .code64
root:                                           # VMX operation with a current VMCS; whoever makes the world takes over here
        vmxon   [vmxon_pointer]
        vmclear [vmcs_pointer]
        vmptrld [vmcs_pointer]
ready:
        jmp     ready
        .align  8
vmxon_pointer:
        .quad   0xA000
vmcs_pointer:
        .quad   0xB000

launch:
        vmlaunch
failed:
        jmp     failed

vmexit:                                         # go on one instruction further, or one byte, in the active state
        push    rax
        push    rcx
        push    rdx
        mov     ecx, VMCS_EXIT_REASON
        vmread  rax, rcx
        bt      eax, 31
        jc      failed
        mov     ecx, VMCS_EXIT_INSTRUCTION_LENGTH
        vmread  rdx, rcx
        cmp     eax, REASON_TRIPLE_FAULT
        je      .byte
        test    edx, edx
        jnz     .far
.byte:  mov     edx, 1
.far:   mov     ecx, VMCS_GUEST_RIP
        vmread  rax, rcx
        add     rax, rdx
        vmwrite rcx, rax
        xor     eax, eax
        mov     ecx, VMCS_GUEST_ACTIVITY
        vmwrite rcx, rax
        mov     ecx, VMCS_GUEST_INTERRUPTIBILITY
        vmwrite rcx, rax
        mov     ecx, VMCS_GUEST_PENDING_DEBUG
        vmwrite rcx, rax
        pop     rdx
        pop     rcx
        pop     rax
        vmresume
        jmp     failed
