# mmio.s - EPT violations: the pages of the virtual APICs, the hypercall page, and addresses where nothing is.
#
# Source  SDM 3C, "EPT Violations", "Information About NMI Unblocking Due to IRET"; TLFS, "Local APIC Memory-mapped Accesses" (other
#         forms: #GP); hv/README.md, "What a partition finds"

# exit_ept - An access that the partition's tables do not allow.  Entry, Exit, Keeps: as a handler of exits.
exit_ept:
        inc     qword ptr [rbp + PART_VIOLATIONS]
        call    event_keep
        VMGET   r12, VMCS_GUEST_PHYSICAL_ADDRESS
        VMGET   r13, VMCS_EXIT_QUALIFICATION
        test    r13d, INTR_NMI_UNBLOCK
        jz      1f                              # an IRET had unblocked NMIs: it is to run again
        VMGET   rax, VMCS_GUEST_INTERRUPTIBILITY
        or      eax, BLOCKING_NMI
        vmwrite rcx, rax
1:      test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     ept_created
# ept_device - What is ours to answer.
# Entry: r12 = guest-physical address, r13 = exit qualification, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, r12, r13.
ept_device:
        cmp     r12, [rbp + PART_MEMORY]
        jb      ept_inside
        test    r13d, QUAL_EPT_FETCH
        jnz     mmio_fetched
        test    r13d, QUAL_EPT_LINEAR
        jz      mmio_impossible
        test    r13d, QUAL_EPT_FINAL
        jz      mmio_impossible                 # page tables where no memory is
        cmp     dword ptr [rbx + VP_AGAIN], 0
        jne     mmio_impossible                 # stack or descriptor tables where no memory is
        call    guest_is_long
        mov     [rbx + VP_OP_LONG], eax
        VMGET   r15, VMCS_GUEST_RIP
        mov     rdi, r15
        call    insn_fetch
        jc      mmio_fetch_fault
        call    insn_decode                     # fills VP_OP_*; r14 = length
        jc      fault_gp                        # a form that is not supported
        call    mmio_access
        lea     rdx, [r15 + r14]                # after the instruction
        cmp     dword ptr [rbx + VP_OP_LONG], 0
        jne     advance_rip
        mov     edx, edx
        jmp     advance_rip

# ept_inside - RAM: only pages of ours that lie over it have fewer rights.
ept_inside:
        mov     rdi, r12
        call    overlay_find
        jnz     fault_gp
        mov     rdi, r12
        call    guest_memory
        test    rax, rax
        jz      fault_gp                        # the root's, deposited
        jmp     ept_flush                       # a translation from before a change of ours: again

mmio_fetched:                                   # ones, which are no instruction
        cmp     dword ptr [rbx + VP_AGAIN], 0
        je      fault_ud
        jmp     mmio_impossible
mmio_fetch_fault:                               # eax = error code, VP_FETCHED = linear address
        mov     edi, eax
        mov     rsi, [rbx + VP_FETCHED]
        jmp     fault_pf
mmio_impossible:
        lea     rdi, [rel text_access]
        mov     esi, CODE_ACCESS
        call    partition_fatal
        call    line_begin
        SAY     text_address
        mov     rdi, r12
        call    say_hex
        jmp     line_end

# mmio_access - Carry out what insn_decode found.  Entry: r12 = guest-physical address, rbx = VP, rbp = partition.
# Exit: nothing.  Keeps rbx, rbp, r12-r15.
mmio_access:
        cmp     dword ptr [rbx + VP_OP_ALU], OP_MOV
        jne     mmio_alu
        mov     rax, [rbx + VP_OP_VALUE]
        cmp     dword ptr [rbx + VP_OP_STORE], 0
        jne     mmio_write
        call    mmio_read
        jmp     insn_result

# mmio_write - Entry: eax = value, r12 = address, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
mmio_write:
        call    mmio_is_apic
        jnz     mmio_write_io
        cmp     dword ptr [rbx + VP_OP_SIZE], 4
        jb      1f                              # the APIC takes aligned doublewords only
        test    r12d, 15
        jnz     1f
        mov     edi, r12d
        and     edi, PAGE - 1
        shr     edi, 4
        cmp     edi, APIC_REGISTERS - 1
        jae     1f                              # SELF IPI exists in x2APIC mode alone
        mov     esi, eax
        jmp     apic_write
1:      ret

# mmio_read - Entry: r12 = address, rbx = VP, rbp = partition.
# Exit: rax = what lies there: ones, or a register of an APIC from its byte on.
# Changes rcx, rdx, rdi, rsi.
mmio_read:
        call    mmio_is_apic
        jnz     mmio_read_io
        mov     edi, r12d
        and     edi, PAGE - 1
        shr     edi, 4
        xor     eax, eax
        cmp     edi, APIC_REGISTERS
        jae     2f
        call    apic_read
        mov     eax, eax
        mov     ecx, r12d                       # a register has four bytes, zeros after them
        and     ecx, 15
        shl     ecx, 3
        cmp     ecx, 32
        jb      1f
        xor     eax, eax
1:      shr     rax, cl
2:      ret
# mmio_alu - Two operands, flags, and where the result goes.  The operation is done by the instruction itself.
mmio_alu:
        call    mmio_read
        mov     rdx, [rbx + VP_OP_VALUE]
        cmp     dword ptr [rbx + VP_OP_STORE], 0
        jne     1f
        xchg    rax, rdx                        # the register is the destination
1:      mov     ecx, [rbx + VP_OP_ALU]
        shl     ecx, 2
        bsf     esi, [rbx + VP_OP_SIZE]         # 1, 2, 4, 8 bytes
        add     ecx, esi
        lea     rsi, [rel alu]
        lea     rsi, [rsi + rcx*8]
        call    rsi
        pushfq
        pop     rdi
        mov     rsi, rax
        VMGET   rax, VMCS_GUEST_RFLAGS
        and     edi, ALU_FLAGS
        and     eax, ~ALU_FLAGS & 0xFFFFFFFF
        or      eax, edi
        vmwrite rcx, rax
        mov     rax, rsi
        cmp     dword ptr [rbx + VP_OP_ALU], ALU_CMP
        jae     2f                              # CMP and TEST keep nothing
        cmp     dword ptr [rbx + VP_OP_STORE], 0
        jne     mmio_write
        jmp     insn_result
2:      ret

        .equ    ALU_FLAGS, RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF
        .macro  ALU operation
        .balign 8
        \operation al, dl
        ret
        .balign 8
        \operation ax, dx
        ret
        .balign 8
        \operation eax, edx
        ret
        .balign 8
        \operation rax, rdx
        ret
        .endm
        .balign 8
# alu - Eight bytes for each operation and size.  Entry: rax, rdx = operands, and the carry.  Exit: rax, flags.
# Keeps every register.
alu:    ALU     add
        ALU     or
        ALU     adc
        ALU     sbb
        ALU     and
        ALU     sub
        ALU     xor
        ALU     cmp
        ALU     test

# mmio_is_apic - Entry: r12 = address, rbx = VP.  Exit: zero flag set when it lies in the APIC page and the page is there.
# Changes rcx, rdx.
mmio_is_apic:
        mov     rdx, [rbx + VP_APIC_BASE]
        mov     ecx, edx
        and     ecx, APICBASE_EN | APICBASE_EXTD
        cmp     ecx, APICBASE_EN
        jne     1f
        xor     rdx, r12
        and     rdx, -PAGE
1:      ret

text_access:    .asciz "access to memory that does not exist"
text_address:   .asciz "  guest-physical address "
