# Expect: pass. SynIC MSRs reset, check and keep; a timer's message fills its slot, waits while the slot is in use, and goes on by EOM.
        .include "hvlib.s"

        .equ    SIM_AT, 0x400000
        .equ    SIEF_AT, 0x401000
        .equ    HERE, 0x52
        .equ    SLOT, SIM_AT + 2 * SLOTS_BYTES  # of SINT 2
        .macro  ONCE timer
        RDMSR   HVMSR_TIME_REF_COUNT
        add     rax, 20
        mov     rdx, rax
        shr     rdx, 32
        mov     ecx, HVMSR_STIMER0_COUNT + 2 * \timer
        wrmsr
        .endm
        .macro  PAUSE_A_WHILE
        mov     r14d, 3000
1:      dec     r14d
        jnz     1b
        .endm
test:   ON      HERE, taken
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        RDMSR   HVMSR_SVERSION
        EQ      rax, 1
        GP_WRITE HVMSR_SVERSION, 1
        RDMSR   HVMSR_SCONTROL
        EQ      rax, 0
        RDMSR   HVMSR_SINT15
        EQ      rax, SINTS_RESET
        GP_WRITE HVMSR_SINT0, 15                # a vector of exceptions, not masked
        WRMSR   HVMSR_SINT0, SINT_MASKED | 15   # masked: accepted
        RDMSR   HVMSR_SINT0
        EQ      rax, SINT_MASKED | 15
        RDMSR   HVMSR_EOM
        EQ      rax, 0
        GP_WRITE HVMSR_SIMP, 0xF0000001         # where no memory is
        mov     dword ptr [SIM_AT], 0x1234
        WRMSR   HVMSR_SIMP, SIM_AT | HVPAGE_ENABLE
        EQ      dword ptr [SIM_AT], 0           # ours, and empty
        WRMSR   HVMSR_SIMP, SIM_AT
        EQ      dword ptr [SIM_AT], 0x1234
        WRMSR   HVMSR_SIMP, SIM_AT | HVPAGE_ENABLE
        WRMSR   HVMSR_SIEFP, SIEF_AT | HVPAGE_ENABLE
        RDMSR   HVMSR_SIEFP
        EQ      eax, SIEF_AT | HVPAGE_ENABLE
        WRMSR   (HVMSR_SINT0 + 2), HERE
        WRMSR   (HVMSR_STIMER0_CONFIG), STIMER_AUTO_ENABLE | put(STIMER_SINT, 2)
        WRMSR   (HVMSR_STIMER0_CONFIG + 2), STIMER_AUTO_ENABLE | put(STIMER_SINT, 2)

        ONCE    0                               # the SynIC is off: the message waits
        PAUSE_A_WHILE
        EQ      dword ptr [SLOT], 0
        WRMSR   HVMSR_SCONTROL, SCONTROL_ENABLE
        mov     eax, HVMESSAGE_TIMER_EXPIRED
        EQ      [SLOT], eax
        EQ      byte ptr [SLOT + 4], 24
        EQ      byte ptr [SLOT + 5], 0          # nothing after it
        EQ      qword ptr [SLOT + SLOTS_DATA], 0
        mov     rax, [SLOT + SLOTS_DATA + 8]
        CONDITION jbe, rax, [SLOT + SLOTS_DATA + 16]
        OPEN
        EQ      dword ptr [rip + count], 1
        ONCE    1                               # the slot is in use
        PAUSE_A_WHILE
        cpuid
        EQ      qword ptr [SLOT + SLOTS_DATA], 0
        EQ      byte ptr [SLOT + 5], 1          # asks for an EOM
        OPEN
        EQ      dword ptr [rip + count], 1
        mov     dword ptr [SLOT], 0
        WRMSR   HVMSR_EOM, 0
        mov     eax, HVMESSAGE_TIMER_EXPIRED
        EQ      [SLOT], eax
        EQ      qword ptr [SLOT + SLOTS_DATA], 1
        OPEN
        EQ      dword ptr [rip + count], 2

        mov     dword ptr [SLOT], 0             # masked, and polling: a message, no interrupt
        WRMSR   (HVMSR_SINT0 + 2), HERE | SINT_MASKED
        ONCE    0
        PAUSE_A_WHILE
        mov     eax, HVMESSAGE_TIMER_EXPIRED
        EQ      [SLOT], eax
        mov     dword ptr [SLOT], 0
        WRMSR   (HVMSR_SINT0 + 2), HERE | SINT_POLLING
        ONCE    0
        PAUSE_A_WHILE
        mov     eax, HVMESSAGE_TIMER_EXPIRED
        EQ      [SLOT], eax
        OPEN
        EQ      dword ptr [rip + count], 2

        mov     dword ptr [SLOT], 0             # automatic end of interrupt: nothing in service afterwards
        mov     byte ptr [rip + silent], 1
        WRMSR   (HVMSR_SINT0 + 2), HERE | SINT_AUTO_EOI
        ONCE    0
        PAUSE_A_WHILE
        OPEN
        EQ      dword ptr [rip + count], 3
        APIC_READ (APIC_ISR + 2)
        EQ      eax, 0
        PASS

taken:  inc     dword ptr [rip + count]
        cmp     byte ptr [rip + silent], 0
        jne     1f
        WRMSR   HVMSR_EOI, 0
1:      ret
        .align  8
count:  .quad   0
silent: .quad   0
