"""The computer around the processors: physical map, ports, interrupt lines, frequencies.

A PC with an 82371 (PIIX)-style south bridge, one I/O APIC, QEMU's fw_cfg and debug ports, and no disk.
"""
import numpy as np

from emu.bits import codes, layout

MEMORY = codes("MEMORY", "physical addresses; RAM lies from 0 to the hole, VGA text memory is part of it, and from 4 GiB on",
    VIDEO=(0xA_0000, "conventional memory ends here; to 1 MiB it is of the video card and the firmware"),
    VGA_TEXT=(0xB8000, "80x25 characters and attributes, RAM"),
    HOLE=(0xC000_0000, "RAM ends here or below; what it has more lies at ABOVE"),
    IOAPIC=(0xFEC0_0000, "I/O APIC registers, one page"),
    LOCAL_APIC=(0xFEE0_0000, "local APIC registers after reset"), ABOVE=(0x1_0000_0000, "the ROM ends here; RAM beyond the hole"))

HZ = codes("HZ", "clock frequencies",
    TSC=(1_000_000_000, "processor cycles: one is 1 ns; also the crystal of the APIC timer, before the divider"),
    PIT=(1_193_182, "8254 counters"), PM_TIMER=(3_579_545, "ACPI power-management timer"),
    RTC=(32_768, "real-time clock oscillator"), BAUD=(115_200, "UART characters: 1.8432 MHz / 16"))

IRQ = codes("IRQ", "ISA interrupt lines; the I/O APIC pin is the same, except 0 -> pin 2",
    PIT=(0, "counter 0"), KEYBOARD=(1, "keyboard"), CASCADE=(2, "second 8259"), UART=(4, "COM1"), RTC=(8, "real-time clock"),
    SCI=(9, "ACPI, level-triggered, active high"), FERR=(13, "x87 error"))

PIN = codes("PIN", "I/O APIC pins that are not ISA lines of the same number",
    EXTINT=(0, "INTR of the 8259 pair"), PIT=(2, "ISA line 0"))

# Index into MACHINE.devices; the text says what the address there points to.
DEVICE = codes("DEVICE", "ours: MACHINE.devices",
    NONE=(0, "no device: reads give all ones, writes are ignored"),
    PORTS=(1, "uint8[65536]: the DEVICE of each port"),
    PORT_READ=(2, "C function of the port router: uint64(cpu address, port, size, 0)"),
    PORT_WRITE=(3, "C function of the port router: uint64(cpu address, port, size, value)"),
    IOAPIC=(4, "IO_APIC"), PIC=(5, "PIC"), PIT=(6, "PIT; also port 0x61"), RTC=(7, "RTC"), UART=(8, "UART"),
    ACPI=(9, "ACPI"), KEYBOARD=(10, "KEYBOARD; also port 0x92"), FW_CFG=(11, "FW_CFG"), PCI=(12, "PCI"), VGA=(13, "VGA"),
    CONSOLE=(14, "CONSOLE: ports 0xE9, 0x402 and 0x80"), EXIT=(15, "no record: debug-exit port"),
    LOCAL_APIC=(16, "no record here: CPU.apic"), FERR=(17, "no record here: CPU.ferr"))

PORTMAP = (
    # first   last    DEVICE          text
    (0x020,  0x021,  DEVICE.PIC,      "first 8259"),
    (0x040,  0x043,  DEVICE.PIT,      "8254 counters"),
    (0x060,  0x060,  DEVICE.KEYBOARD, "keyboard data"),
    (0x061,  0x061,  DEVICE.PIT,      "counter 2 gate and output"),
    (0x064,  0x064,  DEVICE.KEYBOARD, "keyboard command and status"),
    (0x070,  0x071,  DEVICE.RTC,      "CMOS index and data, NMI mask"),
    (0x080,  0x080,  DEVICE.CONSOLE,  "power-on self-test code"),
    (0x092,  0x092,  DEVICE.KEYBOARD, "fast A20 and reset"),
    (0x0A0,  0x0A1,  DEVICE.PIC,      "second 8259"),
    (0x0B2,  0x0B3,  DEVICE.ACPI,     "SMI command: ACPI enable and disable"),
    (0x0E9,  0x0E9,  DEVICE.CONSOLE,  "debug console"),
    (0x0F0,  0x0F0,  DEVICE.FERR,     "x87 error acknowledgement"),
    (0x0F4,  0x0F7,  DEVICE.EXIT,     "debug exit"),
    (0x3C0,  0x3DF,  DEVICE.VGA,      "VGA registers"),
    (0x3F8,  0x3FF,  DEVICE.UART,     "COM1"),
    (0x3E0,  0x3E1,  DEVICE.CONSOLE,  "partition console: number, byte"),
    (0x402,  0x402,  DEVICE.CONSOLE,  "debug console"),
    (0x4D0,  0x4D1,  DEVICE.PIC,      "edge/level control"),
    (0x510,  0x511,  DEVICE.FW_CFG,   "firmware configuration"),
    (0x600,  0x60B,  DEVICE.ACPI,     "PM1a event, PM1a control, PM timer"),
    (0xCF8,  0xCFF,  DEVICE.PCI,      "configuration address and data; 0xCF9 resets"),
)


