# ports.s - the ports of a child: which device answers, and how wide (hv/devices/port_table.s).
#
# A routine's entry: edi = port, esi = bytes, edx = value, rbx = rbp = VM.  Exit: eax.
# Source  firmware/root/README.md, "Devices of a child"

        .balign 8
ports:  PORTS   VPORT_SERIAL, VPORT_SERIAL + 7, 0, uart_read, uart_write
        PORTS   VPORT_EXIT, VPORT_EXIT, 1, ones_read, exit_write
        PORTS   PORT_PIC1, PORT_PIC1_DATA, 0, interrupts_read, interrupts_write
        PORTS   PORT_PIC2, PORT_PIC2_DATA, 0, interrupts_read, interrupts_write
        PORTS   PORT_RTC_INDEX, PORT_RTC_DATA, 0, cmos_read, cmos_write
        PORTS   PORT_ELCR1, PORT_ELCR2, 0, elcr_read, elcr_write
        PORTS   PORT_PM1_STATUS, PORT_PM1_CONTROL + 1, 1, pm1_read, pm1_write
        PORTS   PORT_PM_TIMER, PORT_PM_TIMER + 3, 1, pm_timer_read, ones_read
        PORTS   PORT_PCI_ADDRESS, PORT_PCI_ADDRESS + 3, 1, ones_read, reset_write
        PORTS   VPORT_TIMER_PERIOD, VPORT_TIMER_PERIOD, 1, ones_read, timer_write
        PORTS   VPORT_DISK_SECTOR, VPORT_DISK_COMMAND, 1, disk_read, disk_write
        .long   0xFFFFFFFF
