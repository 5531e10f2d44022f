# Expect: pass. A return to an outer level that makes FS or GS null keeps the base; loading a null selector clears it.
        .include "lib.s"

        .equ    FS_VALUE, 0x5555000
        .equ    GS_VALUE, 0x123456789000
        .macro  BASES fs, gs
        RDMSR   MSR_FS_BASE
        mov     rdx, \fs
        EQ      rax, rdx
        RDMSR   MSR_GS_BASE
        mov     rdx, \gs
        EQ      rax, rdx
        .endm
        .macro  LOAD selector
        mov     eax, \selector
        mov     fs, eax
        mov     gs, eax
        WRMSR   MSR_FS_BASE, FS_VALUE
        WRMSR   MSR_GS_BASE, GS_VALUE
        .endm
test:   LOAD    DATA
        RING3                                   # by IRET
        mov     eax, fs
        mov     ecx, gs
        or      eax, ecx
        EQ      ax, 0
        RING0
        BASES   FS_VALUE, GS_VALUE
        LOAD    DATA
        push    USER_DATA                       # by RET, with parameters to drop
        push    USER + STACK3
        push    7
        push    USER_CODE64
        mov     [rip + kernel_rsp], rsp
        mov     rax, USER + .outer
        push    rax
        retfq   8
.outer: mov     eax, fs
        mov     ecx, gs
        or      eax, ecx
        EQ      ax, 0
        EQ      rsp, USER + STACK3 + 8
        RING0
        BASES   FS_VALUE, GS_VALUE
        LOAD    DATA                            # one that faults changes nothing
        push    USER_DATA
        push    USER + STACK3
        pushfq
        push    DATA
        push    0
        EXPECT  VECTOR_GP, DATA
        iretq
        CAUGHT
        add     rsp, 40
        mov     eax, gs
        EQ      ax, DATA
        BASES   FS_VALUE, GS_VALUE
        LOAD    USER_DATA                       # a segment of the user's own stays
        RING3
        mov     eax, fs
        EQ      ax, USER_DATA
        RING0
        BASES   FS_VALUE, GS_VALUE
        LOAD    0                               # null before: the base is there as well
        RING3
        RING0
        BASES   FS_VALUE, GS_VALUE
        xor     eax, eax
        mov     fs, eax
        mov     gs, eax
        BASES   0, 0
        PASS
