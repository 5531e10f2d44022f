# records_part.s - what the hypervisor keeps of a partition.
#
# Source  hv/README.md, "Created partitions"; TLFS, "Partition Management"

# ---- partition: a page ----
        .record PART
        .field  DESC, 8                 # its row of the table
        .field  NUMBER, 4
        .field  FLAGS, 4
        .field  BASE, 8                 # host-physical address of guest-physical 0
        .field  MEMORY, 8
        .field  EPT, 8                  # host-physical root
        .field  EPTP, 8
        .field  VP, 8                   # the first; VP_SIBLING leads on
        .field  STARTED, 8              # TSC: reference time 0
        .field  CODE, 8
        .field  OS_ID, 8
        .field  PRIVILEGES, 8           # PRIVILEGE bits
        .field  LINK, 8                 # next of all partitions, in the order of creation
        .field  ID, 8
        .field  PARENT, 8
        .field  CHILDREN, 8
        .field  STATE, 4                # PSTATE bit
        .field  POOL_LOCK, 4
        .field  MAP_LOCK, 4
        .field  EXCEPTIONS, 4           # vectors that its parent intercepts
        .field  POOL_FREE, 8            # first free page of the pool, 0: none
        .field  POOL_COUNT, 8
        .field  POOL_USED, 8
        .field  PAGES, 8                # words of its pages' state; of the root alone
        .field  FLUSHES, 8              # changes of its tables
        .field  PORTS, 8
        .field  CONNECTIONS, 8
        .field  PORTS_LOW, 8            # I/O ports that its parent intercepts: two pages
        .field  PORTS_HIGH, 8
        .field  FEATURES, 8             # synthetic features, of a created partition
        .field  CPU_FEATURES, 16        # two banks
        .field  SPECIAL, 4              # 1: its CPUID leaves are not the usual ones
        .field  CPU_RESERVE, 8, 8
        .field  CPU_CAP, 8
        .field  CPU_WEIGHT, 8
        .field  MSRS, 4                 # not 0: MSRs that are not there are intercepted
        .field  CPUID_COUNT, 4
        .field  CPUIDS, 4 * CPUID_MOST
        .field  HYPERCALL, 8            # the MSRs
        .field  REFERENCE_TSC, 8
        .field  CRASH, 40               # P0 to P4
        .field  OVERLAYS, 8             # first of the rows that are laid over
        .field  CALL_PAGE, OVERLAY_BYTES
        .field  TSC_PAGE, OVERLAY_BYTES
        .field  TSC_MOVED, 8            # 1: a VP has written its TSC, the page is void
        .field  HYPERCALLS, 8
        .field  INJECTED, 8
        .field  VIOLATIONS, 8
        .field  UART, 16                # register file: DLL DLM IER LCR MCR SCR, and what is pending
        .field  PIT, 96                 # three counters, see pit.s
        .field  SPEAKER, 8
        .field  PIC, 32                 # master and slave, see pic.s
        .field  IOAPIC, 200             # redirection table, select, ID; see ioapic.s
        .field  PIT_NEXT, 8             # tick at which counter 0 raises line 0
        .field  FW_SELECTOR, 4
        .field  FW_OFFSET, 4
        .field  CMOS_INDEX, 4
        .field  PM1_ENABLE, 4
        .field  PM1_CONTROL, 4
        .field  RESET_CONTROL, 4
        .field  SYSTEM_A, 4
        .field  POST, 4
        .endrecord
