"""8254 interval timer: control word, counter modes, ways to access a count, read-back and status; port 0x61."""
from emu.bits import codes, layout

PITMODE = codes("PITMODE", 'Intel 8254, "Mode Definitions"', TERMINAL=(0, "interrupt on terminal count"),
    ONE_SHOT=(1, "hardware retriggerable one-shot"), RATE=(2, "rate generator"), SQUARE=(3, "square wave"),
    SOFT_STROBE=(4, "software triggered strobe"), HARD_STROBE=(5, "hardware triggered strobe"))
PITACCESS = codes("PITACCESS", 'Intel 8254, "Control Word Format"', LATCH=(0, "counter latch"), LOW=(1, "low byte"),
    HIGH=(2, "high byte"), BOTH=(3, "low, then high byte"))
PITCONTROL = layout("PITCONTROL", 8, 'Intel 8254, "Control Word Format"', BCD=(0, 0, "counts in decimal"), MODE=(3, 1, "PITMODE"),
    ACCESS=(5, 4, "PITACCESS"), COUNTER=(7, 6, "counter; 3 is read-back"))
PITBACK = layout("PITBACK", 8, 'Intel 8254, "Read-Back Command"', COUNTER0=(1, 1, "counter 0"), COUNTER1=(2, 2, "counter 1"),
    COUNTER2=(3, 3, "counter 2"), NO_STATUS=(4, 4, "0 latches the status"), NO_COUNT=(5, 5, "0 latches the count"),
    COMMAND=(7, 6, "3"))
PITSTATUS = layout("PITSTATUS", 8, 'Intel 8254, "Status Byte"', BCD=(0, 0, "counts in decimal"), MODE=(3, 1, "PITMODE"),
    ACCESS=(5, 4, "PITACCESS"), NULL=(6, 6, "the count is not loaded yet"), OUTPUT=(7, 7, "state of the output"))
SPEAKER = layout("SPEAKER", 8, 'PIIX3 data sheet, "NMI Status and Control Register" (port 0x61)', GATE=(0, 0, "gate of counter 2"),
    DATA=(1, 1, "its output reaches the speaker"), NO_SERR=(2, 2, "SERR# disabled"), NO_IOCHK=(3, 3, "IOCHK# disabled"),
    REFRESH=(4, 4, "refresh toggle"), OUTPUT=(5, 5, "output of counter 2"))
