# msr.s - which MSRs a guest reaches directly, and what the others do.
#
# Source  SDM 3C, "MSR-Bitmap Address"; SDM 4, "Architectural MSRs"; TLFS, "Model-Specific Registers" (virtualized MSRs)

# msr_bitmap_init - Everything exits, except the rows of msr_direct, and reads of msr_read_direct.  Bit = 1 exits.
# Four areas of 1 KiB: read low, read high, write low, write high.  Entry: nothing.  Exit: nothing.
# Changes rax, rcx, rdx, rdi, rsi.
msr_bitmap_init:
        lea     rdi, [rel msr_bitmap]
        mov     rsi, rdi
        mov     ecx, PAGE / 8
        mov     rax, NEVER
        rep stosq
        lea     rdx, [rel msr_direct]
        mov     edi, 1 << 14                    # from a read's bit to a write's
        call    msr_bitmap_clear
        lea     rdx, [rel msr_read_direct]
        xor     edi, edi
# msr_bitmap_clear - Entry: rdx = MSRs, ended by 0; rsi = bitmap, edi = bits from a read's bit to another one's.
# Exit: nothing.  Changes rax, rcx, rdx.
msr_bitmap_clear:
        mov     ecx, [rdx]
        test    ecx, ecx
        jz      1f
        mov     eax, ecx                        # 0xC0000000 and up: the second area
        and     ecx, 0x1FFF
        shr     eax, 31
        shl     eax, 13
        add     ecx, eax
        btr     dword ptr [rsi], ecx
        add     ecx, edi
        btr     dword ptr [rsi], ecx
        add     rdx, 4
        jmp     msr_bitmap_clear
1:      ret

# exit_rdmsr - The number is in the guest's ECX.  Entry, Exit, Keeps: as a handler of exits.
exit_rdmsr:
        mov     edi, [rbx + VP_RCX]
        mov     dword ptr [rbx + VP_MSR_THERE], 0
        call    msr_read                        # carry: #GP
        mov     esi, SEEN_READ
        jc      msr_refused
        mov     edx, eax
        mov     [rbx + VP_RAX], rdx
        shr     rax, 32
        mov     [rbx + VP_RDX], rax
        jmp     advance

# exit_wrmsr - The same of WRMSR, with the value in EDX:EAX.  Entry, Exit, Keeps: as a handler of exits.
exit_wrmsr:
        mov     edi, [rbx + VP_RCX]
        mov     esi, [rbx + VP_RAX]
        mov     rax, [rbx + VP_RDX]
        shl     rax, 32
        or      rsi, rax
        mov     dword ptr [rbx + VP_MSR_THERE], 0
        call    msr_write
        mov     esi, SEEN_WRITE
        jc      msr_refused
        jmp     advance

# msr_refused - #GP, unless the MSR is none of ours and the parent intercepts those.  Entry: esi = access, rbx = VP.
# Exit: nothing.  Keeps rbx, r12-r15.
msr_refused:
        mov     rbp, [rbx + VP_PARTITION]
        cmp     dword ptr [rbp + PART_MSRS], 0
        je      fault_gp
        cmp     dword ptr [rbx + VP_MSR_THERE], 0
        jne     fault_gp
        jmp     seen_msr

# msr_find - Entry: edi = number, rbx = VP.  Exit: rdx = its row and eax = number, carry clear; or carry set, eax all ones.
# Changes nothing else.
msr_find:
        mov     dword ptr [rbx + VP_MSR_THERE], 1
        lea     rdx, [rel msr_rows]
1:      mov     eax, [rdx]
        cmp     eax, 0xFFFFFFFF
        je      2f
        cmp     eax, edi
        je      3f                              # carry clear
        add     rdx, MSR_ROW
        jmp     1b
2:      mov     dword ptr [rbx + VP_MSR_THERE], 0
        stc
3:      ret

# msr_read - Entry: edi = number, rbx = VP.  Exit: rax = value, or carry set.  Keeps rbx, r12-r15.
msr_read:
        mov     eax, edi
        sub     eax, X2APIC_FIRST
        cmp     eax, APIC_REGISTERS
        jb      x2apic_read
        mov     eax, edi
        sub     eax, HVMSR_GUEST_OS_ID
        cmp     eax, SYNTHETIC_MSRS
        jb      synthetic_read
        call    msr_find
        jc      1f
        mov     ecx, [rdx + 4]
        mov     rax, [rdx + 8]
        cmp     ecx, MSR_CODE
        je      2f
        cmp     ecx, MSR_HELD
        jne     3f
        add     eax, VP_SWITCHED - VP_RAX       # what does not exit when it is read, but for the parent
        jmp     4f
3:      cmp     ecx, MSR_SLOT
        clc
        jne     1f
        mov     eax, eax                        # the offset
4:      mov     rax, [rbx + rax + VP_RAX]       # a word of the VP
        clc
1:      ret
2:      jmp     rax
# msr_read_debugctl - Entry: rbx = VP.  Exit: rax, carry clear.  Changes rcx.
msr_read_debugctl:
        VMGET   rax, VMCS_GUEST_DEBUGCTL
        clc
        ret

# msr_write - Entry: edi = number, rsi = value, rbx = VP.  Exit: carry set for #GP.  Keeps rbx, r12-r15.
msr_write:
        mov     eax, edi
        sub     eax, X2APIC_FIRST
        cmp     eax, APIC_REGISTERS
        jb      x2apic_write
        mov     eax, edi
        sub     eax, HVMSR_GUEST_OS_ID
        cmp     eax, SYNTHETIC_MSRS
        jb      synthetic_write
        cmp     edi, MSR_TSC
        je      msr_write_tsc
        cmp     edi, MSR_TSC_DEADLINE
        je      msr_write_deadline
        cmp     edi, MSR_APIC_BASE
        je      msr_write_apic_base
        cmp     edi, MSR_DEBUGCTL
        je      msr_write_debugctl
        call    msr_find
        jc      msr_write_done.done
        mov     ecx, [rdx + 4]
        cmp     ecx, MSR_FIXED
        je      msr_write_gp
        cmp     ecx, MSR_HELD
        je      msr_write_held
        cmp     ecx, MSR_SLOT
        jne     msr_write_done
        movsxd  rax, dword ptr [rdx + 12]       # reserved bits
        test    rsi, rax
        jnz     msr_write_gp
        mov     eax, [rdx + 8]
        mov     [rbx + rax + VP_RAX], rsi
# msr_write_done - Entry: nothing.  Exit: carry clear.  Keeps every register.
msr_write_done:
        clc
.done:  ret
# msr_write_gp - Entry: nothing.  Exit: carry set.  Keeps every register.
msr_write_gp:
        stc
        ret
