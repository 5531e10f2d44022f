# records_cpu.s - what the hypervisor keeps of a processor.
#
# Source  hv/README.md, "Scheduling, locks, isolation"

# ---- processor: a page, its stack below it; GS base points to it ----
        .record CPU
        .field  SELF, 8
        .field  NUMBER, 8
        .field  CURRENT, 8              # VP whose state the hardware holds, or 0
        .field  RING, 8                 # first VP of the ring, or 0
        .field  LAST, 8                 # the one before RING
        .field  VPS, 8                  # VPs that have not ended
        .field  NEWCOMERS, 8            # VPs that are to join the ring
        .field  PERIOD, 8               # number of this period
        .field  CANDIDATE, 8            # VP that runs when nobody has to go before it
        .field  BORROWER, 8             # VP whose place another has for a moment
        .field  VMXON, 8
        .field  READY, 8
        .field  IDLE, 8                 # times it went idle
        .field  HELD_KNOWN, 8           # 1: these say what the registers hold, see switch.s
        .field  HELD_CR2, 8
        .field  HELD_DR6, 8
        .field  HELD_MSRS, 48
        .field  HELD_END, 0
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
