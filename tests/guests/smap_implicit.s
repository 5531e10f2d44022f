# Expect: pass. RFLAGS.AC opens user pages to what a ring-0 instruction names, its stack among it, not to its reads of the GDT.
        .include "lib.s"

        .equ    FAR_DATA, 0x1008                # a selector in the second page of the table
        .equ    TABLE, FREE                     # of two pages: the first supervisor's, the second the user's
        .macro  DENIED
        EXPECT  VECTOR_PF, PFEC_P
        .endm
        .macro  SAME_ADDRESS
        CAUGHT
        mov     rax, WINDOW + FAR_DATA
        EQ      [rip + fault_address], rax
        mov     eax, FAR_DATA
        .endm
test:   cld
        mov     edi, TABLE
        mov     esi, gdt
        mov     ecx, gdt_end - gdt
        rep movsb
        mov     rax, [rip + gdt + DATA]
        mov     [TABLE + FAR_DATA], rax
        MAP     0, TABLE + PTE_P + PTE_RW
        MAP     1, TABLE + 0x1000 + USER_PAGE
        MAP     2, TABLE + 0x2000 + USER_PAGE
        lgdt    [rip + wide]
        mov     eax, FAR_DATA
        mov     es, eax                         # without SMAP
        mov     rax, cr4
        or      rax, CR4_SMAP
        mov     cr4, rax
        call    refused                         # with AC = 0
        stac
        call    refused                         # and with AC = 1
        mov     rcx, [WINDOW + FAR_DATA]        # which the same bytes can be read with
        call    refused

        mov     rbx, rsp                        # the stack on a user page
        mov     esp, WINDOW + 0x2800
        push    CODE64
        lea     rax, [rip + .far]
        push    rax
        retfq
.far:   push    DATA
        push    rbx
        pushfq
        push    CODE64
        lea     rax, [rip + .iret]
        push    rax
        iretq
.iret:  EQ      rsp, rbx
        mov     esp, WINDOW + 0x2800
        lcall   fword ptr [rip + to_far]
        mov     rsp, rbx
        EQ      eax, 0x44
        mov     byte ptr [rip + idt + 16 * VECTOR_PF + 4], 1    # the handler's stack is another
        clac
        mov     esp, WINDOW + 0x2800
        DENIED
        retfq
        CAUGHT
        DENIED
        iretq
        CAUGHT
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        lcall   fword ptr [rip + to_far]
        CAUGHT
        mov     rsp, rbx
        PASS

refused: mov    eax, FAR_DATA
        DENIED
        mov     es, eax
        SAME_ADDRESS
        DENIED
        verr    ax
        SAME_ADDRESS
        DENIED
        verw    ax
        SAME_ADDRESS
        DENIED
        lar     ecx, eax
        SAME_ADDRESS
        DENIED
        lsl     ecx, eax
        SAME_ADDRESS
        DENIED
        ljmp    fword ptr [rip + to_table]
        SAME_ADDRESS
        ret
far:    mov     eax, 0x44
        retf

to_far: .long   far
        .word   CODE64
to_table: .long 0
        .word   FAR_DATA
wide:   .word   0x1FFF
        .quad   WINDOW
