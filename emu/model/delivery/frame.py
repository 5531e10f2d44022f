"""The stack frame of an event delivery: built in the CPU record, checked as a whole, then stored as a whole.

`begin` empties it, `push` appends a value, `put_on` says which stack takes it, `fits` and `reserve` check every
byte without changing anything, `store` writes.  Not modelled: frames on a stack that lies in device memory (the
machine stops by name).
"""
from emu.bits import ALL_ONES, PAGE_OFFSET, PAGE_SIZE, get
from emu.jit import kernel
from emu.model import ram
from emu.model.cpu import rflags, selector
from emu.model.memory import linear, memory, walk
from emu.model.memory.walk import canonical
from emu.model.processor.segment import linear_mask, within
from emu.spec.cpu import EVENT as KIND
from emu.spec.cpu import INTR, RFLAGS, SEG
from emu.spec.outcome import ACCESS, FAULT
from emu.state import machine_at

SCATTERED = ALL_ONES                                     # frame_place: not one run of RAM bytes


@kernel
def software(info):
    """Return whether the event is INT n, INT3 or INTO: its gate's DPL is checked and EXT is 0."""
    what = get(info, INTR.TYPE)
    return what == KIND.SOFT or what == KIND.SOFT_EXC


@kernel
def external(info):
    """Return the EXT bit (0 or 1) of error codes that arise while this event is delivered; INT1 counts as external."""
    return 0 if software(info) else 1


@kernel
def return_rip(e, info, length):
    """Return the RIP that is pushed: of the next instruction for INT n, INT1, INT3 and INTO, else the present one."""
    if get(info, INTR.TYPE) >= KIND.SOFT and get(info, INTR.TYPE) <= KIND.SOFT_EXC:
        return e.rip + length
    return e.rip


@kernel
def begin(c):
    """Empty the frame."""
    c.frame_count = 0


@kernel
def push(c, value):
    """Append a value to the frame; it goes to the next lower stack slot."""
    c.frame[c.frame_count] = value
    c.frame_count += 1


@kernel
def push_return(c, e, info, error, length):
    """Append RFLAGS, CS, RIP and, when the event has one, the error code."""
    push(c, rflags(e))
    push(c, selector(e, SEG.CS))
    push(c, return_rip(e, info, length))
    if info & INTR.ERROR:
        push(c, error)


@kernel
def put_on(c, start, mask, sp, size):
    """Say where the frame goes: stack base, stack-pointer mask, stack pointer before it, bytes of a slot."""
    c.frame_base = start
    c.frame_mask = mask
    c.frame_sp = sp
    c.frame_size = size


@kernel
def reach(c, e, level):
    """Say what the stores need: supervisor or user writes of the new privilege `level`."""
    access = ACCESS.WRITE | ACCESS.EVENT
    if level == 3:
        access |= ACCESS.USER
    elif e.eflags & RFLAGS.AC:
        access |= ACCESS.AC
    c.frame_access = access


@kernel
def offset_of(c, slot):
    """Return the stack offset of frame value number `slot`."""
    return c.frame_sp - c.frame_size * (slot + 1) & c.frame_mask


@kernel
def new_sp(c):
    """Return the stack pointer after the frame; bits outside the mask are kept."""
    return c.frame_sp & ~c.frame_mask | c.frame_sp - c.frame_size * c.frame_count & c.frame_mask


@kernel
def fits(c, shape):
    """Return whether every slot is inside the limit of a stack segment of this shape."""
    slot = 0
    while slot < c.frame_count:
        if not within(shape, offset_of(c, slot), c.frame_size):
            return False
        slot += 1
    return True


@kernel
def fits_canonical(c, e):
    """Return whether the highest and lowest byte of a 64-bit frame are canonical."""
    return canonical(e, c.frame_sp - 1) and canonical(e, new_sp(c))


@kernel
def _reserve_slots(c, e):
    """Translate each slot; False with `c.fault` when one refuses."""
    wrap = linear_mask(e)
    c.frame_place = SCATTERED
    slot = 0
    while slot < c.frame_count:
        if not linear.reach(c, c.frame_base + offset_of(c, slot) & wrap, c.frame_size, c.frame_access):
            return False
        slot += 1
    return True


@kernel
def reserve(c, e):
    """Check that every store of the frame will succeed; False with `c.fault` when not.

    A frame inside one page of RAM, the usual case, is translated once.
    """
    total = c.frame_size * c.frame_count
    low = offset_of(c, c.frame_count - 1)
    start = c.frame_base + low & linear_mask(e)
    last = total - c.frame_size                          # the first value pushed is the highest: it faults first
    if (start & PAGE_OFFSET) + total > PAGE_SIZE or (low + total - 1 & c.frame_mask) < low:
        return _reserve_slots(c, e)
    c.fault = FAULT.NONE
    place = walk.translate(c, start + last, c.frame_access) - last
    if c.fault != FAULT.NONE:
        return False
    c.frame_place = place
    if not ram.holds(machine_at(c.machine)[0], place, total) or memory.device(c, place):
        c.frame_place = SCATTERED
    return True


@kernel
def _store_slots(c, e):
    wrap = linear_mask(e)
    slot = 0
    while slot < c.frame_count:
        start = c.frame_base + offset_of(c, slot) & wrap
        if not linear.write(c, start, c.frame_size, c.frame[slot], c.frame_access):
            return False
        slot += 1
    return True


@kernel
def store(c, e):
    """Write the reserved frame; False only when the stack is device memory (`c.fault`)."""
    if c.frame_place == SCATTERED:
        return _store_slots(c, e)
    m = machine_at(c.machine)[0]
    place = c.frame_place + c.frame_size * c.frame_count
    slot = 0
    while slot < c.frame_count:
        place -= c.frame_size
        memory.store(m, place, c.frame_size, c.frame[slot])
        slot += 1
    return True
