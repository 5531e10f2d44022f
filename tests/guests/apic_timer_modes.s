# Expect: pass. Between one-shot and periodic the APIC timer counts on; to or from TSC-deadline mode it is disarmed.
        .include "lib.s"

        .equ    COUNT, 0x80000
        .equ    VECTOR_TIMER, 0x41
        .macro  MODE mode
        APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_\mode) | VECTOR_TIMER
        .endm
# HALFWAY - Wait until less than half of the count is left.  Changes eax.
        .macro  HALFWAY
77:     APIC_READ APIC_CURRENT_COUNT
        cmp     eax, COUNT / 2
        jae     77b
        .endm
test:   ON      VECTOR_TIMER, fired
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_DIVIDE, 0xB
        MODE    ONE_SHOT
        APIC_WRITE APIC_INITIAL_COUNT, COUNT
        HALFWAY
        MODE    PERIODIC
        APIC_READ APIC_CURRENT_COUNT
        BELOW   eax, COUNT / 2                  # from where it was
        ABOVE   eax, 0
        APIC_READ APIC_INITIAL_COUNT
        EQ      eax, COUNT
        sti
1:      pause
        cmp     dword ptr [rip + count], 2      # and again
        jb      1b
        HALFWAY
        MODE    ONE_SHOT
        APIC_READ APIC_CURRENT_COUNT
        BELOW   eax, COUNT / 2
        ABOVE   eax, 0
        mov     ecx, COUNT * 2
2:      dec     ecx
        jnz     2b
        cli
        EQ      dword ptr [rip + count], 3      # once more, and no further
        APIC_READ APIC_CURRENT_COUNT
        EQ      eax, 0
        MODE    PERIODIC                        # one that has ended stays so
        APIC_READ APIC_CURRENT_COUNT
        EQ      eax, 0
        APIC_WRITE APIC_DIVIDE, 0               # also with another divider
        APIC_READ APIC_CURRENT_COUNT
        EQ      eax, 0

        APIC_WRITE APIC_INITIAL_COUNT, COUNT
        MODE    TSC_DEADLINE
        APIC_READ APIC_INITIAL_COUNT
        EQ      eax, 0
        APIC_READ APIC_CURRENT_COUNT
        EQ      eax, 0
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        lea     rdx, [rax + COUNT]
        mov     eax, edx
        shr     rdx, 32
        mov     ecx, MSR_TSC_DEADLINE
        wrmsr
        MODE    PERIODIC
        MODE    TSC_DEADLINE
        RDMSR   MSR_TSC_DEADLINE
        EQ      rax, 0
        PASS
fired:  inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
