"""16550A UART registers; ports are base + UART code."""
from emu.bits import codes, layout

UART = codes("UART", 'PC16550D, "Registers"',
    DATA=(0, "receive buffer, transmit holding; divisor low"), IER=(1, "interrupt enable; divisor high"),
    IIR=(2, "interrupt identification; FIFO control"), LCR=(3, "line control"), MCR=(4, "modem control"),
    LSR=(5, "line status"), MSR=(6, "modem status"), SCR=(7, "scratch"))
IER = layout("IER", 8, 'PC16550D, "Interrupt Enable Register"', DATA=(0, 0, "received data"), THRE=(1, 1, "transmitter empty"),
    LINE=(2, 2, "line status"), MODEM=(3, 3, "modem status"))
FCR = layout("FCR", 8, 'PC16550D, "FIFO Control Register"', ENABLE=(0, 0, "FIFOs on"), CLEAR_RECEIVE=(1, 1, "empty receiver"),
    CLEAR_SEND=(2, 2, "empty transmitter"), DMA=(3, 3, "DMA mode"), TRIGGER=(7, 6, "1, 4, 8, 14 bytes"))
LCR = layout("LCR", 8, 'PC16550D, "Line Control Register"', WORD=(1, 0, "bits - 5"), STOP=(2, 2, "two stop bits"),
    PARITY=(3, 3, "parity bit"), DLAB=(7, 7, "divisor latch access"))
MCR = layout("MCR", 8, 'PC16550D, "Modem Control Register"', DTR=(0, 0, "terminal ready"), RTS=(1, 1, "request to send"),
    OUT1=(2, 2, "output 1"), OUT2=(3, 3, "output 2: interrupts reach the bus"), LOOP=(4, 4, "loopback"))
LSR = layout("LSR", 8, 'PC16550D, "Line Status Register"', DR=(0, 0, "data ready"), OE=(1, 1, "overrun"),
    THRE=(5, 5, "holding register empty"), TEMT=(6, 6, "transmitter empty"))
MSR = layout("MSR", 8, 'PC16550D, "Modem Status Register"', DELTA=(3, 0, "changes of the bits above; ring: its end"),
    CTS=(4, 4, "clear to send"), DSR=(5, 5, "data set ready"), RI=(6, 6, "ring"), DCD=(7, 7, "carrier"))
DELTA = layout("DELTA", 4, 'PC16550D, "Modem Status Register": MSR.DELTA', CTS=(0, 0, "CTS changed"), DSR=(1, 1, "DSR changed"),
    RI=(2, 2, "ring ended (TERI)"), DCD=(3, 3, "DCD changed"))
DIVISOR = layout("DIVISOR", 16, 'PC16550D, "Programmable Baud Generator"', LOW=(7, 0, "divisor latch LS"), HIGH=(15, 8, "divisor latch MS"))
IIRFIELD = layout("IIRFIELD", 8, 'PC16550D, "Interrupt Identification Register"', CODE=(3, 0, "code of IIR"), FIFOS=(7, 6, "FIFOs on"))
IIR = codes("IIR", 'PC16550D, "Interrupt Identification Register"', MODEM=(0, "modem status"), NONE=(1, "no interrupt"),
    THRE=(2, "transmitter empty"), DATA=(4, "received data"), LINE=(6, "line status"), TIMEOUT=(12, "character timeout"))
