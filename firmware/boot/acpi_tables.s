# acpi_tables.s - shapes of ACPI tables, for whoever builds some: the boot ROM, the boot loader of children.
#
# AT is what is added to a label to get its place in memory.
# Source  ACPI, "Root System Description Pointer (RSDP)", "Fixed ACPI Description Table (FADT)", "Package"

        .macro  TABLE signature, length, revision, id
        .ascii  "\signature"
        .long   \length
        .byte   \revision, 0
        .ascii  "HVLAB "                        # OEM ID
        .ascii  "\id"                           # OEM table ID
        .long   1
        .ascii  "HVLB"                          # creator
        .long   1
        .endm
        .macro  IOPORTS width, access, address  # generic address structure in I/O space
        .byte   1, \width, 0, \access
        .quad   \address
        .endm
        .macro  RSDP rsdt, xsdt
        .ascii  "RSD PTR "
        .byte   0
        .ascii  "HVLAB "
        .byte   2
        .long   \rsdt
        .long   36
        .quad   \xsdt
        .byte   0, 0, 0, 0
        .endm
        .macro  FACS
        .ascii  "FACS"
        .long   64
        .space  24
        .byte   1                               # version
        .space  31
        .endm
# FADT - Revision 3, without its header, which TABLE makes.  smi, enable, disable: 0 when ACPI mode is always on; century: its byte
# in CMOS; devices: IAPC_BOOT_ARCH; features: the fixed feature flags.
        .macro  FADT facs, dsdt, smi, enable, disable, century, devices, features
        .long   \facs, \dsdt
        .byte   0, 0                            # model; preferred profile: unspecified
        .word   IRQ_SCI
        .long   \smi
        .byte   \enable, \disable, 0, 0
        .long   PORT_PM1_STATUS, 0              # PM1a and PM1b event blocks
        .long   PORT_PM1_CONTROL, 0             # PM1a and PM1b control blocks
        .long   0, PORT_PM_TIMER, 0, 0          # PM2, timer, GPE0, GPE1
        .byte   4, 2, 0, 4, 0, 0, 0, 0          # lengths: events, control, PM2, timer, GPEs; GPE1 base; C-state control
        .word   0xFFFF, 0xFFFF                  # no C2, no C3
        .word   0, 0                            # flush size and stride: WBINVD works
        .byte   0, 0, 0, 0                      # duty cycle, day and month alarms
        .byte   \century
        .word   \devices
        .byte   0
        .long   \features
        IOPORTS 8, 1, PORT_RESET_CONTROL
        .byte   RESETCTL_HARD | RESETCTL_RESET
        .byte   0, 0, 0
        .quad   \facs, \dsdt
        IOPORTS 32, 2, PORT_PM1_STATUS
        IOPORTS 0, 0, 0
        IOPORTS 16, 2, PORT_PM1_CONTROL
        IOPORTS 0, 0, 0
        IOPORTS 0, 0, 0
        IOPORTS 32, 3, PORT_PM_TIMER
        IOPORTS 0, 0, 0
        IOPORTS 0, 0, 0
        .endm
        .macro  SLEEP5                          # Name (_S5_, Package () {SLP_TYPa, SLP_TYPb, 0, 0})
        .byte   0x08
        .ascii  "_S5_"
        .byte   0x12, 0x06, 0x04, ACPI_VALUES_S5, ACPI_VALUES_S5, 0, 0
        .endm
