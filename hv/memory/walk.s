# walk.s - the guest's own page tables, walked by software: for the bytes of an instruction and operands of INS and OUTS.
#
# 32-bit (with 4 MiB pages), PAE, 4-level and 5-level paging, or none.  A page that the partition does not have counts as not
# present.  Not examined: reserved bits and SMAP; accessed and dirty bits are not set.
# Source  SDM 3A, "Paging"

# guest_walk - Entry: rdi = linear address, esi = PFEC_WR, PFEC_US, PFEC_ID wanted; rbx = VP, rbp = partition.
# Exit: rax = guest-physical address, carry clear; or carry set and eax = error code of the page fault.
# Changes rcx, rdx, rdi, r8-r11.
guest_walk:
        push    r12
        push    r13
        push    r14
        mov     r12, rdi
        mov     r13d, PDE_RW | PDE_US           # rights, ANDed over the levels
        xor     r11d, r11d                      # XD, ORed
        VMGET   rax, VMCS_GUEST_EFER
        test    eax, EFER_LMA
        jz      walk_legacy
        test    esi, PFEC_WR
        jz      1f
        VMGET   r14, VMCS_GUEST_CR0             # for WP
1:      VMGET   rdi, VMCS_GUEST_CR3
        VMGET   rax, VMCS_GUEST_CR4
        mov     r9d, 39                         # shift of the first level
        test    eax, CR4_LA57
        jz      walk_table
        mov     r9d, 48
        jmp     walk_table

walk_legacy:
        VMGET   r14, VMCS_GUEST_CR0
        test    r14d, CR0_PG
        jnz     2f
        mov     eax, r12d
        clc
        jmp     walk_leave
2:      VMGET   rdi, VMCS_GUEST_CR3
        VMGET   rax, VMCS_GUEST_CR4
        test    eax, CR4_PAE
        jz      walk_32
        mov     eax, r12d                       # PAE: the four entries are in the VMCS
        shr     eax, 30
        lea     ecx, [rax*2 + VMCS_GUEST_PDPTE0]
        vmread  rdi, rcx
        test    edi, PDE_P
        jz      walk_absent
        mov     r12d, r12d
        mov     r9d, 21

walk_table:                                     # rdi = table of 64-bit entries, r9 = shift of its index
        mov     rax, WALK_ADDRESS
        and     rdi, rax
        mov     rax, r12
        mov     ecx, r9d
        shr     rax, cl
        and     eax, ENTRIES - 1
        lea     rdi, [rdi + rax*8]
        call    guest_memory
        test    rax, rax
        jz      walk_absent
        mov     rdi, [rax]
        test    edi, PDE_P
        jz      walk_absent
        or      r11, rdi
        mov     r10, rax                        # where the entry is
        mov     eax, edi
        or      eax, ~(PDE_RW | PDE_US) & 0xFFFFFFFF
        and     r13d, eax
        cmp     r9d, 12
        je      walk_page
        cmp     r9d, 30
        ja      1f
        test    edi, PDE_2M_PS
        jnz     walk_page
1:      sub     r9d, 9
        jmp     walk_table

walk_page:                                      # rdi = leaf, r9 = bits of offset
        mov     ecx, r9d
        mov     rax, -1
        shl     rax, cl
        mov     rdx, WALK_ADDRESS
        and     rdx, rax
        and     rdi, rdx
        not     rax
        and     rax, r12
        or      rax, rdi
        call    walk_rights
walk_leave:
        pop     r14
        pop     r13
        pop     r12
        ret
walk_absent:
        mov     eax, esi                        # P = 0
        stc
        jmp     walk_leave

walk_32:                                        # 32-bit entries, two levels
        mov     r8d, eax                        # CR4, for PSE
        mov     r12d, r12d
        and     edi, 0xFFFFF000
        mov     eax, r12d
        shr     eax, 22
        lea     rdi, [rdi + rax*4]
        call    guest_memory
        test    rax, rax
        jz      walk_absent
        mov     edi, [rax]
        test    edi, PDE_P
        jz      walk_absent
        and     r13d, edi
        mov     r9d, 22
        test    r8d, CR4_PSE
        jz      1f
        test    edi, PDE_2M_PS
        jz      1f
        mov     eax, edi                        # 4 MiB page: bits 20:13 are address bits 39:32
        and     edi, 0xFFC00000
        shr     eax, 13
        and     eax, 0xFF
        shl     rax, 32
        or      rdi, rax
        jmp     walk_page
1:      and     edi, 0xFFFFF000
        mov     eax, r12d
        shr     eax, 12
        and     eax, 1023
        lea     rdi, [rdi + rax*4]
        call    guest_memory
        test    rax, rax
        jz      walk_absent
        mov     edi, [rax]
        test    edi, PDE_P
        jz      walk_absent
        and     r13d, edi
        mov     r9d, 12
        jmp     walk_page

# walk_rights - Entry: rax = address, esi = wanted, r13d = rights, r11 = XD, r14d = CR0.  Exit: rax and carry as guest_walk's.
# Changes nothing else.
walk_rights:
        test    esi, PFEC_US
        jz      1f
        test    r13d, PDE_US
        jz      3f
1:      test    esi, PFEC_WR
        jz      2f
        test    r13d, PDE_RW
        jnz     2f
        test    esi, PFEC_US
        jnz     3f
        test    r14d, CR0_WP
        jnz     3f
2:      test    esi, PFEC_ID
        jz      4f
        bt      r11, 63
        jc      3f
4:      clc
        ret
3:      mov     eax, esi
        or      eax, PFEC_P
        stc
        ret

        .equ    WALK_ADDRESS, PDE_ADDRESS