def port_table():
    """Return uint8[65536]: the DEVICE code of every I/O port."""
    table = np.zeros(65536, np.uint8)
    for first, last, device, _ in PORTMAP:
        table[first:last + 1] = int(device)
    return table


PORT = codes("PORT", "single ports that software and kernels name",
    PIC1=(0x20, "first 8259 command"), PIC1_DATA=(0x21, "first 8259 data"), PIT0=(0x40, "counter 0"),
    PIT1=(0x41, "counter 1"), PIT2=(0x42, "counter 2"), PIT_CONTROL=(0x43, "control word"), KEY_DATA=(0x60, "keyboard data"),
    SPEAKER=(0x61, "counter 2 gate and output"), KEY_COMMAND=(0x64, "keyboard command and status"),
    RTC_INDEX=(0x70, "CMOS index"), RTC_DATA=(0x71, "CMOS data"), POST=(0x80, "self-test code"),
    SYSTEM_A=(0x92, "fast A20 and reset"), PIC2=(0xA0, "second 8259 command"), PIC2_DATA=(0xA1, "second 8259 data"),
    SMI_COMMAND=(0xB2, "ACPI enable and disable"), SMI_DATA=(0xB3, "scratch beside the SMI command"),
    DEBUG_CONSOLE=(0xE9, "debug console"), FERR=(0xF0, "x87 error acknowledgement"), DEBUG_EXIT=(0xF4, "debug exit"), UART=(0x3F8, "COM1"),
    PARTITION=(0x3E0, "partition console: number of the partition"), PARTITION_BYTE=(0x3E1, "partition console: its next byte"),
    DEBUG_CONSOLE2=(0x402, "debug console"), ELCR1=(0x4D0, "edge/level, lines 0-7"), ELCR2=(0x4D1, "edge/level, lines 8-15"),
    FW_SELECTOR=(0x510, "fw_cfg selector"), FW_DATA=(0x511, "fw_cfg data"), PM1_STATUS=(0x600, "PM1a status"),
    PM1_ENABLE=(0x602, "PM1a enable"), PM1_CONTROL=(0x604, "PM1a control"), PM_TIMER=(0x608, "power-management timer"),
    PCI_ADDRESS=(0xCF8, "configuration address"), RESET_CONTROL=(0xCF9, "reset control"),
    PCI_DATA=(0xCFC, "configuration data"))

RESETCTL = layout("RESETCTL", 8, 'Intel PIIX3 data sheet, "RC - Reset Control Register"',
    HARD=(1, 1, "hard rather than soft reset"), RESET=(2, 2, "a change from 0 to 1 resets"))

PM1STS = layout("PM1STS", 16, 'ACPI, "PM1 Status Registers"',
    TMR=(0, 0, "timer's top bit changed"), BM=(4, 4, "bus master"), GBL=(5, 5, "global lock released"),
    PWRBTN=(8, 8, "power button"), SLPBTN=(9, 9, "sleep button"), RTC=(10, 10, "RTC alarm"), WAK=(15, 15, "wake"))

PM1EN = layout("PM1EN", 16, 'ACPI, "PM1 Enable Registers"',
    TMR=(0, 0, "timer"), GBL=(5, 5, "global lock"), PWRBTN=(8, 8, "power button"), SLPBTN=(9, 9, "sleep button"),
    RTC=(10, 10, "RTC alarm"))

PM1CNT = layout("PM1CNT", 16, 'ACPI, "PM1 Control Registers"',
    SCI_EN=(0, 0, "power events raise SCI"), BM_RLD=(1, 1, "bus master wakes"), GBL_RLS=(2, 2, "global lock release"),
    SLP_TYP=(12, 10, "sleep type"), SLP_EN=(13, 13, "enter the sleep state, write-only"))

ACPI = codes("ACPI_VALUES", "values that the FADT and DSDT of the firmware hold",
    ENABLE=(0xF1, "SMI command that sets SCI_EN"), DISABLE=(0xF0, "SMI command that clears SCI_EN"),
    S5=(0, "SLP_TYP of soft off: \\_S5 = {0, 0}"), TIMER_BITS=(24, "width of the PM timer: TMR_VAL_EXT = 0"))


def isa_pin(irq):
    """Return the I/O APIC pin of ISA line `irq` (0..15) as int."""
    return int(PIN.PIT) if irq == int(IRQ.PIT) else irq
