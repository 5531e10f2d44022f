"""Where a run stands that ended badly or was interrupted: what each processor waits for.

Everything is read from the records after the run; nothing of the machine changes.
"""
from emu import failure
from emu.bits import U64, get
from emu.model import apic_timer, message
from emu.spec.apic import APICBASE, DELIVERY, ENTRY, LVT, REDIRECT
from emu.spec.cpu import RFLAGS
from emu.spec.outcome import MODE
from emu.spec.platform import IRQ, isa_pin
from emu.spec.vmx import ACTIVITY
from emu.state import ALL_ONES, PINS

UNFINISHED = ("BUDGET", "IDLE", "INTERRUPTED")
GOOD = ("POWER_OFF", "BREAK", "NONE")


def explain(machine, reason):
    """Return lines of text that explain how a run ended, none when there is nothing to explain; reason: a STOP name, or INTERRUPTED."""
    if reason in GOOD or reason == "EXIT_CODE" and not int(machine.record[0].exit_code):
        return failure.explain(machine, reason)
    lines = failure.explain(machine, reason)
    for c in machine.cpu if reason in UNFINISHED else ():
        lines += wakers(machine, c)
    return lines


# ---- what would wake a processor ----------------------------------------------------------------------------------------
def _device(pin):
    names = [name for name, number in zip(IRQ._fields, IRQ, strict=True) if isa_pin(int(number)) == pin and name != "CASCADE"]
    return names[0] if names else f"pin {pin}"


def _open_pins(machine, c):
    """Return the devices whose pin of the I/O APIC is open and leads to a processor."""
    found, r = [], machine.board.ioapic
    for pin in range(PINS):
        entry = U64(r.entry[pin])
        target = U64(message.widen(U64(get(entry, REDIRECT.DESTINATION))))
        if not int(entry) & int(REDIRECT.MASKED) and message.matches(c, target, bool(int(entry) & int(REDIRECT.LOGICAL))):
            found.append(_device(pin))
    return found


def _open_lines(machine, c, a):
    """Return the devices whose line of the 8259 pair is open, when the pair reaches a processor."""
    p, lint = machine.board.pic, int(a.lvt[ENTRY.LINT0])
    enabled = int(c.apic_base) & int(APICBASE.EN)
    if enabled and (lint & int(LVT.MASKED) or get(U64(lint), LVT.MODE) != DELIVERY.EXTINT) or int(c.id) and not enabled:
        return []
    lines = [n for n in range(16) if n != 2 and not int(p.imr[n >> 3]) >> (n & 7) & 1 and (n < 8 or not int(p.imr[0]) & 4)]
    return [_device(isa_pin(n)) for n in lines]


def wakers(machine, c):
    """Return the line on what would wake a halted processor, none for one that is not halted."""
    if c.activity != ACTIVITY.HLT:
        return []
    e, a = machine.env(int(c.id)), machine.processors[int(c.id)].apic[0]
    if not int(e.eflags) & int(RFLAGS.IF) and c.vmx_mode != MODE.NONROOT:
        return [f"  processor {c.id} would wake by an NMI or INIT only: interrupts are off"]
    timer = int(a.lvt[ENTRY.TIMER])
    masked, when = timer & int(LVT.MASKED), int(apic_timer.next_deadline(c))
    said = ["its local APIC timer is masked" if masked else "its local APIC timer is not running" if when == int(ALL_ONES)
            else f"its local APIC timer fires at cycle {when:,}"]
    devices = list(dict.fromkeys([*_open_pins(machine, c), *_open_lines(machine, c, a)]))
    said.append(f"open to it are {', '.join(devices)}" if devices else "every line of a device is masked or leads elsewhere")
    more = ", another processor" if len(machine.cpu) > 1 else ""
    who = f"an interrupt of {', '.join(devices)}{more}, or an NMI" if devices or more else "an NMI or INIT only"
    return [f"  processor {c.id} would wake by {who.replace(' of , ', ' of ')}; {'; '.join(said)}"]
