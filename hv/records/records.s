# records.s - what the hypervisor keeps: virtual processors, partitions, processors.
#
# Source  hv/README.md, "The life of an exit", "Scheduling, locks, isolation"

# ---- virtual processor: a page ----
        .record VP
        .field  RAX, 8
        .field  RCX, 8
        .field  RDX, 8
        .field  RBX, 8
        .field  RSP, 8                  # unused: guest RSP is in the VMCS
        .field  RBP, 8
        .field  RSI, 8
        .field  RDI, 8
        .field  R8, 8
        .field  R9, 8
        .field  R10, 8
        .field  R11, 8
        .field  R12, 8
        .field  R13, 8
        .field  R14, 8
        .field  R15, 8
        .field  CREDIT, 4               # exits until the clock is read again
        .field  WORK, 4                 # WORK bits: what is due before the next entry
        .field  CPUID, 8                # prepared CPUID rows
        .field  PARTITION, 8
        .field  KNOWN, 4                        # 1: this exit's advance has run, FLAGS holds RFLAGS, no shadow
        .field  FLAGS, 4
        .field  PROCESSOR, 8            # CPU block it belongs to
        .field  NEXT, 8                 # ring of the processor's VPs
        .field  INDEX, 4
        .field  STATE, 4
        .field  VMCS, 8
        .field  LAUNCHED, 8
        .field  VPID, 8
        .field  EXITS, 8
        .field  SLICE_END, 8            # TSC
        .field  DEADLINE, 8             # TSC at which the APIC timer fires, or NEVER
        .field  PIT_DEADLINE, 8         # TSC at which counter 0 of its partition raises line 0, or NEVER
        .field  PERIOD, 8               # TSC cycles, 0 = once
        .field  TSC_OFFSET, 8           # guest TSC - TSC
        .field  TSC_TARGET, 8           # what the guest wrote to IA32_TSC_DEADLINE
        .field  APIC_BASE, 8
        .field  OFFERED, 4              # 1: the assist page says that the interrupt in service needs no EOI
        .field  SUSPENDED, 4            # SUSPEND bits
        .field  STIMER_DEADLINE, 8      # the first of the synthetic timers, TSC, or NEVER
        .field  RAN, 8                  # TSC cycles on a processor, up to RAN_SINCE
        .field  RAN_SINCE, 8
        .field  USED, 8                 # cycles of the period, see share.s
        .field  PERIOD_SEEN, 8
        .field  NMI, 4                  # an NMI waits
        .field  WINDOW, 4               # interrupt-window exiting is on
        .field  AGAIN, 4                # event cut off by an exit: interruption information
        .field  AGAIN_ERROR, 4
        .field  AGAIN_LENGTH, 4
        .field  FAULT, 4                # exception we raise: interruption information
        .field  FAULT_ERROR, 4
        .field  NMI_WINDOW, 4
        .field  DEBUGCTL, 8
        .field  MISC_MSR, 64            # per-VP values of MSRs that only remember
        .field  SWITCHED, 48, 0x80            # SWITCHED_MSRS, in their order
        .field  CR2, 8
        .field  DR0, 8
        .field  DR1, 8
        .field  DR2, 8
        .field  DR3, 8
        .field  DR6, 8
        .field  FX, 512, 16             # FXSAVE area
        .field  APIC, 1024              # registers at the APIC's own offsets
        .field  FAST, 112               # registers of a fast hypercall: RDX, R8, XMM0-XMM5
        .field  CALL_INPUT, 8                   # of the hypercall: host addresses of header and output
        .field  CALL_OUTPUT, 8
        .field  CALL_LIST, 4                    # offset of its elements, bytes of input and output, quadwords of variable header
        .field  CALL_BYTES, 4
        .field  CALL_RESULT, 4
        .field  CALL_VARIABLE, 4
        .field  CALL_LONG, 8                    # not 0: the caller is 64-bit code
        .field  BYTES, 16                       # of the instruction that decode.s examines
        .field  FETCHED, 8                       # its linear address
        .field  OP_LONG, 8                      # not 0: 64-bit code
        .field  OP_STORE, 4                     # 1: it writes memory
        .field  OP_SIZE, 4                      # bytes of memory
        .field  OP_REGISTER, 4
        .field  OP_HIGH, 4                      # 1: the register is AH, CH, DH or BH
        .field  OP_TARGET, 4                    # bytes of the register it loads
        .field  OP_SIGNED, 4
        .field  OP_ALU, 8                       # operation of decode_opcode.s, or OP_MOV
        .field  OP_VALUE, 8                      # what it stores
        .field  SIBLING, 8              # next of its partition
        .field  FLUSHED, 8              # number of the partition's latest change of tables it has seen
        .field  DEBUGS, 4               # 1: the processor holds its DR0-DR3
        .field  JOINED, 4               # 1: its VMCS has the host state of its processor
        .field  STALE, 4                # 1: a parent has changed what translates
        .field  ACTIVITY, 4             # state to go on with after it was suspended
        .field  STARTING, 4             # low byte 1: a start-up IPI has come, its vector above; 2: a reset
        .field  SIPI, 4                 # its vector
        .field  EXCEPTIONS, 4           # that exit, as its VMCS has it
        .field  DEAF, 4                 # 1: it halted with interrupts off
        .field  MSR_THERE, 4            # 1: the MSR of this exit exists
        .field  INTERCEPT_DUE, 4        # 1: its message goes when it has left
        .field  INTERCEPT, NODE_PAYLOAD + SLOTS_PAYLOAD
        .field  REQUESTS, 4             # REQUEST bits, set by anyone by locked instructions
        .field  QUEUE_LOCK, 4
        .field  REQUESTED, 32           # vectors from other processors
        .field  REQUESTED_LEVEL, 32     # the level-triggered ones
        .field  EOI_DUE, 32             # level-triggered vectors that ended, which the parent has not learned of yet
        .field  EOI_NODE, NODE_PAYLOAD + 8
        .field  EXTERNAL, 4, 8          # EXTERNAL bits: an external interrupt by the parent
        .field  IRET, 4                 # 1: the exception that its parent sees is of an IRET that had unblocked NMIs
        .field  AUTO_EOI, 32, 8         # vectors whose delivery is their end
        .field  WAITING, 8              # messages in all queues
        .field  SCONTROL, 8
        .field  SINT, 128
        .field  QUEUE, 16 * QUEUE_BYTES # messages that wait, for each SINT
        .field  STIMER, 4 * STIMER_OF_BYTES
        .field  ASSIST, OVERLAY_BYTES
        .field  SIM, OVERLAY_BYTES
        .field  SIEF, OVERLAY_BYTES
        .field  STATE_PAGE, OVERLAY_BYTES       # its register page in the parent's memory
        .field  ASSIST_MSR, 8
        .field  SIMP, 8
        .field  SIEFP, 8
        .field  END, 0
        .endrecord
        .assert VP_END <= PAGE, "a virtual processor fits a page"

        .equ    WORK_END, 1
        .equ    WORK_CLOCK, 2
        .equ    WORK_YIELD, 4
        .equ    WORK_EVENT, 8
        .equ    WORK_REQUESTS, 16
        .equ    REQUEST_MESSAGES, 1
        .equ    REQUEST_VECTORS, 2
        .equ    REQUEST_NMI, 4
        .equ    REQUEST_LEAVE, 8                # it is suspended
        .equ    REQUEST_FLUSH, 16               # its partition's tables have changed
        .equ    REQUEST_INIT, 32
        .equ    REQUEST_SIPI, 64
        .equ    REQUEST_RESET, 128              # begin at the reset vector
        .equ    REQUEST_WITHDRAW, 256           # level-triggered requests that wait
        .equ    SUSPEND_EXPLICIT, 1             # by its parent
        .equ    SUSPEND_INTERCEPT, 2            # until its parent has answered
        .equ    SUSPEND_HELD, 4                 # for a hypercall
