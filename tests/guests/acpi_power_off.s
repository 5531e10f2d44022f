# Expect: power off. SLP_EN with the sleep type of \_S5 in PM1 control switches the machine off.
        .include "lib.s"

test:   mov     dx, PORT_PM1_CONTROL
        mov     ax, PM1CNT_SLP_EN | put(PM1CNT_SLP_TYP, ACPI_VALUES_S5)
        out     dx, ax
        hlt
