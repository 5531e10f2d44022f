# Expect: pass. INIT, start-up IPIs and what waits count in the order they come: an INIT takes back what came before it, an NMI after it is held.
        .include "hvlib.s"

        .equ    FIRST, 0x20                     # pages of two copies of the same code, outside what INIT and the tests change
        .equ    SECOND, 0x21
        .equ    TOLD, 0x1F000                   # of VP 1: starts, CS of the last, IPIs, NMIs, rounds of its loop
        .equ    STARTS, 0
        .equ    SEGMENT, 4
        .equ    IPIS, 8
        .equ    NMIS, 12
        .equ    LOOPS, 16
        .equ    OPEN_IT, 32                     # 1: it enables its APIC and interrupts; 2: its APIC alone
        .equ    STAY, 36                        # 1: its NMI handler does not return
        .equ    REST, 40                        # 1: it halts with interrupts off
        .equ    OTHER, 64                       # the same of VP 2
        .equ    IPI, 0x61
        .equ    ICR, X2APIC_FIRST + APIC_ICR
        .macro  COMMAND mode, more=0
        WRMSR   ICR, 1 << 32 | put(ICR_MODE, \mode) | ICR_ASSERT | \more
        .endm
        .macro  INIT
        COMMAND DELIVERY_INIT
        .endm
        .macro  SIPI page
        COMMAND DELIVERY_SIPI, \page
        .endm
        .macro  NMI
        COMMAND DELIVERY_NMI
        .endm
# RAN n, page - VP 1 has been started n times in all, the last time there.
        .macro  RAN n, page
        call    settle
        EQ      dword ptr [TOLD + STARTS], \n
        EQ      dword ptr [TOLD + SEGMENT], (\page) << 8
        .endm
        .macro  TOOK field, n
        EQ      dword ptr [TOLD + \field], \n
        .endm
# RUNS - Its loop goes round.
        .macro  RUNS
        mov     ebx, [TOLD + LOOPS]
        call    settle
        NE      [TOLD + LOOPS], ebx
        .endm
