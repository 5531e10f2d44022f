"""The pair of 8259 interrupt controllers with edge/level control, cascaded on line 2.

Source: Intel 8259A data sheet; Intel PIIX3 data sheet, "Interrupt Controller" (ELCR).
Not modelled: MCS-80/85 mode (stops by name), buffered mode (no effect on a PC).
"""
from emu.bits import LOW_8, U64
from emu.jit import kernel
from emu.model.fault import unmodelled
from emu.model.interrupts import ioapic, message
from emu.spec.outcome import UNMODELLED
from emu.spec.platform import DEVICE, PIN, PORT
from emu.state import pic_at

CASCADE = U64(4)                                          # line 2 of the first controller
NO_LINE = U64(8)
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
        if lines >> (p.lowest[i] + 1 + U64(k) & 7) & 1:
            return U64(k)
    return NO_LINE


@kernel
def _candidate(p, i):
    """Return the line that chip `i` would interrupt with now, or 8."""
    rank = _rank(p, i, p.irr[i] & ~p.imr[i])
    if rank == NO_LINE:
        return NO_LINE
    service = p.isr[i]
    if p.special[i]:
        service &= ~p.imr[i]
    if i == 0 and p.icw4[i] & ICW4_SFNM:
        service &= ~CASCADE
    if rank < _rank(p, i, service):
        return p.lowest[i] + 1 + rank & 7
    return NO_LINE


@kernel
def _level(p, i):
    return LOW_8 if p.icw1[i] & ICW1_LTIM else p.elcr[i]


@kernel
def _input(p, i, line, level):
    bit = 1 << line
    rising = level != 0 and not p.lines[i] & bit
    if level:
        p.lines[i] |= bit
    else:
        p.lines[i] &= ~bit
        p.irr[i] &= ~bit
    if rising or (level != 0 and _level(p, i) & bit != 0):
        p.irr[i] |= bit


@kernel
def update(m):
    """Recompute the outputs: second chip to the first, first chip to LINT0 and I/O APIC pin 0."""
    p = pic_at(m.devices[DEVICE.PIC])[0]
    _input(p, 0, 2, 1 if p.icw[1] == 0 and _candidate(p, 1) < NO_LINE else 0)
    output = 1 if p.icw[0] == 0 and _candidate(p, 0) < NO_LINE else 0
    if output != p.output:
        p.output = output
        message.set_intr(m, output)
        ioapic.set_line(m, PIN.EXTINT, output)


@kernel
def set_line(m, irq, level):
    """Drive ISA line `irq` (0..15 except 2) to `level` (0, 1)."""
    _input(pic_at(m.devices[DEVICE.PIC])[0], irq >> 3, irq & 7, level)
    update(m)


@kernel
def _service(p, i, line):
    """Acknowledge `line` of chip `i`: into service, unless automatic EOI ends it at once."""
    bit = 1 << line
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
    if line == NO_LINE:
        return 7
    _service(p, i, line)
    return line


@kernel
def acknowledge(m):
    """Answer an interrupt acknowledge cycle: returns the vector."""
    p = pic_at(m.devices[DEVICE.PIC])[0]
    line = _candidate(p, 0)
    first = _acknowledge(p, 0)
    vector = p.vector[0] + first
    if line == 2:
        vector = p.vector[1] + _acknowledge(p, 1)
    _drop_output(m, p)
    update(m)
    return vector


@kernel
def _drop_output(m, p):
    """Lower INTR: it falls with each acknowledge, so that the next request makes a new edge."""
    _input(p, 0, 2, 0)
    if p.output:
        p.output = 0
        message.set_intr(m, 0)
        ioapic.set_line(m, PIN.EXTINT, 0)


@kernel
def _initialise(p, i, value):
    """ICW1: clear masks, service and edge memory, and await the following words."""
    p.icw1[i] = value
    p.icw[i] = 2
    p.icw4[i] = 0
    p.imr[i] = 0
    p.isr[i] = 0
    p.irr[i] = p.lines[i] & _level(p, i)
    p.lowest[i] = 7
    p.special[i] = 0
    p.read_isr[i] = 0
    p.poll[i] = 0
    p.rotate[i] = 0


@kernel
def _ocw2(p, i, value):
    """End of interrupt, rotation, priority."""
    line = value & 7
    specific = value & OCW2_SPECIFIC != 0
    if value & OCW2_EOI:
        if not specific:
            service = p.isr[i] & ~p.imr[i] if p.special[i] else p.isr[i]
            rank = _rank(p, i, service)
            if rank == NO_LINE:
                return
            line = p.lowest[i] + 1 + rank & 7
        p.isr[i] &= ~(1 << line)
        if value & OCW2_ROTATE:
            p.lowest[i] = line
    elif not specific:
        p.rotate[i] = 1 if value & OCW2_ROTATE else 0
    elif value & OCW2_ROTATE:
        p.lowest[i] = line


@kernel
def _ocw3(p, i, value):
    """Poll, choice of the register read, special mask mode."""
    if value & OCW3_POLL:
        p.poll[i] = 1
    elif value & OCW3_READ:
        p.read_isr[i] = value & OCW3_ISR
    if value & OCW3_SPECIAL:
        p.special[i] = 1 if value & OCW3_MASK_ON else 0


@kernel
def _data(c, p, i, value):
    """Write port 0x21 or 0xA1: the initialisation word awaited, else the mask (OCW1)."""
    step = p.icw[i]
    if step == 0:
        p.imr[i] = value
        return
    if step == 2:
        p.vector[i] = value & ~7
        step = 4 if p.icw1[i] & ICW1_SINGLE else 3
    elif step == 3:
        step = 4
    else:
        p.icw4[i] = value
        step = 0
    if step == 4 and not p.icw1[i] & ICW1_IC4:
        step = 0
    p.icw[i] = step
    if step == 0 and not p.icw4[i] & ICW4_8086:
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
        i = port >> 7 & 1
        if port & 1:
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
    p.poll[i] = 0
    line = _candidate(p, i)
    if line == NO_LINE:
        return 0
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
    i = port >> 7 & 1
    if p.poll[i]:
        return _poll(m, p, i)
    if port & 1:
        return p.imr[i]
    return p.isr[i] if p.read_isr[i] else p.irr[i]


@kernel
def reset(m):
    """Mask everything and await ICW1; the chips' own power-up state is undefined.  Lines keep their levels."""
    p = pic_at(m.devices[DEVICE.PIC])[0]
    for i in range(2):
        _initialise(p, U64(i), 0)
        p.icw[i] = 0
        p.icw4[i] = ICW4_8086
        p.imr[i] = LOW_8
        p.vector[i] = 0
        p.elcr[i] = 0
    update(m)
