# probe.s - provoke every exit that the hypervisor handles, compare what comes back.
#
# Entry   from lib.s
# Exit    the partition ends with 0, or with the number of the check that failed
# Source  SDM 3C, "VMX Non-Root Operation"; hv/README.md, "What a partition finds"

        .macro  PART name
        call    probe_\name
        SAY     "\name, "
        .endm
# main - Entry: nothing.  Exit: never.
main:   mov     eax, 1                          # the APIC before anything can interrupt
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        SAY     "asked for "
        PART    cpuid
        PART    instructions
        PART    control
        PART    registers
        PART    ports
        PART    memory
        PART    interrupts
        call    call_init
        jz      .bare
        PART    hypercalls
        PART    calls
        jmp     .done
.bare:  call    probe_no_hypercalls
        SAY     "no hypercalls, all checks passed"
        jmp     .send
.done:  SAY_NUMBER CHECKS
        SAY     " checks passed"
.send:
        SEND
        call    probe_cost
        END     0
