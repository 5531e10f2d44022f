# Expect: pass. Sixteen VPs count on the processors there are: none starves, and all get about the same.
        .include "rootlib.s"

        .equ    VPS, 16
        .equ    C_COUNTS, 0x28000
test:   ROOT_BEGINS
        EMPTY_CHILD (POOL >> 12) + ROOT_POOL, 96
        lea     rsi, [rip + guest]
        mov     ecx, guest_end - guest
        call    load_child
        call    long_child
        mov     ebx, 1
1:      call    clear_input
        mov     [INPUT], r15
        mov     [INPUT + 8], ebx
        OK      HVCALL_CREATE_VP
        mov     esi, ebx
        mov     edx, CHILD_STACK
        call    start_vp
        EQ      eax, 0
        inc     ebx
        cmp     ebx, VPS
        jb      1b
        SET     HVREG_EXPLICIT_SUSPEND, 0
        mov     edi, CHILD + C_COUNTS           # now all run
        mov     ecx, VPS
        xor     eax, eax
        rep stosq
        RDMSR   HVMSR_TIME_REF_COUNT
        lea     r12, [rax + 2000000]            # 200 ms
2:      CALL_FAST HVCALL_SPIN_WAIT, 1
        RDMSR   HVMSR_TIME_REF_COUNT
        cmp     rax, r12
        jb      2b
        mov     r13, -1                         # least
        xor     r14d, r14d                      # most
        xor     ecx, ecx
3:      mov     rax, [CHILD + C_COUNTS + rcx*8]
        cmp     rax, r13
        cmovb   r13, rax
        cmp     rax, r14
        cmova   r14, rax
        inc     ecx
        cmp     ecx, VPS
        jb      3b
        NE      r13, 0
        imul    r13, r13, 5                     # within a quarter
        shl     r14, 2
        CONDITION jae, r13, r14
        END_CHILD
        PASS

guest:  mov     ecx, HVMSR_VP_INDEX
        rdmsr
1:      inc     qword ptr [C_COUNTS + rax*8]
        jmp     1b
guest_end:
        LIBRARY
