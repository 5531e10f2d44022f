"""Real-time clock and CMOS memory: registers, and the bytes firmware reads for memory sizes."""
from emu.bits import codes, layout

CMOS = codes("CMOS", 'Motorola MC146818A data sheet; bytes above 0x0D: IBM PC/AT, and Bochs firmware conventions',
    SECONDS=(0x00, "seconds"), SECONDS_ALARM=(0x01, "alarm seconds"), MINUTES=(0x02, "minutes"), MINUTES_ALARM=(0x03, "alarm minutes"),
    HOURS=(0x04, "hours"), HOURS_ALARM=(0x05, "alarm hours"), WEEKDAY=(0x06, "day of the week, Sunday = 1"),
    DAY=(0x07, "day of the month"), MONTH=(0x08, "month"), YEAR=(0x09, "year of the century"), A=(0x0A, "register A"),
    B=(0x0B, "register B"), C=(0x0C, "register C"), D=(0x0D, "register D"), SHUTDOWN=(0x0F, "shutdown code"),
    EQUIPMENT=(0x14, "equipment"), BASE_LOW=(0x15, "base memory, KiB"), BASE_HIGH=(0x16, "base memory, KiB"),
    EXTENDED_LOW=(0x17, "memory above 1 MiB, KiB, at most 63 MiB"), EXTENDED_HIGH=(0x18, "the same, high byte"),
    EXTENDED2_LOW=(0x30, "copy of 0x17"), EXTENDED2_HIGH=(0x31, "copy of 0x18"), CENTURY=(0x32, "century"),
    ABOVE_16M_LOW=(0x34, "memory above 16 MiB, 64 KiB units"), ABOVE_16M_HIGH=(0x35, "the same, high byte"),
    ABOVE_4G_LOW=(0x5B, "memory above 4 GiB, 64 KiB units"), ABOVE_4G_MIDDLE=(0x5C, "the same, middle byte"),
    ABOVE_4G_HIGH=(0x5D, "the same, high byte"), PROCESSORS=(0x5F, "processors - 1"))

RTCA = layout("RTCA", 8, 'MC146818A, "Register A"',
    RS=(3, 0, "rate selection"), DV=(6, 4, "divider control"), UIP=(7, 7, "update in progress, read-only"))

RTCB = layout("RTCB", 8, 'MC146818A, "Register B"',
    DSE=(0, 0, "daylight saving"), H24=(1, 1, "24-hour mode"), DM=(2, 2, "binary rather than BCD"), SQWE=(3, 3, "square wave"),
    UIE=(4, 4, "update interrupt"), AIE=(5, 5, "alarm interrupt"), PIE=(6, 6, "periodic interrupt"), SET=(7, 7, "updates stop"))

RTCC = layout("RTCC", 8, 'MC146818A, "Register C"',
    UF=(4, 4, "update ended"), AF=(5, 5, "alarm"), PF=(6, 6, "period ended"), IRQF=(7, 7, "interrupt requested"))
