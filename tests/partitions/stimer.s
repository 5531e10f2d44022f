# Expect: pass. Synthetic timers: enable rules, one-shot and periodic, message and direct mode, never early, period kept.
        .include "hvlib.s"

        .equ    SIM_AT, 0x400000
        .equ    DIRECT, 0x63
        .equ    SLOT, SIM_AT + 3 * SLOTS_BYTES
        .equ    CONFIG, HVMSR_STIMER0_CONFIG
        .equ    COUNT, HVMSR_STIMER0_COUNT
test:   ON      DIRECT, taken
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        GP_WRITE CONFIG, 1 << 13                # reserved
        WRMSR   CONFIG, STIMER_ENABLE           # SINT 0 and no direct mode: does not stay enabled
        RDMSR   CONFIG
        EQ      rax, 0
        WRMSR   CONFIG, STIMER_ENABLE | put(STIMER_SINT, 3)
        RDMSR   CONFIG
        EQ      rax, STIMER_ENABLE | put(STIMER_SINT, 3)
        WRMSR   COUNT, 0                        # a count of 0 stops it
        RDMSR   CONFIG
        EQ      rax, put(STIMER_SINT, 3)

        WRMSR   CONFIG, STIMER_DIRECT | STIMER_AUTO_ENABLE | put(STIMER_VECTOR, DIRECT)
        RDMSR   HVMSR_TIME_REF_COUNT            # one shot, 50 us from now
        add     rax, 500
        mov     r12, rax
        mov     rdx, rax
        shr     rdx, 32
        mov     ecx, COUNT
        wrmsr
        RDMSR   CONFIG
        BITS    eax, STIMER_ENABLE
        RDMSR   COUNT
        EQ      rax, r12
        UNTIL   rip + count, 1
        mov     rax, [rip + when]
        CONDITION jae, rax, r12                 # never early
        sub     rax, r12
        BELOW   rax, 100                        # and not more than 10 us late
        RDMSR   CONFIG
        NOBITS  eax, STIMER_ENABLE              # once
        WRMSR   COUNT, 1                        # long past: at once
        UNTIL   rip + count, 2

        WRMSR   (CONFIG + 2), STIMER_DIRECT | STIMER_PERIODIC | put(STIMER_VECTOR, DIRECT)
        WRMSR   (COUNT + 2), 1000               # every 100 us
        WRMSR   (CONFIG + 2), STIMER_ENABLE | STIMER_DIRECT | STIMER_PERIODIC | put(STIMER_VECTOR, DIRECT)
        UNTIL   rip + count, 3
        mov     r13, [rip + when]
        UNTIL   rip + count, 13
        mov     rax, [rip + when]
        sub     rax, r13
        ABOVE   rax, 9900
        BELOW   rax, 10100
        RDMSR   (CONFIG + 2)
        BITS    eax, STIMER_ENABLE
        WRMSR   (COUNT + 2), 0

        WRMSR   HVMSR_SIMP, SIM_AT | HVPAGE_ENABLE      # a periodic timer whose messages are not read: none is lost
        WRMSR   HVMSR_SCONTROL, SCONTROL_ENABLE
        WRMSR   (CONFIG + 4), STIMER_PERIODIC | STIMER_AUTO_ENABLE | put(STIMER_SINT, 3)
        WRMSR   (COUNT + 4), 100
        RDMSR   HVMSR_TIME_REF_COUNT
        lea     r12, [rax + 1000]
1:      RDMSR   HVMSR_TIME_REF_COUNT
        cmp     rax, r12
        jb      1b
        mov     r13, [SLOT + SLOTS_DATA + 8]
        mov     r14d, 8
2:      mov     eax, HVMESSAGE_TIMER_EXPIRED
        EQ      [SLOT], eax
        EQ      [SLOT + SLOTS_DATA + 8], r13    # each period in its turn
        EQ      byte ptr [SLOT + SLOTS_DATA], 2
        add     r13, 100
        mov     dword ptr [SLOT], 0
        WRMSR   HVMSR_EOM, 0
        dec     r14d
        jnz     2b
        WRMSR   (COUNT + 4), 0
        PASS

taken:  RDMSR   HVMSR_TIME_REF_COUNT
        mov     [rip + when], rax
        inc     dword ptr [rip + count]
        WRMSR   HVMSR_EOI, 0
        ret
        .align  8
count:  .quad   0
when:   .quad   0
