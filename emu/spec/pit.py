"""8254 interval timer: counter modes and ways to access a count."""
from emu.bits import codes

PITMODE = codes("PITMODE", 'Intel 8254, "Mode Definitions"', TERMINAL=(0, "interrupt on terminal count"),
    ONE_SHOT=(1, "hardware retriggerable one-shot"), RATE=(2, "rate generator"), SQUARE=(3, "square wave"),
    SOFT_STROBE=(4, "software triggered strobe"), HARD_STROBE=(5, "hardware triggered strobe"))
PITACCESS = codes("PITACCESS", 'Intel 8254, "Control Word Format"', LATCH=(0, "counter latch"), LOW=(1, "low byte"),
    HIGH=(2, "high byte"), BOTH=(3, "low, then high byte"))
