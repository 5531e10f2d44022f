"""The pair of 8259 interrupt controllers with edge/level control, cascaded on line 2.

Source: Intel 8259A data sheet; Intel PIIX3 data sheet, "Interrupt Controller" (ELCR).
Not modelled: MCS-80/85 mode (stops by name), buffered mode (no effect on a PC).
"""
from emu.bits import U64
from emu.jit import kernel
from emu.model import ioapic, message
from emu.model.fault import unmodelled
from emu.spec.outcome import UNMODELLED
from emu.spec.platform import DEVICE, PIN, PORT
from emu.state import pic_at

ZERO, ONE, TWO, THREE, FOUR, SEVEN, EIGHT = U64(0), U64(1), U64(2), U64(3), U64(4), U64(7), U64(8)
BYTE = U64(0xFF)
CASCADE = U64(4)                                          # line 2 of the first controller
NONE = U64(8)
ICW1, ICW1_LTIM, ICW1_SINGLE, ICW1_IC4 = U64(0x10), U64(8), U64(2), U64(1)
ICW4_8086, ICW4_AEOI, ICW4_SFNM = U64(1), U64(2), U64(0x10)
OCW3 = U64(8)
OCW2_EOI, OCW2_SPECIFIC, OCW2_ROTATE = U64(0x20), U64(0x40), U64(0x80)
OCW3_POLL, OCW3_READ, OCW3_ISR, OCW3_SPECIAL, OCW3_MASK_ON = U64(4), U64(2), U64(1), U64(0x40), U64(0x20)
POLL_VALID = U64(0x80)
ELCR1_WRITABLE, ELCR2_WRITABLE = U64(0xF8), U64(0xDE)     # lines 0, 1, 2, 8 and 13 are always edge-triggered


@kernel
def _rank(p, i, lines):
    """Return how far the most urgent of `lines` is from the top of chip `i`'s priority order; 8: none."""
    for k in range(8):
        if lines >> (p.lowest[i] + ONE + U64(k) & SEVEN) & ONE:
            return U64(k)
    return NONE


@kernel
def _candidate(p, i):
    """Return the line that chip `i` would interrupt with now, or 8."""
    rank = _rank(p, i, p.irr[i] & ~p.imr[i])
    if rank == NONE:
        return NONE
    service = p.isr[i]
    if p.special[i]:
        service &= ~p.imr[i]
    if i == ZERO and p.icw4[i] & ICW4_SFNM:
        service &= ~CASCADE
    if rank < _rank(p, i, service):
        return p.lowest[i] + ONE + rank & SEVEN
    return NONE


@kernel
def _level(p, i):
    return BYTE if p.icw1[i] & ICW1_LTIM else p.elcr[i]


@kernel
def _input(p, i, line, level):
    bit = ONE << line
    rising = level != ZERO and not p.lines[i] & bit
    if level:
        p.lines[i] |= bit
    else:
        p.lines[i] &= ~bit
        p.irr[i] &= ~bit
    if rising or (level != ZERO and _level(p, i) & bit != ZERO):
        p.irr[i] |= bit


@kernel
def update(m):
    """Recompute the outputs: second chip to the first, first chip to LINT0 and I/O APIC pin 0."""
    p = pic_at(m.devices[DEVICE.PIC])[0]
    _input(p, ZERO, TWO, ONE if p.icw[1] == ZERO and _candidate(p, ONE) < NONE else ZERO)
    output = ONE if p.icw[0] == ZERO and _candidate(p, ZERO) < NONE else ZERO
    if output != p.output:
        p.output = output
        message.set_intr(m, output)
        ioapic.set_line(m, PIN.EXTINT, output)


@kernel
def set_line(m, irq, level):
    """Drive ISA line `irq` (0..15 except 2) to `level` (0, 1)."""
    _input(pic_at(m.devices[DEVICE.PIC])[0], irq >> THREE, irq & SEVEN, level)
    update(m)


@kernel
def _service(p, i, line):
    """Acknowledge `line` of chip `i`: into service, unless automatic EOI ends it at once."""
    bit = ONE << line
    if not _level(p, i) & bit:
        p.irr[i] &= ~bit
    if not p.icw4[i] & ICW4_AEOI:
        p.isr[i] |= bit
    elif p.rotate[i]:
        p.lowest[i] = line


@kernel
def _acknowledge(p, i):
    """Return the line chip `i` answers with: 7 without service when nothing asks any more (spurious)."""
    line = _candidate(p, i)
    if line == NONE:
        return SEVEN
    _service(p, i, line)
    return line


@kernel
def acknowledge(m):
    """Answer an interrupt acknowledge cycle: returns the vector."""
    p = pic_at(m.devices[DEVICE.PIC])[0]
    line = _candidate(p, ZERO)
    first = _acknowledge(p, ZERO)
    vector = p.vector[0] + first
    if line == TWO:
        vector = p.vector[1] + _acknowledge(p, ONE)
    _drop_output(m, p)
    update(m)
    return vector


