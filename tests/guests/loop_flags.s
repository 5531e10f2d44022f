# Expect: pass. LOOPE and LOOPNE change no flags, whichever way they end.
        .include "lib.s"

        .macro  ENDS_BY_COUNT name, before, first, second
        mov     ecx, 1
        mov     eax, 5
        rdtsc                                   # the block after it begins with flags that are known
        mov     eax, 5
        \before \first, \second
        \name   1f
1:      pushfq
        pop     rbx
        mov     eax, 5
        \before \first, \second
        pushfq
        pop     rdx
        EQ      rbx, rdx
        EQ      ecx, 0
        .endm

        .macro  ENDS_BY_FLAG name, before, first, second
        mov     ecx, 7
        rdtsc
        mov     eax, 5
        \before \first, \second
        \name   1f
1:      pushfq
        pop     rbx
        mov     eax, 5
        \before \first, \second
        pushfq
        pop     rdx
        EQ      rbx, rdx
        EQ      ecx, 6
        .endm

test:   ENDS_BY_COUNT loopne, cmp, eax, 8
        ENDS_BY_COUNT loope, cmp, eax, 8
        ENDS_BY_COUNT loopne, cmp, eax, 5
        ENDS_BY_COUNT loope, add, eax, -5
        ENDS_BY_COUNT loopne, add, eax, 0x7FFFFFFF
        ENDS_BY_COUNT loope, test, eax, eax
        ENDS_BY_COUNT loopne, shl, eax, 31
        ENDS_BY_FLAG loopne, cmp, eax, 8
        ENDS_BY_FLAG loope, cmp, eax, 5
        ENDS_BY_FLAG loopne, cmp, eax, 5
        PASS
