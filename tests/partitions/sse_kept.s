# Expect: pass. SSE and x87 registers, debug addresses and SYSCALL MSRs are a VP's own, however often others run.
        .include "hvlib.s"

        .equ    NUMBER, 0xE5010                 # guest information: partition number
        .equ    ROUNDS, 1000
        .macro  WRMSR_R msr
        mov     ecx, \msr
        mov     eax, r12d
        xor     edx, edx
        wrmsr
        .endm
test:   mov     eax, [NUMBER]
        imul    r12, rax, 0x01010101
        inc     r12
        mov     rax, cr4
        or      eax, CR4_OSFXSR | CR4_OSXMMEXCPT
        mov     cr4, rax
        movq    xmm0, r12
        movq    xmm7, r12
        movq    xmm15, r12
        fninit
        push    r12
        fild    qword ptr [rsp]
        pop     rax
        mov     dr0, r12
        mov     dr3, r12
        mov     cr2, r12
        WRMSR_R MSR_LSTAR
        WRMSR_R MSR_KERNEL_GS_BASE
        WRMSR_R MSR_TSC_AUX

        mov     ebx, ROUNDS
1:      movq    rax, xmm0
        EQ      rax, r12
        movq    rax, xmm15
        EQ      rax, r12
        fist    dword ptr [rsp - 16]
        EQ      [rsp - 16], r12d
        mov     rax, dr0
        EQ      rax, r12
        mov     rax, dr3
        EQ      rax, r12
        mov     rax, cr2
        EQ      rax, r12
        RDMSR   MSR_LSTAR
        EQ      rax, r12
        RDMSR   MSR_KERNEL_GS_BASE
        EQ      rax, r12
        rdtscp
        EQ      ecx, r12d
        mov     ecx, 100
2:      pause
        dec     ecx
        jnz     2b
        dec     ebx
        jnz     1b
        PASS
