"""8254 interval timer: control words, status bytes, counter modes and ways to access a count; port 0x61."""
from emu.bits import codes, layout

PITMODE = codes("PITMODE", 'Intel 8254, "Mode Definitions"', TERMINAL=(0, "interrupt on terminal count"),
    ONE_SHOT=(1, "hardware retriggerable one-shot"), RATE=(2, "rate generator"), SQUARE=(3, "square wave"),
    SOFT_STROBE=(4, "software triggered strobe"), HARD_STROBE=(5, "hardware triggered strobe"))
PITACCESS = codes("PITACCESS", 'Intel 8254, "Control Word Format"', LATCH=(0, "counter latch"), LOW=(1, "low byte"),
    HIGH=(2, "high byte"), BOTH=(3, "low, then high byte"))
PITSELECT = codes("PITSELECT", 'Intel 8254, "Control Word Format"', COUNTER_0=(0, "counter 0"), COUNTER_1=(1, "counter 1"),
    COUNTER_2=(2, "counter 2"), READ_BACK=(3, "no counter: the word is a read-back command"))
_PROGRAMMED = dict(BCD=(0, 0, "counts in decimal digits"), MODE=(3, 1, "code of PITMODE; 6 and 7 are 2 and 3"),
    ACCESS=(5, 4, "code of PITACCESS"))
PITCONTROL = layout("PITCONTROL", 8, 'Intel 8254, "Control Word Format"', **_PROGRAMMED, SELECT=(7, 6, "code of PITSELECT"))
PITBACK = layout("PITBACK", 8, 'Intel 8254, "Read-Back Command"', COUNTERS=(3, 1, "a bit for each counter"),
    NO_STATUS=(4, 4, "0: latch the status"), NO_COUNT=(5, 5, "0: latch the count"), SELECT=(7, 6, "PITSELECT.READ_BACK"))
PITSTATUS = layout("PITSTATUS", 8, 'Intel 8254, "Read-Back Command" (Status Byte)', **_PROGRAMMED,
    NULL=(6, 6, "the count that was written is not loaded yet"), OUT=(7, 7, "output"))
PORT61 = layout("PORT61", 8, 'IBM PC AT Technical Reference, "System Control Port B"', GATE=(0, 0, "gate of counter 2"),
    SPEAKER=(1, 1, "speaker data"), NMI=(3, 2, "parity and channel check off"), REFRESH=(4, 4, "toggles with memory refresh"),
    OUT=(5, 5, "output of counter 2"), CHECKS=(7, 6, "parity and channel checks"))
