# io_string.s - INS and OUTS: one element an exit, through the guest's page tables.
#
# With REP, RIP stays until the count is used up, so interrupts come in between.
# Source  SDM 2A, "INS", SDM 2B, "OUTS"; SDM 3C, "Format of the VM-Exit Instruction-Information Field as Used for INS and OUTS"

# io_string - Entry: r12 = qualification, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12.
io_string:
        VMGET   r13, VMCS_EXIT_INSTRUCTION_INFO
        shr     r13d, 7
        and     r13d, 7                         # address size: 0 16, 1 32, 2 64 bits
        mov     eax, 0xFFFF
        mov     rdx, NEVER
        test    r13d, r13d
        cmovz   rdx, rax
        cmp     r13d, 1
        jne     1f
        mov     edx, 0xFFFFFFFF
1:      mov     r13, rdx                        # mask of RCX, RSI, RDI
        test    r12d, QUAL_IO_REP
        jz      2f
        test    [rbx + VP_RCX], r13
        jz      advance
2:      mov     r14d, r12d
        and     r14d, QUAL_IO_SIZE
        inc     r14d                            # bytes of an element
        VMGET   r15, VMCS_GUEST_LINEAR_ADDRESS
        call    io_reach
        jc      fault_pf

        mov     edi, r12d
        shr     edi, shift(QUAL_IO_PORT)
        mov     esi, r14d
        test    r12d, QUAL_IO_IN
        jz      io_outs
        call    port_read
        call    io_store
        mov     ecx, GPR_RDI
        jmp     io_step
io_outs:
        call    io_load
        mov     edx, eax
        mov     edi, r12d
        shr     edi, shift(QUAL_IO_PORT)
        mov     esi, r14d
        call    port_write
        mov     ecx, GPR_RSI

io_step:                                        # the index register moves by an element, in its own width
        VMGET_KEEP rdx, VMCS_GUEST_RFLAGS
        mov     eax, r14d
        neg     rax
        test    edx, RFLAGS_DF
        jnz     3f
        neg     rax
3:      lea     rdi, [rbx + rcx*8 + VP_RAX]
        add     rax, [rdi]
        call    io_put
        test    r12d, QUAL_IO_REP
        jz      advance
        lea     rdi, [rbx + VP_RCX]
        mov     rax, [rdi]
        dec     rax
        call    io_put
        test    [rbx + VP_RCX], r13
        jz      advance
        call    advance_shadow                  # the instruction goes on: each iteration is a step
        RESUME_FLAG                             # an interrupt may come between
        ret

# io_put - Write a register; a 32-bit write clears the upper half.  Entry: rdi = where it is, rax = value, r13 = mask.
# Exit: nothing.  Changes rax, rdx.
io_put: and     rax, r13
        mov     rdx, r13
        shr     rdx, 16
        jnz     1f
        mov     [rdi], ax
        ret
1:      mov     [rdi], rax
        ret

# io_reach - Can every byte of the element be reached?
# Entry: r15 = linear address, r14 = bytes, r12 = qualification, rbp = partition.
# Exit: carry clear, or set with edi = error code and rsi = address for fault_pf.  Keeps rbx, rbp, r12-r15.
io_reach:
        mov     rdi, r15
        call    io_translate
        jc      1f
        lea     rdi, [r15 + r14 - 1]
        call    io_translate
1:      ret

# io_translate - Entry: rdi = linear address, r12 = qualification, rbp = partition.
# Exit: rax = host address; or carry, edi = error code, rsi = address.  Keeps rbx, rbp, r12-r15.
# An address without memory raises #PF as if it were not present.
io_translate:
        push    rdi
        call    guest_cpl
        xor     esi, esi
        cmp     eax, 3
        jne     1f
        or      esi, PFEC_US
1:      test    r12d, QUAL_IO_IN
        jz      2f
        or      esi, PFEC_WR
2:      mov     rdi, [rsp]
        call    guest_walk
        jc      3f
        mov     rdi, rax
        call    guest_memory
        test    rax, rax
        jz      4f
        add     rsp, 8
        clc
        ret
4:      mov     eax, esi
3:      mov     edi, eax
        pop     rsi
        stc
        ret

# io_load - The element, byte by byte (it may lie in two pages).  Entry: r12, r14, r15, rbp as io_reach.  Exit: eax.
# Keeps rbx, rbp, r12-r15.
io_load:
        push    r13
        push    0
        xor     r13d, r13d
1:      lea     rdi, [r15 + r13]
        call    io_translate
        jc      2f
        mov     al, [rax]
        mov     [rsp + r13], al
        inc     r13d
        cmp     r13d, r14d
        jb      1b
2:      pop     rax
        pop     r13
        ret
# io_store - Entry: eax = the element; r12, r14, r15, rbp as io_reach.  Exit: nothing.  Keeps rax, rbx, rbp, r12-r15.
io_store:
        push    r13
        push    rax
        xor     r13d, r13d
1:      lea     rdi, [r15 + r13]
        call    io_translate
        jc      2f
        mov     cl, [rsp + r13]
        mov     [rax], cl
        inc     r13d
        cmp     r13d, r14d
        jb      1b
2:      pop     rax
        pop     r13
        ret
