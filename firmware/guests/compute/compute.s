# compute.s - an enlightened guest: work, a tick every millisecond, reports by message.
#
# Entry   from lib.s
# Exit    the partition ends with 0, or with the number of the check that failed
# Source  TLFS, "Partition Reference Counter MSR", "Virtual Interrupt Control"

        .equ    TICK, 0x40                      # vector
        .equ    TICKS_SECOND, 1000

# main - Entry: nothing.  Exit: never.
main:   call    call_init
        NE      dword ptr [rel call_ready], 0
        SAY     "enlightened, interface Hv#1, VP "
        RDMSR   HVMSR_VP_INDEX
        call    line_number
        SAY     ", TSC "
        RDMSR   HVMSR_TSC_FREQUENCY
        mov     r12, rax
        SAY_NUMBER r12
        SAY     " Hz"
        SEND

        ON      TICK, ticked
        RDMSR   HVMSR_APIC_FREQUENCY
        xor     edx, edx
        mov     ecx, TICKS_SECOND
        div     rcx
        mov     r12, rax
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_DIVIDE, 0xB             # by 1
        APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_PERIODIC) | TICK
        mov     eax, MEMORY_LOCAL_APIC
        mov     [rax + APIC_INITIAL_COUNT * 16], r12d
        RDMSR   HVMSR_TIME_REF_COUNT
        mov     [rel began], rax
        sti

        call    primes
        mov     r12, rax
        SAY     "primes below "
        SAY_NUMBER PRIMES_BELOW
        SAY     ": "
        SAY_NUMBER r12
        call    ticks_say
        EQ      r12, PRIMES_RESULT

        call    collatz
        mov     r12, rax
        mov     r13, rdx
        SAY     "longest Collatz path below "
        SAY_NUMBER COLLATZ_BELOW
        SAY     ": "
        SAY_NUMBER r13
        SAY     " steps from "
        SAY_NUMBER r12
        call    ticks_say
        EQ      r12, COLLATZ_FROM
        EQ      r13, COLLATZ_STEPS

        call    matrix
        mov     r12, rax
        SAY     "trace of a 96 x 96 product: "
        SAY_NUMBER r12
        call    ticks_say
        EQ      r12, MATRIX_RESULT

        mov     r12d, [rel ticks]               # nothing to do for ten ticks
        add     r12d, 10
.sleep: hlt
        cmp     [rel ticks], r12d
        jb      .sleep
        cli
        RDMSR   HVMSR_TIME_REF_COUNT
        sub     rax, [rel began]
        xor     edx, edx
        mov     ecx, 10000000 / TICKS_SECOND    # 100 ns units in a tick
        div     rcx
        mov     r12, rax                        # ticks that should have come
        mov     r13d, [rel ticks]
        SAY     "done: "
        SAY_NUMBER r13
        SAY     " ticks in "
        SAY_NUMBER r12
        SAY     " ms"
        SEND
        ABOVE   r13, 0
        lea     rax, [r13 - 2]
        CONDITION jbe, rax, r12                 # never more ticks than time
        END     0

# ticks_say - End the line with the ticks so far, and send it.  Entry: nothing.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
ticks_say:
        SAY     ", tick "
        mov     eax, [rel ticks]
        call    line_number
        jmp     line_send

# ticked - Entry, Exit, Keeps: as a hook of hooks.
ticked: inc     dword ptr [rel ticks]
        WRMSR   HVMSR_EOI, 0
        ret
        .align  8
began:  .quad   0
ticks:  .quad   0