@kernel
def _drop_output(m, p):
    """Lower INTR: it falls with each acknowledge, so that what waits behind makes a new edge."""
    _input(p, ZERO, TWO, ZERO)
    if p.output:
        p.output = ZERO
        message.set_intr(m, ZERO)
        ioapic.set_line(m, PIN.EXTINT, ZERO)


@kernel
def _initialise(p, i, value):
    """ICW1: clear masks, service and edge memory, and await the following words."""
    p.icw1[i] = value
    p.icw[i] = TWO
    p.icw4[i] = ZERO
    p.imr[i] = ZERO
    p.isr[i] = ZERO
    p.irr[i] = p.lines[i] & _level(p, i)
    p.lowest[i] = SEVEN
    p.special[i] = ZERO
    p.read_isr[i] = ZERO
    p.poll[i] = ZERO
    p.rotate[i] = ZERO


@kernel
def _ocw2(p, i, value):
    """End of interrupt, rotation, priority."""
    line = value & SEVEN
    specific = value & OCW2_SPECIFIC != ZERO
    if value & OCW2_EOI:
        if not specific:
            service = p.isr[i] & ~p.imr[i] if p.special[i] else p.isr[i]
            rank = _rank(p, i, service)
            if rank == NONE:
                return
            line = p.lowest[i] + ONE + rank & SEVEN
        p.isr[i] &= ~(ONE << line)
        if value & OCW2_ROTATE:
            p.lowest[i] = line
    elif not specific:
        p.rotate[i] = ONE if value & OCW2_ROTATE else ZERO
    elif value & OCW2_ROTATE:
        p.lowest[i] = line


@kernel
def _ocw3(p, i, value):
    """Poll, choice of the register read, special mask mode."""
    if value & OCW3_POLL:
        p.poll[i] = ONE
    elif value & OCW3_READ:
        p.read_isr[i] = value & OCW3_ISR
    if value & OCW3_SPECIAL:
        p.special[i] = ONE if value & OCW3_MASK_ON else ZERO


@kernel
def _data(c, p, i, value):
    """Write port 0x21 or 0xA1: the initialisation word awaited, else the mask (OCW1)."""
    step = p.icw[i]
    if step == ZERO:
        p.imr[i] = value
        return
    if step == TWO:
        p.vector[i] = value & ~SEVEN
        step = FOUR if p.icw1[i] & ICW1_SINGLE else THREE
    elif step == THREE:
        step = FOUR
    else:
        p.icw4[i] = value
        step = ZERO
    if step == FOUR and not p.icw1[i] & ICW1_IC4:
        step = ZERO
    p.icw[i] = step
    if step == ZERO and not p.icw4[i] & ICW4_8086:
        unmodelled(c, UNMODELLED.DEVICE, PORT.PIC1_DATA, value)


@kernel
def write(c, m, port, value):
    """Write a byte to a port of the pair."""
    p = pic_at(m.devices[DEVICE.PIC])[0]
    if port == PORT.ELCR1:
        p.elcr[0] = value & ELCR1_WRITABLE
    elif port == PORT.ELCR2:
        p.elcr[1] = value & ELCR2_WRITABLE
    else:
        i = port >> U64(7) & ONE
        if port & ONE:
            _data(c, p, i, value)
        elif value & ICW1:
            _initialise(p, i, value)
        elif value & OCW3:
            _ocw3(p, i, value)
        else:
            _ocw2(p, i, value)
    update(m)


@kernel
def _poll(m, p, i):
    """Answer a poll: acknowledges like an INTA cycle of this chip alone."""
    p.poll[i] = ZERO
    line = _candidate(p, i)
    if line == NONE:
        return ZERO
    _service(p, i, line)
    _drop_output(m, p)
    update(m)
    return POLL_VALID | line


@kernel
def read(m, port):
    """Return a byte from a port of the pair."""
    p = pic_at(m.devices[DEVICE.PIC])[0]
    if port == PORT.ELCR1:
        return p.elcr[0]
    if port == PORT.ELCR2:
        return p.elcr[1]
    i = port >> U64(7) & ONE
    if p.poll[i]:
        return _poll(m, p, i)
    if port & ONE:
        return p.imr[i]
    return p.isr[i] if p.read_isr[i] else p.irr[i]


@kernel
def reset(m):
    """Mask everything and await ICW1; the chips' own power-up state is undefined.  Lines keep their levels."""
    p = pic_at(m.devices[DEVICE.PIC])[0]
    for i in range(2):
        _initialise(p, U64(i), ZERO)
        p.icw[i] = ZERO
        p.icw4[i] = ICW4_8086
        p.imr[i] = BYTE
        p.vector[i] = ZERO
        p.elcr[i] = ZERO
    update(m)
