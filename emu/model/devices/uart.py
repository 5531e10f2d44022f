"""16550A UART: FIFOs, interrupt identification and priorities, loopback.

A byte written is sent at once and the transmitter always reads as empty; the interrupt that says so comes
after the time of the characters, of as many as the FIFO holds.  Received bytes arrive one per character time and wait outside while
the FIFO is full, as with a handshake; only loopback overruns.
Not modelled: break, parity and framing errors.
Source: National Semiconductor PC16550D data sheet
"""
from emu.bits import U64, every, get, put
from emu.jit import kernel
from emu.model.devices import console
from emu.model.interrupts import irq
from emu.spec.platform import DEVICE, HZ, IRQ, PORT
from emu.spec.uart import DELTA, DIVISOR, FCR, IER, IIR, IIRFIELD, LCR, LSR, MCR, MSR, UART
from emu.state import NEVER, RING, uart_at

RING_INDEX = U64(RING - 1)
EMPTY = LSR.THRE | LSR.TEMT
CONNECTED = MSR.CTS | MSR.DSR | MSR.DCD
WRITABLE_IER, WRITABLE_MCR = U64(every(IER)), U64(every(MCR))


@kernel
def character(u):
    """Return the cycles that one character takes on the line."""
    bits = 7 + (u.lcr & LCR.WORD)                         # start, 5 to 8 data, one stop
    if u.lcr & LCR.STOP:
        bits += 1
    if u.lcr & LCR.PARITY:
        bits += 1
    divisor = u.divisor if u.divisor else 1
    return bits * divisor * HZ.TSC // HZ.BAUD


@kernel
def _capacity(u):
    return 16 if u.fcr & FCR.ENABLE else 1


@kernel
def _trigger(u):
    """Return how many received bytes raise the interrupt."""
    level = get(u.fcr, FCR.TRIGGER)
    if not u.fcr & FCR.ENABLE or level == 0:
        return 1
    return 14 if level == 3 else level * 4


@kernel
def identify(u):
    """Return the IIR code of the most urgent interrupt."""
    if u.ier & IER.LINE and u.lsr:
        return IIR.LINE
    if u.ier & IER.DATA and u.depth >= _trigger(u):
        return IIR.DATA
    if u.ier & IER.DATA and u.timeout:
        return IIR.TIMEOUT
    if u.ier & IER.THRE and u.thre:
        return IIR.THRE
    if u.ier & IER.MODEM and u.msr & MSR.DELTA:
        return IIR.MODEM
    return IIR.NONE


@kernel
def _update(m, u):
    gate = u.mcr & (MCR.OUT2 | MCR.LOOP) == MCR.OUT2
    u.line = irq.change(m, IRQ.UART, u.line, 1 if gate and identify(u) != IIR.NONE else 0)


@kernel
def _receive(u, byte, now):
    """Put a byte into the receive FIFO; a full one overruns: a FIFO keeps its bytes, one register is overwritten."""
    if u.depth < _capacity(u):
        u.fifo[u.head + u.depth & 15] = byte
        u.depth += 1
    else:
        u.lsr |= LSR.OE
        if not u.fcr & FCR.ENABLE:
            u.fifo[u.head] = byte
    if u.fcr & FCR.ENABLE:
        u.timeout = 0
        u.timeout_at = now + 4 * character(u)


@kernel
def _arrive(u):
    """Take bytes that the host fed, one per character time, while there is room."""
    while u.receive_at <= u.now and u.depth < _capacity(u):
        _receive(u, U64(u.input[u.taken & RING_INDEX]), u.receive_at)
        u.taken += 1
        u.receive_at = u.receive_at + character(u) if u.taken != u.fed else NEVER
    if u.depth >= _capacity(u):
        u.receive_at = NEVER


@kernel
def _expect(u):
    """Start the next character from the host when there is one and room for it."""
    if u.receive_at == NEVER and u.taken != u.fed and u.depth < _capacity(u):
        u.receive_at = u.now + character(u)


@kernel
def advance(m, now):
    """Let everything happen that is due at cycle `now`."""
    u = uart_at(m.devices[DEVICE.UART])[0]
    u.now = irq.later(u.now, now)
    if u.thre_at <= u.now:
        u.thre_at = NEVER
        u.thre = 1
    _arrive(u)
    _expect(u)
    if u.timeout_at <= u.now:
        u.timeout_at = NEVER
        u.timeout = 1 if u.depth else 0
    _update(m, u)


@kernel
def next_event(m):
    """Return the cycle at which the UART wants to act next."""
    u = uart_at(m.devices[DEVICE.UART])[0]
    at = u.receive_at
    if u.ier & IER.THRE and u.thre_at < at:
        at = u.thre_at
    if u.ier & IER.DATA and u.timeout_at < at:
        at = u.timeout_at
    return at


