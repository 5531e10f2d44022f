# Expect: pass. SWAPGS exchanges the GS base with IA32_KERNEL_GS_BASE in ring 0 and faults in ring 3.
        .include "lib.s"

test:   mov     qword ptr [FREE], 11
        mov     qword ptr [FREE + 0x100], 22
        WRMSR   MSR_GS_BASE, FREE
        WRMSR   MSR_KERNEL_GS_BASE, FREE + 0x100
        EQ      qword ptr gs:[0], 11
        swapgs
        EQ      qword ptr gs:[0], 22
        RDMSR   MSR_KERNEL_GS_BASE
        EQ      rax, FREE
        RDMSR   MSR_GS_BASE
        EQ      rax, FREE + 0x100
        swapgs
        EQ      qword ptr gs:[0], 11
        xor     eax, eax
        mov     gs, ax                          # a null selector: what happens to the base is the model's; load it again
        WRMSR   MSR_GS_BASE, FREE
        mov     rax, 1 << (LINEAR_BITS - 1)
        mov     rdx, rax
        shr     rdx, 32
        mov     ecx, MSR_KERNEL_GS_BASE
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        RING3
        EXPECT  VECTOR_GP
        swapgs
        CAUGHT
        RING0
        PASS