test:   COPY_OF real, FIRST << 12
        COPY_OF real, SECOND << 12
        mov     edi, TOLD
        mov     ecx, 128
        xor     eax, eax
        rep stosb
        mov     word ptr [IPI * 4], real_ipi - real
        mov     word ptr [IPI * 4 + 2], FIRST << 8
        mov     word ptr [VECTOR_NMI * 4], real_nmi - real
        mov     word ptr [VECTOR_NMI * 4 + 2], FIRST << 8
        RDMSR   MSR_APIC_BASE
        or      eax, APICBASE_EXTD
        wrmsr

        INIT                                    # ---- commands one right after the other ----
        SIPI    FIRST
        RAN     1, FIRST
        INIT                                    # of two SIPIs the first counts; the level de-assert of old is nothing
        WRMSR   ICR, 1 << 32 | put(ICR_MODE, DELIVERY_INIT) | ICR_LEVEL
        SIPI    SECOND
        SIPI    FIRST
        RAN     2, SECOND
        SIPI    FIRST                           # it runs
        RAN     2, SECOND
        RUNS
        SIPI    FIRST                           # nor does it remember one when INIT comes
        INIT
        RAN     2, SECOND
        SIPI    FIRST
        RAN     3, FIRST
        INIT                                    # INIT takes back the SIPI before it
        SIPI    SECOND
        INIT
        RAN     3, FIRST
        mov     ebx, [TOLD + LOOPS]             # and it waits
        call    settle
        EQ      [TOLD + LOOPS], ebx
        mov     dword ptr [TOLD + REST], 1
        SIPI    SECOND
        RAN     4, SECOND
        SIPI    FIRST                           # one that is halted ignores it, too
        RAN     4, SECOND
        INIT
        mov     dword ptr [TOLD + REST], 0
        SIPI    FIRST
        RAN     5, FIRST
        EQ      dword ptr [TOLD + OTHER], 0     # nobody else was meant
        WRMSR   ICR, put(ICR_SHORTHAND, SHORTHAND_OTHERS) | put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT
        WRMSR   ICR, put(ICR_SHORTHAND, SHORTHAND_OTHERS) | put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | SECOND
        RAN     6, SECOND
        EQ      dword ptr [TOLD + OTHER + STARTS], 1
        EQ      dword ptr [TOLD + OTHER + SEGMENT], SECOND << 8

        mov     dword ptr [TOLD + OPEN_IT], 2   # ---- an interrupt that waits, for interrupts are off, goes with INIT ----
        INIT
        SIPI    FIRST
        RAN     7, FIRST
        COMMAND DELIVERY_FIXED, IPI
        call    settle
        TOOK    IPIS, 0
        mov     dword ptr [TOLD + OPEN_IT], 1
        INIT
        SIPI    FIRST
        RAN     8, FIRST
        TOOK    IPIS, 0
        RUNS                                    # interrupts are on
        COMMAND DELIVERY_FIXED, IPI
        call    settle
        TOOK    IPIS, 1
        COMMAND DELIVERY_FIXED, IPI             # one right before INIT, and one when its APIC is off
        INIT
        COMMAND DELIVERY_FIXED, IPI
        SIPI    FIRST
        COMMAND DELIVERY_FIXED, IPI
        RAN     9, FIRST
        TOOK    IPIS, 1
        RUNS

        NMI                                     # ---- NMIs ----
        call    settle
        TOOK    NMIS, 1
        NMI                                     # right before INIT: gone
        INIT
        SIPI    FIRST
        RAN     10, FIRST
        TOOK    NMIS, 1
        INIT                                    # between INIT and SIPI, and after it: held
        NMI
        SIPI    FIRST
        RAN     11, FIRST
        TOOK    NMIS, 2
        INIT
        SIPI    FIRST
        NMI
        RAN     12, FIRST
        TOOK    NMIS, 3
        INIT                                    # while it waits for a SIPI
        call    settle
        NMI
        call    settle
        TOOK    NMIS, 3
        SIPI    FIRST
        RAN     13, FIRST
        TOOK    NMIS, 4
        INIT                                    # the next INIT takes it back
        call    settle
        NMI
        call    settle
        INIT
        SIPI    FIRST
        RAN     14, FIRST
        TOOK    NMIS, 4
        RUNS
        mov     dword ptr [TOLD + STAY], 1      # one that waits in the handler of another goes with INIT, and so does the blocking
        NMI
        call    settle
        NMI
        call    settle
        TOOK    NMIS, 5
        mov     dword ptr [TOLD + STAY], 0
        INIT
        SIPI    FIRST
        RAN     15, FIRST
        TOOK    NMIS, 5
        RUNS
        NMI
        call    settle
        TOOK    NMIS, 6
        RUNS
        COMMAND DELIVERY_FIXED, IPI
        call    settle
        TOOK    IPIS, 2
        PASS

settle: rdtsc                                   # several slices of all three
        lea     ecx, [rax + 5000000]
1:      pause
        rdtsc
        cmp     eax, ecx
        js      1b
        ret

real:   .code16
        mov     ax, TOLD >> 4
        mov     ds, ax
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7000
        mov     eax, 1
        cpuid
        shr     ebx, 24
        dec     bx
        shl     bx, 6
        inc     dword ptr [bx + STARTS]
        xor     eax, eax
        mov     ax, cs
        mov     [bx + SEGMENT], eax
        cmp     dword ptr [bx + REST], 0
        je      1f
        cli
        hlt
1:      cmp     dword ptr [bx + OPEN_IT], 0
        je      3f
        mov     ecx, MSR_APIC_BASE
        rdmsr
        or      ax, APICBASE_EXTD
        wrmsr
        mov     ecx, X2APIC_FIRST + APIC_SVR
        mov     eax, SVR_ENABLE | 0xFF
        xor     edx, edx
        wrmsr
        cmp     dword ptr [bx + OPEN_IT], 1
        jne     3f
        sti
3:      inc     dword ptr [bx + LOOPS]
        pause
        jmp     3b
real_ipi:
        inc     dword ptr [bx + IPIS]
        mov     ecx, X2APIC_FIRST + APIC_EOI
        xor     eax, eax
        xor     edx, edx
        wrmsr
        iret
real_nmi:                                       # of VP 1, perhaps at its first instruction
        push    ds
        push    TOLD >> 4
        pop     ds
        inc     dword ptr ds:[NMIS]
2:      cmp     dword ptr ds:[STAY], 0
        jne     2b
        pop     ds
        iret
        .code64
real_end:
