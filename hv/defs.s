# defs.s - structures and constants of our own.
#
# Source  hv/README.md, "Memory map", "Partition table"

        .use    cpu, vmx, msr, apic, platform, uart, paging, firmware, tlfs, cpuid

        .equ    HV_BASE, 0x100000
        .org    HV_BASE
        jmp     start

# ---- where things are ----
        .equ    PARTITION_TABLE, 0x200000
        .equ    TABLE_BYTES, 0x5000
        .equ    MEMORY_LIMIT, 0x100000000       # what our page tables reach
        .equ    GUEST_LIMIT, MEMORY_IOAPIC      # guest RAM ends below the device pages
        .equ    PAGE, 0x1000
        .equ    PAGE_2M, 0x200000
        .equ    LOW_LIMIT, 0x100000             # memory below is the firmware's; a partition has at least as much

# ---- numbers we chose ----
        .equ    PARTITIONS, 16
        .equ    PROCESSORS, 8
        .equ    SLICE_CYCLES, HZ_TSC / 1000     # a millisecond
        .equ    CREDIT, 48                      # exits between two looks at the clock
        .equ    NEVER, 0xFFFFFFFFFFFFFFFF
        .equ    STACK_BYTES, 0x2000
        .equ    CANARY, 0x5AFE57AC4B10C8ED
        .equ    TIMER_VECTOR, 0x40              # host: idle processors wake by it
        .equ    SPURIOUS_VECTOR, 0xFF
        .equ    VPID_FIRST, 1
        .equ    CONSOLE_CONNECTION, 1
        .equ    REP_LIMIT, 64                   # elements of a repeat call in one go
        .equ    TICKS_PER_REFERENCE, HZ_TSC / 10000000

# ---- partition table ----
        .equ    TABLE_MAGIC, 0x3153545241505648 # "HVPARTS1"
        .equ    TABLE_CLEAN, 1
        .record TABLE
        .field  MAGIC_AT, 8
        .field  COUNT, 4
        .field  FLAGS, 4
        .endrecord
        .equ    TABLE_FIRST, 0x400
        .equ    DESC_BYTES, 0x400
        .equ    PIECES, 8

        .record DESC
        .field  NAME, 16
        .field  KIND, 4
        .field  FLAGS, 4
        .field  MEMORY, 8
        .field  AFFINITY, 8
        .field  ENTRY, 8
        .field  REGISTERS, 128
        .field  PIECES, 8
        .field  PIECE, 192
        .field  COMMAND, 256, 0x80
        .field  STATE, 4
        .field  CODE, 4
        .field  BASE, 8
        .field  EXITS, 8
        .field  HYPERCALLS, 8
        .field  INJECTED, 8
        .field  VIOLATIONS, 8
        .field  STARTED, 8
        .field  ENDED, 8
        .endrecord

        .record PIECE
        .field  SOURCE, 8
        .field  TARGET, 8
        .field  LENGTH, 8
        .field  BYTES, 0
        .endrecord

        .equ    KIND_LONG, 0
        .equ    KIND_FLAT, 1
        .equ    KIND_LINUX, 2
        .equ    KIND_LINUX64, 3
        .equ    KINDS, 4
        .equ    ENLIGHTENED, 1

        .equ    STATE_RUNS, 1
        .equ    STATE_ENDED, 2
        .equ    CODE_TRIPLE, 0xE0000001
        .equ    CODE_HALTED, 0xE0000002
        .equ    CODE_RESET, 0xE0000003
        .equ    CODE_ACCESS, 0xE0000004
        .equ    CODE_ENTRY, 0xE0000005
        .equ    CODE_EXIT, 0xE0000006
        .equ    CODE_PANIC, 0xBAD

# ---- what a LONG guest finds in its low memory ----
        .equ    GUEST_INFO, 0x1000
        .equ    GUEST_MAGIC, 0x3154534555475648 # "HVGUEST1"
        .record INFO
        .field  MAGIC, 8
        .field  MEMORY, 8
        .field  NUMBER, 4
        .field  FLAGS, 4
        .field  VPS, 8
        .field  NAME, 16
        .field  TSC_HZ, 8
        .field  APIC_HZ, 8
        .endrecord
        .equ    INFO_COMMAND, 0x100
        .equ    GUEST_GDT, 0x1800
        .equ    GUEST_GDT_LIMIT, 0x2F
        .equ    GUEST_TSS, 0x1900
        .equ    GUEST_TABLES, 0x2000
        .equ    GUEST_STACK, 0x80000
        .equ    GUEST_CS, 0x10
        .equ    GUEST_DS, 0x18
        .equ    GUEST_TR, 0x20

