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
        .field  TIMER, 8                        # reference time of its timer's next interrupt, 0: off
        .field  PERIOD, 8
        .field  TAIL, 4                         # bytes of its serial input taken so far
        .field  LCR, 4                          # serial port: line control, scratch, interrupt enable
        .field  SCR, 4
        .field  IER, 4
        .field  SECTOR, 8                       # disk: first sector, how many, where in its memory
        .field  SECTORS, 8
        .field  TARGET, 8
        .field  BUSY, 8                         # 1: a request is under way
        .field  VDISK_FAILED, 8                 # 1: the last one failed
        .endrecord
        .equ    VM_BYTES, 128

        .macro  MSR number, value
        mov     rdx, \value
        mov     eax, edx
        shr     rdx, 32
        mov     ecx, \number
        wrmsr
        .endm
