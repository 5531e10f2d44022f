# defs.s - structures and constants of our own.
#
# Source  hv/README.md, "Memory map", "Partition table"

        .use    cpu, vmx, msr, apic, platform, uart, paging, firmware, tlfs, synic, cpuid, partition_table, pit

        .equ    HV_BASE, 0x100000
        .org    HV_BASE
        jmp     start

# ---- where things are ----
        .equ    TABLE_BYTES, 0x5000
        .equ    MEMORY_LIMIT, 0x100000000       # what our page tables reach
        .equ    GUEST_LIMIT, MEMORY_IOAPIC      # guest RAM ends below the device pages
        .equ    PAGE, 0x1000
        .equ    PAGE_2M, 0x200000
        .equ    LOW_LIMIT, 0x100000             # memory below is the firmware's; a partition has at least as much

# ---- numbers we chose ----
        .equ    PROCESSORS, 8
        .equ    SLICE_CYCLES, HZ_TSC / 1000     # a millisecond
        .equ    CREDIT, 48                      # exits between two readings of the clock
        .equ    NEVER, 0xFFFFFFFFFFFFFFFF
        .equ    STACK_BYTES, 0x2000
        .equ    CANARY, 0x5AFE57AC4B10C8ED
        .equ    TIMER_VECTOR, 0x40              # host: idle processors wake by it
        .equ    KICK_VECTOR, 0x41               # host: another processor has left a request
        .equ    UART_VECTOR, 0x42               # host: something was typed
        .equ    SPURIOUS_VECTOR, 0xFF
        .equ    VPID_FIRST, 1
        .equ    VPID_CREATED, 0x40              # of the first VP that a hypercall creates
        .equ    CPUID_MOST, 16                  # CPUID intercepts of a partition
        .equ    CONSOLE_CONNECTION, 1
        .equ    REP_LIMIT, 64                   # elements of a repeat call in one go
        .equ    TICKS_PER_REFERENCE, HZ_TSC / 10000000
        .equ    REFERENCE_SCALE, 0xFFFFFFFFFFFFFFFF / TICKS_PER_REFERENCE       # of the reference TSC page
        .equ    VECTOR_LEAST, 16                # vectors below are exceptions

# The partition table, flags and ends of partitions: emu/spec/partition_table.py
        .equ    KINDS, PAYLOAD_LINUX64 + 1

# ---- what a LONG guest finds in its low memory ----
        .equ    GUEST_INFO, 0xE5000
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
        .equ    GUEST_GDT, 0xE5800
        .equ    GUEST_GDT_LIMIT, 0x2F
        .equ    GUEST_TSS, 0xE5900
        .equ    GUEST_TABLES, 0xF0000
        .equ    GUEST_STACK, 0xEF000
        .equ    GUEST_CS, 0x10
        .equ    GUEST_DS, 0x18
        .equ    GUEST_TR, 0x20
