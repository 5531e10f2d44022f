# Expect: pass; processors=3. INIT and start-up IPIs count in the order they come: one right after the other, twice, without INIT, to all, to itself.
        .include "lib.s"
        .include "smplib.s"

        .equ    FIRST, 0x20                     # pages of two copies of the same code
        .equ    SECOND, 0x21
        .equ    STARTED, 0x1F000                # for each APIC: how often it was started, then CS of the last time
        .equ    TO_ONE, 1 << 24
        .macro  INIT
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT | ICR_LEVEL
        .endm
        .macro  DEASSERT
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_INIT) | ICR_LEVEL
        .endm
        .macro  SIPI page
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | \page
        .endm
# RAN n, page - Processor 1 has been started n times in all, the last time there.
        .macro  RAN n, page
        call    settle
        EQ      dword ptr [STARTED + 16], \n
        EQ      dword ptr [STARTED + 20], (\page) << 8
        .endm
test:   COPY_OF real, FIRST << 12
        COPY_OF real, SECOND << 12
        mov     edi, STARTED
        mov     ecx, 64
        xor     eax, eax
        rep stosb
        WAKE    work
        call    settle
        APIC_WRITE APIC_ICR_HIGH, TO_ONE
        INIT                                    # at once
        SIPI    FIRST
        RAN     1, FIRST
        INIT                                    # with the level de-assert of old, and two SIPIs: the first counts
        DEASSERT
        SIPI    SECOND
        SIPI    FIRST
        RAN     2, SECOND
        SIPI    FIRST                           # it does not wait for one
        RAN     2, SECOND
        SIPI    FIRST                           # nor does it remember one when INIT comes
        INIT
        RAN     2, SECOND
        SIPI    FIRST
        RAN     3, FIRST
        INIT                                    # INIT takes back the SIPI before it
        SIPI    SECOND
        INIT
        RAN     3, FIRST
        INIT
        SIPI    SECOND
        RAN     4, SECOND
        DEASSERT                                # by itself it is nothing
        SIPI    FIRST
        RAN     4, SECOND

        RDMSR   MSR_APIC_BASE                   # the same from x2APIC mode
        or      eax, APICBASE_EXTD
        wrmsr
        WRMSR   X2APIC_FIRST + APIC_ICR, 1 << 32 | put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT
        WRMSR   X2APIC_FIRST + APIC_ICR, 1 << 32 | put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | FIRST
        RAN     5, FIRST
        EQ      dword ptr [STARTED + 32], 0     # nobody else was meant
        WRMSR   X2APIC_FIRST + APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_OTHERS) | put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT
        WRMSR   X2APIC_FIRST + APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_OTHERS) | put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | SECOND
        RAN     6, SECOND
        EQ      dword ptr [STARTED + 32], 1
        EQ      dword ptr [STARTED + 36], SECOND << 8

        mov     dword ptr [STARTED + 0x100], 1  # it sends itself an INIT and, which is lost, a SIPI
        call    settle
        EQ      dword ptr [STARTED + 0x104], 2  # it got no further than the INIT
        EQ      dword ptr [STARTED + 16], 6
        WRMSR   X2APIC_FIRST + APIC_ICR, 1 << 32 | put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | FIRST
        RAN     7, FIRST
        PASS
settle: mov     ecx, 20000
1:      pause
        loop    1b
        ret
work:   pause
        jmp     work
        .align  16
        .code16
real:   mov     ax, STARTED >> 4
        mov     ds, ax
        mov     eax, 1
        cpuid
        shr     ebx, 24
        shl     bx, 4
        inc     dword ptr [bx]
        xor     eax, eax
        mov     ax, cs
        mov     [bx + 4], eax
1:      cmp     bx, 16                          # goes on without a pause
        jne     1b
        cmp     dword ptr [0x100], 1
        jne     1b
        mov     dword ptr [0x100], 0
        mov     ecx, MSR_APIC_BASE
        rdmsr
        or      eax, APICBASE_EXTD
        wrmsr
        mov     dword ptr [0x104], 2
        mov     ecx, X2APIC_FIRST + APIC_ICR
        mov     eax, put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT
        mov     edx, 1
        wrmsr
        mov     dword ptr [0x104], 3
        hlt
real_end:
        .code64
