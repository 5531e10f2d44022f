# power_off.s - soft-off by ACPI.
#
# Entry   LONG state of hv/README.md, "What a partition finds"
# Exit    0
# Source  ACPI, "PM1 Control Registers" (SLP_TYP, SLP_EN)

        .use    platform
        .org    0x100000
        .equ    SLEEP_ENABLE, 1 << 13

start:  mov     edx, PORT_PM1_CONTROL
        mov     eax, SLEEP_ENABLE
        out     dx, ax
        cli
        hlt
