# Expect: pass. Privileged instructions raise #GP(0) in ring 3.
        .include "lib.s"

        .macro  PRIVILEGED instruction
        EXPECT  VECTOR_GP
        \instruction
        CAUGHT
        .endm
test:   mov     rax, cr4
        and     rax, ~CR4_PCE
        or      rax, CR4_TSD
        mov     cr4, rax
        RDMSR   MSR_EFER
        or      rax, EFER_SCE                   # else SYSRET is undefined
        WRMSR   MSR_EFER, rax
        RING3
        lea     rbx, [rip + memory]
        PRIVILEGED hlt
        PRIVILEGED cli
        PRIVILEGED sti
        PRIVILEGED clts
        PRIVILEGED invd
        PRIVILEGED wbinvd
        PRIVILEGED rdmsr
        PRIVILEGED wrmsr
        PRIVILEGED "mov rax, cr0"
        PRIVILEGED "mov cr0, rax"
        PRIVILEGED "mov rax, cr2"
        PRIVILEGED "mov rax, cr3"
        PRIVILEGED "mov cr3, rax"
        PRIVILEGED "mov rax, cr4"
        PRIVILEGED "mov cr8, rax"
        PRIVILEGED "mov rax, dr7"
        PRIVILEGED "mov dr0, rax"
        PRIVILEGED "lgdt [rbx]"
        PRIVILEGED "lidt [rbx]"
        PRIVILEGED "lldt ax"
        PRIVILEGED "ltr ax"
        PRIVILEGED "lmsw ax"
        PRIVILEGED "invlpg [rbx]"
        PRIVILEGED swapgs
        PRIVILEGED sysretq
        PRIVILEGED rdtsc
        PRIVILEGED rdtscp
        RING0
        PASS
        .align  16
memory: .quad   0, 0
