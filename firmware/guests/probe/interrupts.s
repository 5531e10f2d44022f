# interrupts.s - events that the hypervisor injects: self IPI, window, NMI, timers, wake from HLT.
#
# Source  SDM 3A, "Issuing Interprocessor Interrupts", "APIC Timer"; SDM 3C, "VM-Entry Controls for Event Injection"

        .equ    IPI, 0x51
        .equ    TICK, 0x52
        .macro  SELF low
        APIC_WRITE APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | \low
        .endm
# probe_interrupts - All of them.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx, rbx, r12.
probe_interrupts:
        ON      IPI, .ipi
        ON      TICK, .tick
        SELF    IPI                             # with IF = 0: it waits
        APIC_READ (APIC_IRR + IPI / 32)
        EQ      eax, 1 << (IPI & 31)
        EQ      dword ptr [rel ipis], 0
        sti                                     # interrupt-window exit
        nop
        nop
        EQ      dword ptr [rel ipis], 1
        SELF    IPI                             # with IF = 1: at once
        nop
        EQ      dword ptr [rel ipis], 2
        cli
        SELF    IPI
        sti
        cpuid                                   # an exit in the shadow of STI
.shadow: cli
        EQ      dword ptr [rel ipis], 3
        lea     rax, [rel .shadow]
        EQ      [rel place], rax

        mov     eax, 6                          # held back by the priority
        mov     cr8, rax
        SELF    IPI
        sti
        nop
        nop
        EQ      dword ptr [rel ipis], 3
        xor     eax, eax
        mov     cr8, rax
        nop
        EQ      dword ptr [rel ipis], 4
        cli

        ON      VECTOR_NMI, .nmi
        APIC_WRITE APIC_ICR_HIGH, 0
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
        nop
        EQ      dword ptr [rel nmis], 1

        APIC_WRITE APIC_DIVIDE, 0xB
        APIC_WRITE APIC_LVT_TIMER, TICK         # one-shot
        APIC_WRITE APIC_INITIAL_COUNT, 100000
        sti
        hlt
        cli
        EQ      dword ptr [rel ticks], 1
        APIC_READ APIC_CURRENT_COUNT
        EQ      eax, 0
        APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_PERIODIC) | TICK
        APIC_WRITE APIC_INITIAL_COUNT, 50000
        sti
.more:  hlt
        cmp     dword ptr [rel ticks], 5
        jb      .more
.busy:  cmp     dword ptr [rel ticks], 10       # without HLT: the preemption timer
        jb      .busy
        cli
        APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_TSC_DEADLINE) | TICK
        mov     dword ptr [rel ticks], 0
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        lea     r12, [rax + 200000]
        WRMSR   MSR_TSC_DEADLINE, r12
        sti
        hlt
        cli
        EQ      dword ptr [rel ticks], 1
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        ABOVE   rax, r12
        RDMSR   MSR_TSC_DEADLINE
        EQ      rax, 0
        APIC_WRITE APIC_LVT_TIMER, LVT_MASKED
        APIC_READ (APIC_ISR + IPI / 32)
        EQ      eax, 0
        ret
.ipi:   inc     dword ptr [rel ipis]
        mov     rax, [rdi + FRAME_RIP]
        mov     [rel place], rax
        APIC_WRITE APIC_EOI, 0
        ret
.tick:  inc     dword ptr [rel ticks]
        APIC_WRITE APIC_EOI, 0
        ret
.nmi:   inc     dword ptr [rel nmis]
        ret
        .align  8
ipis:   .quad   0
nmis:   .quad   0
ticks:  .quad   0
place:  .quad   0
