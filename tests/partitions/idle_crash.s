# Expect: pass. Reading GUEST_IDLE sleeps until an interrupt though IF is 0; crash MSRs keep their parameters and report what is set.
        .include "hvlib.s"

        .equ    DIRECT, 0x63
test:   ON      DIRECT, taken
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        WRMSR   HVMSR_STIMER0_CONFIG, STIMER_DIRECT | STIMER_AUTO_ENABLE | put(STIMER_VECTOR, DIRECT)
        RDMSR   HVMSR_TIME_REF_COUNT
        add     rax, 3000
        mov     r12, rax
        mov     rdx, rax
        shr     rdx, 32
        mov     ecx, HVMSR_STIMER0_COUNT
        wrmsr
        RDMSR   HVMSR_GUEST_IDLE                # interrupts are off
        EQ      rax, 0
        RDMSR   HVMSR_TIME_REF_COUNT
        CONDITION jae, rax, r12                 # it has slept
        EQ      dword ptr [rip + count], 0
        RDMSR   HVMSR_GUEST_IDLE                # one waits: no sleep
        OPEN
        EQ      dword ptr [rip + count], 1
        GP_WRITE HVMSR_GUEST_IDLE, 0

        RDMSR   HVMSR_CRASH_CTL
        mov     rdx, CRASH_NOTIFY | CRASH_MESSAGE
        EQ      rax, rdx
        WRMSR   HVMSR_CRASH_P0, 0x11
        WRMSR   (HVMSR_CRASH_P0 + 1), 0x22
        WRMSR   (HVMSR_CRASH_P0 + 3), words
        WRMSR   HVMSR_CRASH_P4, 8
        RDMSR   (HVMSR_CRASH_P0 + 1)
        EQ      rax, 0x22
        mov     rdx, CRASH_NOTIFY | CRASH_MESSAGE
        xor     eax, eax
        shr     rdx, 32
        mov     ecx, HVMSR_CRASH_CTL
        wrmsr
        PASS
taken:  inc     dword ptr [rip + count]
        WRMSR   HVMSR_EOI, 0
        ret
        .align  8
count:  .quad   0
words:  .ascii  "went bad, not shown"