@kernel
def _take(u):
    """Return the oldest received byte; with nothing there, the last one again."""
    u.timeout = 0
    if u.depth == 0:
        return U64(u.fifo[u.head - 1 & 15])
    byte = U64(u.fifo[u.head])
    u.head = u.head + 1 & 15
    u.depth -= 1
    u.timeout_at = u.now + 4 * character(u) if u.depth and u.fcr & FCR.ENABLE else NEVER
    _expect(u)
    return byte


@kernel
def _read(u, register):
    if register == UART.DATA:
        return get(u.divisor, DIVISOR.LOW) if u.lcr & LCR.DLAB else _take(u)
    if register == UART.IER:
        return get(u.divisor, DIVISOR.HIGH) if u.lcr & LCR.DLAB else u.ier
    if register == UART.IIR:
        code = identify(u)
        if code == IIR.THRE:
            u.thre = 0
        return code | (IIRFIELD.FIFOS if u.fcr & FCR.ENABLE else 0)
    if register == UART.LCR:
        return u.lcr
    if register == UART.MCR:
        return u.mcr
    if register == UART.LSR:
        value = u.lsr | EMPTY | (LSR.DR if u.depth else 0)
        u.lsr = 0
        return value
    if register == UART.MSR:
        value = u.msr
        u.msr &= ~MSR.DELTA
        return value
    return u.scr


@kernel
def read(c, m, port):
    """Return a byte from port 0x3F8..0x3FF."""
    advance(m, c.cycles)
    u = uart_at(m.devices[DEVICE.UART])[0]
    value = _read(u, port - PORT.UART)
    _update(m, u)
    return value


@kernel
def _send(c, m, u, byte):
    if u.mcr & MCR.LOOP:
        _receive(u, byte, u.now)
    else:
        console.put(c, m, u, byte)
    u.thre = 0
    at, most = (u.now if u.thre_at == NEVER else u.thre_at) + character(u), u.now + _capacity(u) * character(u)
    u.thre_at = at if at < most else most                 # who polls writes more than the FIFO holds: that was sent at once


@kernel
def _modem(u):
    """Recompute modem status: the other side is always connected; loopback shows our own outputs."""
    lines = CONNECTED
    if u.mcr & MCR.LOOP:
        lines = (MSR.CTS if u.mcr & MCR.RTS else 0) | (MSR.DSR if u.mcr & MCR.DTR else 0) | \
            (MSR.RI if u.mcr & MCR.OUT1 else 0) | (MSR.DCD if u.mcr & MCR.OUT2 else 0)
    changed = lines ^ u.msr
    delta = (DELTA.CTS if changed & MSR.CTS else 0) | (DELTA.DSR if changed & MSR.DSR else 0) | \
        (DELTA.RI if changed & MSR.RI and not lines & MSR.RI else 0) | (DELTA.DCD if changed & MSR.DCD else 0)
    u.msr = lines | u.msr & MSR.DELTA | delta


@kernel
def _control_fifo(u, value):
    if (value ^ u.fcr) & FCR.ENABLE or value & FCR.CLEAR_RECEIVE:
        u.depth = 0
        u.timeout = 0
        u.timeout_at = NEVER
    u.fcr = value & (FCR.ENABLE | FCR.DMA | FCR.TRIGGER) if value & FCR.ENABLE else 0
    _expect(u)


@kernel
def _enable(u, value):
    if value & ~u.ier & IER.THRE and u.thre_at == NEVER:
        u.thre = 1
    u.ier = value & WRITABLE_IER


@kernel
def _write(c, m, u, register, value):
    latch = u.lcr & LCR.DLAB != 0
    if register == UART.DATA and latch:
        u.divisor = put(u.divisor, DIVISOR.LOW, value)
    elif register == UART.DATA:
        _send(c, m, u, value)
    elif register == UART.IER and latch:
        u.divisor = put(u.divisor, DIVISOR.HIGH, value)
    elif register == UART.IER:
        _enable(u, value)
    elif register == UART.IIR:
        _control_fifo(u, value)
    elif register == UART.LCR:
        u.lcr = value
    elif register == UART.MCR:
        u.mcr = value & WRITABLE_MCR
        _modem(u)
    elif register == UART.SCR:
        u.scr = value


@kernel
def write(c, m, port, value):
    """Write a byte to port 0x3F8..0x3FF."""
    advance(m, c.cycles)
    u = uart_at(m.devices[DEVICE.UART])[0]
    _write(c, m, u, port - PORT.UART, value)
    _update(m, u)


@kernel
def reset(m):
    """Bring the UART to its state after master reset; output and input of the host stay."""
    u = uart_at(m.devices[DEVICE.UART])[0]
    u.ier = 0
    u.fcr = 0
    u.lcr = 0
    u.mcr = 0
    u.lsr = 0
    u.msr = CONNECTED
    u.divisor = 12                                        # 9,600 baud; the chip leaves it undefined
    u.depth = 0
    u.head = 0
    u.thre = 0
    u.timeout = 0
    u.thre_at = NEVER
    u.receive_at = NEVER
    u.timeout_at = NEVER
    _update(m, u)
