# Expect: pass. The APIC moves to where no memory is, shows in CPUID while it is on, and refuses reserved bits in x2APIC mode.
        .include "hvlib.s"

        .equ    ELSEWHERE, 0xF1000000
        .equ    PLAIN_BASE, MEMORY_LOCAL_APIC | APICBASE_EN | APICBASE_BSP
        .equ    X2, 0x800
        .equ    OURS, 0x51

test:   mov     ebx, MEMORY_LOCAL_APIC
        mov     r12d, ELSEWHERE
        mov     r13d, [rbx + APIC_VERSION*16]
        EQ      dword ptr [r12 + APIC_VERSION*16], -1
        WRMSR   MSR_APIC_BASE, ELSEWHERE | APICBASE_EN | APICBASE_BSP
        RDMSR   MSR_APIC_BASE
        EQ      eax, ELSEWHERE | APICBASE_EN | APICBASE_BSP
        EQ      dword ptr [r12 + APIC_VERSION*16], r13d
        EQ      dword ptr [rbx + APIC_VERSION*16], -1
        mov     dword ptr [r12 + APIC_TPR*16], 0x30
        mov     rax, cr8
        EQ      eax, 3
        WRMSR   MSR_APIC_BASE, 0x4000000000 | APICBASE_EN | APICBASE_BSP        # above 4 GiB
        WRMSR   MSR_APIC_BASE, PLAIN_BASE
        EQ      dword ptr [rbx + APIC_TPR*16], 0x30
        mov     dword ptr [rbx + APIC_TPR*16], 0
        GP_WRITE MSR_APIC_BASE, 0x100000 | APICBASE_EN | APICBASE_BSP           # memory is there
        GP_WRITE MSR_APIC_BASE, PLAIN_BASE | 1
        GP_WRITE MSR_APIC_BASE, PLAIN_BASE | 1 << 51
        GP_WRITE MSR_APIC_BASE, MEMORY_LOCAL_APIC | APICBASE_EXTD | APICBASE_BSP
        RDMSR   MSR_APIC_BASE
        EQ      eax, PLAIN_BASE

        call    features                        # ---- CPUID ----
        BITS    edx, FEATURE_D_APIC
        WRMSR   MSR_APIC_BASE, MEMORY_LOCAL_APIC | APICBASE_BSP
        call    features
        NOBITS  edx, FEATURE_D_APIC
        mov     ebx, MEMORY_LOCAL_APIC
        EQ      dword ptr [rbx + APIC_VERSION*16], -1
        WRMSR   MSR_APIC_BASE, PLAIN_BASE
        call    features
        BITS    edx, FEATURE_D_APIC

        ON      OURS, taken                     # ---- reserved bits of the x2APIC's registers ----
        WRMSR   MSR_APIC_BASE, PLAIN_BASE | APICBASE_EXTD
        WRMSR   X2 + APIC_SVR, SVR_ENABLE | 0xFF
        GP_WRITE X2 + APIC_SELF_IPI, OURS | 0x100
        GP_WRITE X2 + APIC_SELF_IPI, OURS | 1 << 31
        GP_WRITE X2 + APIC_SELF_IPI, OURS | 1 << 32
        GP_WRITE X2 + APIC_TPR, 0x100
        GP_WRITE X2 + APIC_SVR, SVR_ENABLE | 0x40FF
        GP_WRITE X2 + APIC_LVT_TIMER, 1 << 13
        GP_WRITE X2 + APIC_LVT_ERROR, LVT_MODE
        GP_WRITE X2 + APIC_DIVIDE, 4
        GP_WRITE X2 + APIC_EOI, 1
        GP_WRITE X2 + APIC_ESR, 1
        WRMSR   X2 + APIC_LVT_TIMER, LVT_MASKED | LVT_STATUS
        WRMSR   X2 + APIC_LVT_LINT0, LVT_MASKED | LVT_STATUS | LVT_REMOTE_IRR
        RDMSR   X2 + APIC_LVT_LINT0
        EQ      eax, LVT_MASKED
        OPEN
        EQ      dword ptr [rip + count], 0
        WRMSR   X2 + APIC_SELF_IPI, OURS
        OPEN
        EQ      dword ptr [rip + count], 1
        WRMSR   X2 + APIC_EOI, 0
        PASS

features:
        mov     eax, LEAF_FEATURES
        cpuid
        ret
taken:  inc     dword ptr [rip + count]
        ret
        .align  8
count:  .quad   0
