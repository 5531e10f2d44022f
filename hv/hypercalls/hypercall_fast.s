# hypercall_fast.s - where a call's parameters are: lists in memory, or registers; and repeat calls.
#
# Source  TLFS, "Hypercall Interface", "XMM Fast Hypercall Input", "XMM Fast Hypercall Output", "Hypercall Continuation"

        .equ    FAST_BYTES, 112                 # RDX, R8, XMM0-XMM5

# call_counts - Exit: eax = repetitions, ecx = start.  Entry: r12 = input value.  Changes nothing else.
call_counts:
        mov     rax, r12
        shr     rax, shift(HVINPUT_COUNT)
        and     eax, get(HVINPUT_COUNT, HVINPUT_COUNT)
        mov     rcx, r12
        shr     rcx, shift(HVINPUT_START)
        and     ecx, get(HVINPUT_START, HVINPUT_START)
        ret

# call_memory - Both lists in guest memory; they may not overlap.  Entry: r13, r14 = their GPAs, rbx = VP, rbp = partition.
# Exit: carry set when one is not as it must be.  Changes rax, rcx, rdx, rdi.
call_memory:
        mov     rdi, r13
        mov     eax, [rbx + VP_CALL_BYTES]
        call    call_list
        jc      1f
        mov     [rbx + VP_CALL_INPUT], rax
        mov     rdi, r14
        mov     eax, [rbx + VP_CALL_RESULT]
        call    call_list
        jc      1f
        mov     [rbx + VP_CALL_OUTPUT], rax
        mov     ecx, [rbx + VP_CALL_BYTES]
        mov     edx, [rbx + VP_CALL_RESULT]
        test    ecx, ecx
        jz      1f
        test    edx, edx
        jz      1f
        mov     rdi, [rbx + VP_CALL_INPUT]
        add     rcx, rdi                        # end of the input
        cmp     rax, rcx
        jae     1f                              # carry clear
        add     rax, rdx                        # end of the output
        cmp     rdi, rax                        # carry: it begins before that
1:      ret

# call_list - A parameter list in guest memory.  Entry: rdi = GPA, eax = bytes (0: nothing is read), rbp = partition.
# Exit: rax = host address; carry set when it is not 8-aligned, leaves its page, or the memory.  Changes rcx.
call_list:
        test    eax, eax
        jz      1f
        test    edi, 7
        jnz     2f
        mov     ecx, edi
        and     ecx, PAGE - 1
        add     ecx, eax
        cmp     ecx, PAGE
        ja      2f
        call    guest_memory
        test    rax, rax
        jz      2f
1:      clc
        ret
2:      stc
        ret

# call_fast - Parameters in registers; the output follows the input, from the next pair on.
# Entry: r12-r15 as in hypercall.s, rbx = VP, rbp = partition.  Exit: rax and carry as call_do's.  Keeps rbx, rbp.
call_fast:
        mov     eax, [rbx + VP_CALL_BYTES]
        add     eax, 15
        and     eax, ~15
        mov     edx, eax
        add     edx, [rbx + VP_CALL_RESULT]
        cmp     edx, FAST_BYTES
        ja      call_bad_input
        lea     rcx, [rbx + VP_FAST]
        mov     [rbx + VP_CALL_INPUT], rcx
        add     rcx, rax
        mov     [rbx + VP_CALL_OUTPUT], rcx
        mov     [rbx + VP_FAST], r13
        mov     [rbx + VP_FAST + 8], r14
        movups  [rbx + VP_FAST + 0x10], xmm0
        movups  [rbx + VP_FAST + 0x20], xmm1
        movups  [rbx + VP_FAST + 0x30], xmm2
        movups  [rbx + VP_FAST + 0x40], xmm3
        movups  [rbx + VP_FAST + 0x50], xmm4
        movups  [rbx + VP_FAST + 0x60], xmm5
        call    call_run
        pushfq
        cmp     dword ptr [rbx + VP_CALL_RESULT], 0
        je      2f
        movups  xmm0, [rbx + VP_FAST + 0x10]
        movups  xmm1, [rbx + VP_FAST + 0x20]
        movups  xmm2, [rbx + VP_FAST + 0x30]
        movups  xmm3, [rbx + VP_FAST + 0x40]
        movups  xmm4, [rbx + VP_FAST + 0x50]
        movups  xmm5, [rbx + VP_FAST + 0x60]
        cmp     dword ptr [rbx + VP_CALL_BYTES], 0
        jne     2f
        mov     rcx, [rbx + VP_FAST]
        mov     rdx, [rbx + VP_FAST + 8]
        cmp     dword ptr [rbx + VP_CALL_LONG], 0
        je      1f
        mov     [rbx + VP_RDX], rcx
        mov     [rbx + VP_R8], rdx
        jmp     2f
1:      mov     [rbx + VP_RCX], ecx             # pairs EBX:ECX and EDI:ESI
        mov     [rbx + VP_RSI], edx
        shr     rcx, 32
        shr     rdx, 32
        mov     [rbx + VP_RBX], ecx
        mov     [rbx + VP_RDI], edx
2:      popfq
        ret

# call_rep - Elements from the start index; at most REP_LIMIT in one go.
# Entry: r12, r15 as in hypercall.s, rbx = VP.  Exit: rax and carry as call_do's.  Keeps rbx, rbp, r12-r15.
call_rep:
        push    r13
        push    r14
        call    call_counts
        mov     r13d, ecx
        mov     r14d, REP_LIMIT
1:      mov     rsi, [rbx + VP_CALL_INPUT]
        mov     rdi, [rbx + VP_CALL_OUTPUT]
        mov     edx, r13d
        movzx   eax, word ptr [r15 + CALL_ELEMENT]
        imul    eax, edx
        add     eax, [rbx + VP_CALL_LIST]
        lea     r8, [rsi + rax]
        movzx   eax, word ptr [r15 + CALL_OUTPUT]
        imul    eax, edx
        lea     r9, [rdi + rax]
        mov     ecx, [rbx + VP_CALL_VARIABLE]
        call    qword ptr [r15 + CALL_HANDLER]
        cmp     eax, CALL_LATER
        je      2f
        test    eax, eax
        jnz     3f                              # the element at fault is the number done
        inc     r13d
        call    call_counts
        cmp     r13d, eax
        mov     eax, HVSTATUS_SUCCESS
        jae     3f
        dec     r14d
        jnz     1b
2:      mov     rax, HVINPUT_START
        not     rax
        and     rax, r12
        shl     r13, shift(HVINPUT_START)
        or      rax, r13
        stc
        jmp     4f
3:      shl     r13, shift(HVRESULT_DONE)
        or      rax, r13                        # carry clear
4:      pop     r14
        pop     r13
        ret
