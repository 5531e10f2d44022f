# synthetic_rows.s - the hypervisor's own MSRs: privilege, argument, reader, writer.
#
# Source  TLFS, "Synthetic MSRs"

        .macro  SYNROW privilege, argument, read, write
        .quad   \privilege, \argument, \read, \write
        .endm
        .equ    ANY, NEVER                      # every enlightened partition

        .balign 8
syn_os:         SYNROW PRIVILEGE_HYPERCALL, PART_OS_ID, synthetic_partition, synthetic_write_os
syn_page:       SYNROW PRIVILEGE_HYPERCALL, PART_HYPERCALL, synthetic_partition, synthetic_write_page
syn_index:      SYNROW PRIVILEGE_VP_INDEX, 0, synthetic_index, 0
syn_reset:      SYNROW PRIVILEGE_RESET, 0, synthetic_constant, synthetic_write_reset
syn_runtime:    SYNROW PRIVILEGE_VP_RUN_TIME, 0, run_time, 0
syn_time:       SYNROW PRIVILEGE_REFERENCE_COUNTER, 0, reference_time, 0
syn_tsc_page:   SYNROW PRIVILEGE_REFERENCE_TSC, PART_REFERENCE_TSC, synthetic_partition, reference_write_page
syn_frequency:  SYNROW PRIVILEGE_FREQUENCIES, HZ_TSC, synthetic_constant, 0     # TSC and APIC timer: the same crystal
syn_eoi:        SYNROW PRIVILEGE_APIC, 0, 0, synthetic_write_eoi
syn_icr:        SYNROW PRIVILEGE_APIC, 0, synthetic_read_icr, synthetic_write_icr
syn_tpr:        SYNROW PRIVILEGE_APIC, 0, synthetic_read_tpr, synthetic_write_tpr
syn_assist:     SYNROW PRIVILEGE_APIC, VP_ASSIST_MSR, synthetic_vp, synthetic_write_assist
syn_control:    SYNROW PRIVILEGE_SYNIC, VP_SCONTROL, synthetic_vp, synic_write_control
syn_version:    SYNROW PRIVILEGE_SYNIC, 1, synthetic_constant, 0
syn_siefp:      SYNROW PRIVILEGE_SYNIC, VP_SIEFP, synthetic_vp, synic_write_siefp
syn_simp:       SYNROW PRIVILEGE_SYNIC, VP_SIMP, synthetic_vp, synic_write_simp
syn_eom:        SYNROW PRIVILEGE_SYNIC, 0, synthetic_constant, synic_write_eom
syn_sint:       SYNROW PRIVILEGE_SYNIC, 0, synic_read_sint, synic_write_sint
syn_stimer:     SYNROW PRIVILEGE_TIMERS, 0, stimer_read, stimer_write
syn_idle:       SYNROW PRIVILEGE_GUEST_IDLE, 0, synthetic_idle, 0
syn_crash:      SYNROW ANY, 0, synthetic_read_crash, synthetic_write_crash
syn_crash_go:   SYNROW ANY, CRASH_NOTIFY | CRASH_MESSAGE, synthetic_constant, crash_write

        .equ    SYNTHETIC_ROWS, HVMSR_CRASH_CTL - HVMSR_GUEST_OS_ID + 1
        .macro  SYNAT first, last, row
        .space  synthetic_at + (HVMSR_\first - HVMSR_GUEST_OS_ID) * 8 - ., 0
        .rept   HVMSR_\last - HVMSR_\first + 1
        .quad   \row
        .endr
        .endm
# synthetic_at - Rows by number.  Entry: edi = MSR, rdx = row, rbx = VP, rbp = partition; of a writer rsi = value.
# Exit: rax = value, of a reader; carry set for #GP.  Keeps rbx, rbp, r12-r15.
synthetic_at:
        SYNAT   GUEST_OS_ID, GUEST_OS_ID, syn_os
        SYNAT   HYPERCALL, HYPERCALL, syn_page
        SYNAT   VP_INDEX, VP_INDEX, syn_index
        SYNAT   RESET, RESET, syn_reset
        SYNAT   VP_RUNTIME, VP_RUNTIME, syn_runtime
        SYNAT   TIME_REF_COUNT, TIME_REF_COUNT, syn_time
        SYNAT   REFERENCE_TSC, REFERENCE_TSC, syn_tsc_page
        SYNAT   TSC_FREQUENCY, APIC_FREQUENCY, syn_frequency
        SYNAT   EOI, EOI, syn_eoi
        SYNAT   ICR, ICR, syn_icr
        SYNAT   TPR, TPR, syn_tpr
        SYNAT   VP_ASSIST_PAGE, VP_ASSIST_PAGE, syn_assist
        SYNAT   SCONTROL, SCONTROL, syn_control
        SYNAT   SVERSION, SVERSION, syn_version
        SYNAT   SIEFP, SIEFP, syn_siefp
        SYNAT   SIMP, SIMP, syn_simp
        SYNAT   EOM, EOM, syn_eom
        SYNAT   SINT0, SINT15, syn_sint
        SYNAT   STIMER0_CONFIG, STIMER3_COUNT, syn_stimer
        SYNAT   GUEST_IDLE, GUEST_IDLE, syn_idle
        SYNAT   CRASH_P0, CRASH_P4, syn_crash
        SYNAT   CRASH_CTL, CRASH_CTL, syn_crash_go
