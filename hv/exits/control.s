# control.s - accesses to control registers that exit: CR0 with bits of ours changed, CR4 bits not offered, CR8.
#
# Source  SDM 3A, "Control Registers", "Initializing IA-32e Mode"; SDM 2B, "MOV - Move to/from Control Registers"

# exit_cr - MOV to or from CR0, CR4, CR8.  Entry, Exit, Keeps: as a handler of exits.
exit_cr:
        VMGET   rax, VMCS_EXIT_QUALIFICATION
        mov     edx, eax
        mov     ecx, eax
        shr     ecx, shift(QUAL_CR_REGISTER)
        and     ecx, 15
        and     edx, QUAL_CR_ACCESS
        and     eax, QUAL_CR_NUMBER
        cmp     edx, put(QUAL_CR_ACCESS, CRACCESS_FROM)
        je      cr_from
        ja      exit_other                      # CLTS, LMSW: none of their bits is ours
        cmp     eax, 0
        je      cr0_write
        cmp     eax, 8
        je      cr8_write
        cmp     eax, 4
        je      fault_gp                        # only a bit that is not offered brings us here
        jmp     exit_other

cr_from:
        cmp     eax, 8
        jne     exit_other
        mov     eax, [rbx + VP_APIC + APIC_TPR*16]
        shr     eax, 4
        call    gpr_write
        jmp     advance

cr8_write:
        call    gpr_read
        cmp     rax, 15
        ja      fault_gp
        shl     eax, 4
        mov     [rbx + VP_APIC + APIC_TPR*16], eax
        WORK    WORK_EVENT
        jmp     advance

# cr0_write - NE is 1 in the real CR0, CD and NW are 0; the guest sees what it wrote.
# Entry: ecx = general register, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, rbp.
cr0_write:
        call    gpr_read
        mov     r12, rax
        shr     rax, 32
        jnz     fault_gp
        test    r12d, CR0_CD
        jnz     1f
        test    r12d, CR0_NW
        jnz     fault_gp
1:      test    r12d, CR0_PE
        jnz     2f
        test    r12d, CR0_PG
        jnz     fault_gp
2:      VMGET   r13, VMCS_GUEST_CR0
        VMGET   r14, VMCS_GUEST_EFER
        VMGET   r15, VMCS_GUEST_CR4
        mov     eax, r12d
        xor     eax, r13d
        test    eax, CR0_PG
        jz      cr0_reload
        test    r12d, CR0_PG
        jz      cr0_paging_off

        test    r14d, EFER_LME                  # paging on: IA-32e mode, if enabled
        jz      cr0_reload
        test    r15d, CR4_PAE
        jz      fault_gp
        VMGET   rax, VMCS_GUEST_CS_ACCESS_RIGHTS
        test    eax, AR_L
        jnz     fault_gp
        or      r14d, EFER_LMA
        VMPUT   VMCS_GUEST_EFER, r14
        VMGET   rax, VMCS_ENTRY_CONTROLS
        or      eax, ENTRYC_GUEST_64
        vmwrite rcx, rax
        jmp     cr0_store

cr0_paging_off:
        test    r14d, EFER_LMA
        jz      cr0_store
        test    r15d, CR4_PCIDE
        jnz     fault_gp
        VMGET   rax, VMCS_GUEST_CS_ACCESS_RIGHTS
        test    eax, AR_L
        jnz     fault_gp                        # not in 64-bit mode
        and     r14d, ~EFER_LMA & 0xFFFFFFFF
        VMPUT   VMCS_GUEST_EFER, r14
        VMGET   rax, VMCS_ENTRY_CONTROLS
        and     eax, ~ENTRYC_GUEST_64 & 0xFFFFFFFF
        vmwrite rcx, rax
        jmp     cr0_store

cr0_reload:                                     # PAE paging: the four entries are read again
        test    r12d, CR0_PG
        jz      cr0_store
        test    r14d, EFER_LMA
        jnz     cr0_store
        test    r15d, CR4_PAE
        jz      cr0_store
        call    pdptes_load
        jc      fault_gp
cr0_store:
        mov     rax, r12
        or      eax, CR0_ET
        VMPUT   VMCS_CR0_READ_SHADOW, rax
        and     eax, ~(CR0_CD | CR0_NW) & 0xFFFFFFFF
        or      eax, CR0_NE
        VMPUT   VMCS_GUEST_CR0, rax
        xor     eax, r13d
        test    eax, CR0_PG | CR0_WP | CR0_PE
        jz      advance
        call    vpid_flush
        jmp     advance

# pdptes_load - From the guest's CR3.  Entry: rbp = partition.  Exit: carry set when a present entry has reserved bits set.
# Changes rax, rcx, rdx, rdi, rsi, r8.
# Source  SDM 3A, "PDPTE Registers"
pdptes_load:
        VMGET   rdi, VMCS_GUEST_CR3
        and     edi, ~31 & 0xFFFFFFFF
        call    guest_memory                    # rax = host address, or 0
        test    rax, rax
        jz      3f
        mov     rsi, rax
        mov     ecx, [rel cpuid_hv_width]
        mov     r8, NEVER
        shl     r8, cl
        or      r8, lo32(PDPTE_PAE_RESERVED)    # and what lies beyond the physical address
        xor     edx, edx
1:      mov     rax, [rsi + rdx*8]
        test    al, PDPTE_P
        jz      2f
        test    rax, r8
        jnz     3f
2:      inc     edx
        cmp     edx, 4
        jb      1b
        mov     ecx, VMCS_GUEST_PDPTE0
        xor     edx, edx
4:      mov     rax, [rsi + rdx*8]
        vmwrite rcx, rax
        add     ecx, VMCS_GUEST_PDPTE1 - VMCS_GUEST_PDPTE0
        inc     edx
        cmp     edx, 4
        jb      4b
        clc
        ret
3:      stc
        ret

# vpid_flush - Drop all translations of this VP.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rdi.
# Source  SDM 3C, "INVVPID"
vpid_flush:
        mov     eax, INVVPID_TYPE_SINGLE
        xor     edi, edi
# vpid_invalidate - Entry: rax = type, rdi = linear address, rbx = VP.  Exit: nothing.  Keeps every register.
vpid_invalidate:
        push    rdi
        push    qword ptr [rbx + VP_VPID]
        invvpid rax, [rsp]
        lea     rsp, [rsp + 16]
        ret
