# defs.s - where things are in the root's memory, and what is kept of a virtual machine.
#
# Source  firmware/root/README.md

        .use    cpu, msr, apic, platform, paging, firmware, tlfs, synic, uart, root

        .org    0x100000
        jmp     start

        .equ    PAGE, 0x1000
        .equ    PAGE_2M, 0x200000
        .equ    CALL_PAGE, 0x180000             # overlays of the hypervisor
        .equ    SIM_PAGE, 0x181000
        .equ    INPUT, 0x182000                 # lists of hypercalls
        .equ    OUTPUT, 0x183000
        .equ    OWN_POOL, 0x190000              # pages for the root's own objects
        .equ    OWN_PAGES, 64
        .equ    ENDS_AT, 0x80000                # stack, as the hypervisor sets it
        .equ    TICK, 0x40                      # vectors
        .equ    MESSAGE, 0x41
        .equ    TICK_TIME, 10000                # 1 ms, units of 100 ns
        .equ    SELF_ID, -1
        .equ    OS_ID, 0x8300000000000001

# ---- a virtual machine ----
        .record VM
        .field  STATE, 8                        # ROOTVM code
        .field  ID, 8                           # partition
        .field  BASE, 8                         # of its memory, in ours
        .field  BYTES_OF, 8
        .field  PROCESSORS, 8
        .field  TIMER, 8                        # reference time of its timer's next interrupt, 0: off
        .field  TAIL, 4                         # bytes of its serial input taken so far
        .field  HEARD, 4                        # bytes that the host had placed when it was last informed
        .field  ASSERTED, 8                     # line of the 8259 pair that is asserted as its external interrupt, or -1
# What a checkpoint brings back (vid_state.s)
        .field  KEPT, 0
        .field  PERIOD, 8
        .field  SECTOR, 8                       # disk: first sector, how many, where in its memory
        .field  SECTORS, 8
        .field  TARGET, 8
        .field  VDISK_FAILED, 8                 # 1: the last request failed
        .field  UART, 16
        .field  PIC, 32
        .field  PM1_ENABLE, 4
        .field  PM1_CONTROL, 4
        .field  CMOS_INDEX, 8
        .field  KEPT_END, 0
        .field  BUSY, 8                         # 1: a disk request is under way
        .field  STARTED, 8                      # TSC
        .endrecord
        .equ    VM_BYTES, 256
        .assert VM_SIZE <= VM_BYTES, "a virtual machine's record fits its place"

# What the device files of hv/ call these
        .equ    PART_UART, VM_UART
        .equ    PART_PIC, VM_PIC
        .equ    PART_PM1_ENABLE, VM_PM1_ENABLE
        .equ    PART_PM1_CONTROL, VM_PM1_CONTROL
        .equ    PART_CMOS_INDEX, VM_CMOS_INDEX
        .equ    PART_STARTED, VM_STARTED
        .macro  WORK bits
        .endm
        .macro  PORTS_OF
        lea     rax, [rel ports]
        .endm

        .macro  MSR number, value
        mov     rdx, \value
        mov     eax, edx
        shr     rdx, 32
        mov     ecx, \number
        wrmsr
        .endm
