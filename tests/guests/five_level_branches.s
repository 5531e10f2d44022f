# Expect: pass. RIP is canonical for the paging mode: with 5 levels branches refuse bit 56 alone, with 4 a 57-bit LSTAR faults at its fetch.
        .include "lib.s"
        .include "modelib.s"
        .include "fivelib.s"

test:   call    five_tables
        RDMSR   MSR_EFER
        or      eax, EFER_SCE
        xor     edx, edx
        wrmsr
        WRMSR   MSR_LSTAR, HIGH + 0x2000        # the processor has 57 bits
        WRMSR   MSR_STAR, CODE64 << 32 | USER_CODE32 << 48
        mov     rbx, HIGH + 0x2000
        EXPECT_AT VECTOR_GP, 0, 0
        mov     [rip + expect_rip], rbx
        syscall                                 # 4 levels: the fetch faults
        CAUGHT
        LEAVE_LONG
        mov     eax, cr4
        or      eax, CR4_LA57
        mov     cr4, eax
        ENTER_LONG PML5

        mov     rbx, 1 << 56
        mov     r12, rsp
        push    DATA
        push    r12
        pushfq
        push    CODE64
        push    rbx
        EXPECT  VECTOR_GP
        iretq
        CAUGHT
        mov     rsp, r12
        push    CODE64
        push    rbx
        EXPECT  VECTOR_GP
        retfq
        CAUGHT
        mov     rsp, r12
        push    rbx
        EXPECT  VECTOR_GP
        ret
        CAUGHT
        mov     rsp, r12
        EXPECT  VECTOR_GP
        call    rbx
        CAUGHT
        EQ      rsp, r12
        mov     rcx, rbx
        EXPECT  VECTOR_GP
        sysretq
        CAUGHT
        mov     rbx, 0x0000800000000000         # between the halves of 48 bits
        EXPECT_AT VECTOR_PF, PFEC_ID, 0
        mov     [rip + expect_rip], rbx
        jmp     rbx
        CAUGHT
        mov     rax, HIGH + 0x2000
        lea     rcx, [rip + .back]
        push    rcx
        pushfq
        pop     rdx
        mov     rcx, rsp
        push    DATA
        push    rcx
        push    rdx
        push    CODE64
        push    rax
        iretq
.back:  EQ      eax, 0x1234
        RING3
        mov     rbx, 1 << 56
        EXPECT  VECTOR_GP
        mov     [rbx], eax
        CAUGHT
        mov     rbx, HIGH
        EQ      dword ptr [rbx + 8], 0
        RING0
        PASS