# ---- virtual processor: a page, its stack below it ----
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
        .field  CREDIT, 4               # exits until the next look at the clock
        .field  WORK, 4                 # WORK bits: what is due before the next entry
        .field  CPUID, 8                # prepared CPUID rows
        .field  PARTITION, 8
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
        .field  PERIOD, 8               # TSC cycles, 0 = once
        .field  TSC_OFFSET, 8           # guest TSC - TSC
        .field  TSC_TARGET, 8           # what the guest wrote to IA32_TSC_DEADLINE
        .field  APIC_BASE, 8
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
        .field  FX, 512, 0x200                 # FXSAVE area
        .field  APIC, 1024              # registers at the APIC's own offsets
        .field  FAST, 16                # input of a fast hypercall
        .field  CALL_VALUE, 8
        .field  CALL_OUTPUT, 8
        .field  BYTES, 16                       # of the instruction that decode.s looks at
        .field  FETCHED, 8                       # its linear address
        .field  OP_STORE, 4                     # 1: it writes memory
        .field  OP_SIZE, 4                      # bytes of memory
        .field  OP_REGISTER, 4
        .field  OP_HIGH, 4                      # 1: the register is AH, CH, DH or BH
        .field  OP_TARGET, 4                    # bytes of the register it loads
        .field  OP_SIGNED, 4
        .field  OP_ALU, 8                       # operation of decode_opcode.s, or OP_MOV
        .field  OP_VALUE, 8                      # what it stores
        .endrecord

        .equ    WORK_END, 1
        .equ    WORK_CLOCK, 2
        .equ    WORK_YIELD, 4
        .equ    WORK_EVENT, 8
        .equ    VP_RUNNABLE, 0
        .equ    VP_HALTED, 1
        .equ    VP_ENDED, 2

# ---- partition: a page ----
        .record PART
        .field  DESC, 8                 # its row of the table
        .field  NUMBER, 4
        .field  FLAGS, 4
        .field  BASE, 8                 # host-physical address of guest-physical 0
        .field  MEMORY, 8
        .field  EPT, 8                  # host-physical root
        .field  EPTP, 8
        .field  VP, 8
        .field  STARTED, 8              # TSC: reference time 0
        .field  CODE, 4
        .field  CALL_GENERATION, 4
        .field  OS_ID, 8
        .field  HYPERCALL, 8            # the MSR
        .field  CALL_FRAME, 8           # overlay frame
        .field  CALL_OLD, 8             # guest frame number it covers, plus 1
        .field  HYPERCALLS, 8
        .field  INJECTED, 8
        .field  VIOLATIONS, 8
        .field  UART, 16                # register file: DLL DLM IER LCR MCR SCR, and what is pending
        .field  PIT, 96                 # three counters, see pit.s
        .field  SPEAKER, 8
        .field  PIC_MASKS, 8            # master, slave, ELCR 1, 2
        .field  FW_SELECTOR, 4
        .field  FW_OFFSET, 4
        .field  CMOS_INDEX, 4
        .field  PM1_ENABLE, 4
        .field  PM1_CONTROL, 4
        .field  RESET_CONTROL, 4
        .field  SYSTEM_A, 4
        .field  POST, 4
        .endrecord

# ---- processor: a page, its stack below it; GS base points to it ----
        .record CPU
        .field  SELF, 8
        .field  NUMBER, 8
        .field  CURRENT, 8              # VP whose state the hardware holds, or 0
        .field  RING, 8                 # any VP of the ring, or 0
        .field  VPS, 8                  # VPs that have not ended
        .field  VMXON, 8
        .field  READY, 8
        .field  IDLE, 8                 # times it went idle
        .field  GDT, 0x40, 0x100
        .field  TSS, 0x80
        .field  PSEUDO, 16              # operand of LGDT and LIDT
        .endrecord
        .equ    HOST_CS, 0x08
        .equ    HOST_DS, 0x10
        .equ    HOST_TR, 0x18
        .equ    HOST_GDT_LIMIT, 0x27
        .equ    HOST_TSS_LIMIT, 0x67
        .equ    TSS_RSP0, 4
        .equ    TSS_IST1, 0x24
