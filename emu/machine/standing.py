"""Where a run stands that ended badly or was interrupted: chains of faults, what each processor waits for, and its last exits.

Everything is read from the records after the run; nothing of the machine changes.
"""
from emu.bits import U64, get, name_of
from emu.jit import words
from emu.machine import failure
from emu.machine.failure import chain_lines, place
from emu.model.interrupts import apic_timer, message
from emu.model.vmx.vmcs import View
from emu.spec.apic import APICBASE, DELIVERY, ENTRY, LVT, REDIRECT
from emu.spec.cpu import RFLAGS, SEG
from emu.spec.outcome import MODE
from emu.spec.platform import IRQ, isa_pin
from emu.spec.profile import ABSENT
from emu.spec.vmcs import REGION_WORDS, VMCS
from emu.spec.vmx import ACTIVITY, MWAIT, PROC, PROC2, REASON
from emu.state import ALL_ONES, PINS, RECENT

STUCK, SHOWN, NEAREST = 1000, 4, 3                         # exits in a row that are worth a line; last exits, and fields, that are shown
UNFINISHED = ("BUDGET", "IDLE", "INTERRUPTED")
GOOD = ("POWER_OFF", "BREAK", "NONE")
PAGE, EPT_RIGHTS, LARGE, FRAME = 4096, 7, 1 << 7, (1 << 52) - 1 & ~0xFFF


def explain(machine, reason):
    """Return lines of text that explain how a run ended, none when there is nothing to explain; reason: a STOP name, or INTERRUPTED."""
    if reason in GOOD or reason == "EXIT_CODE" and not int(machine.record[0].exit_code):
        return failure.explain(machine, reason)
    lines = [line for c in machine.cpu for line in guest_triple_fault(machine, c)]
    lines += failure.explain(machine, reason)
    for c in machine.cpu:
        lines += failed_field(machine, c)
        if reason in UNFINISHED:
            lines += [*wakers(machine, c), *repeated(machine, c), *recent(machine, c)]
    return lines


# ---- the triple fault of a guest ------------------------------------------------------------------------------------
class Registers:
    """Registers of a guest as its VMCS has them, in the places where an ENV record has them."""

    def __init__(self, vmcs):
        self.cr = {0: vmcs.guest_cr0, 3: vmcs.guest_cr3, 4: vmcs.guest_cr4}
        self.efer = vmcs.guest_efer
        self.seg = {int(SEG.IDTR) * 3 + 1: vmcs.guest_idtr_base, int(SEG.IDTR) * 3 + 2: vmcs.guest_idtr_limit}


class Nested:
    """A machine whose memory is read by guest-physical address, through the EPT of a VMCS."""

    def __init__(self, machine, vmcs):
        self._machine = machine
        active = vmcs.primary_controls & int(PROC.SECONDARY) and vmcs.secondary_controls & int(PROC2.EPT)
        self._table = vmcs.ept_pointer & FRAME if active else None

    def __getattr__(self, name):
        return getattr(self._machine, name)

    def _host(self, address):
        """Return the host-physical address of a guest-physical one, None when EPT does not map it."""
        if self._table is None:
            return address
        table = self._table
        for level in (3, 2, 1, 0):
            shift = 12 + 9 * level
            where = table + (address >> shift & 0x1FF) * 8
            entry = int.from_bytes(self._machine.peek(where, 8) or bytes(8), "little")
            if not entry & EPT_RIGHTS:
                return None
            if level == 0 or level < 3 and entry & LARGE:
                below = (1 << shift) - 1
                return entry & FRAME & ~below | address & below
            table = entry & FRAME
        return None

    def read(self, address, size):
        """Return bytes at a guest-physical address; zeros where nothing is mapped."""
        found = b""
        while size:
            here = min(size, PAGE - address % PAGE)
            host = self._host(address)
            found += (None if host is None else self._machine.peek(host, here)) or bytes(here)
            address, size = address + here, size - here
        return found

    def in_ram(self, address, size):
        """Return whether bytes at a guest-physical address are mapped to memory."""
        host = self._host(address)
        return host is not None and self._machine.peek(host, size) is not None


def guest_triple_fault(machine, c):
    """Return the lines that explain the last triple fault of a guest on a processor, none when there was none."""
    if not int(c.guest_chain_length):
        return []
    pointer = int(c.guest_chain_vmcs)
    vmcs = View(words(machine.record[0].ram + pointer, REGION_WORDS))
    head = f"triple fault of the guest of VMCS {pointer:#x} on processor {c.id} at cycle {int(c.guest_chain_cycle):,}:"
    return [head, *chain_lines(Nested(machine, vmcs), Registers(vmcs), c.guest_chain, int(c.guest_chain_length), 1)]


# ---- VMREAD and VMWRITE -----------------------------------------------------------------------------------------------
def field_told(encoding):
    """Return the encoding of a VMCS field that VMREAD or VMWRITE failed by in words: its name, or the nearest fields."""
    for number in (encoding, encoding & ~1):
        name = name_of(VMCS, number)
        if not name.startswith("0x"):
            half = " (its high half)" if number != encoding else ""
            return f"{encoding:#x} {name}{half}" + (", which this processor lacks" if name in ABSENT else "")
    near = sorted((abs(int(number) - encoding), int(number), name) for name, number in zip(VMCS._fields, VMCS, strict=True))[:NEAREST]
    return f"{encoding:#x}, which no field has; nearest: " + ", ".join(f"{number:#x} {name}" for _, number, name in near)


def failed_field(machine, c):
    """Return the line on VMREADs and VMWRITEs that failed on a processor, none when there was none."""
    count = int(c.field_failures)
    if not count:
        return []
    times = f"{count:,} VMREADs or VMWRITEs failed" if count > 1 else "a VMREAD or VMWRITE failed"
    return [f"{times} on processor {c.id}, {'the last' if count > 1 else 'it is'} at RIP {place(machine, int(c.field_rip))}: "
            f"field {field_told(int(c.field_asked))}"]


# ---- exits ------------------------------------------------------------------------------------------------------------
def repeated(machine, c):
    """Return the line on an exit that a guest makes again and again at one place, none when there is none."""
    count = int(c.same_count)
    if count < STUCK:
        return []
    return [f"{name_of(REASON, int(c.same_reason))} at {place(machine, int(c.same_rip), 1)} exited {count:,} times without RIP moving "
            f"(VMCS {int(c.same_vmcs):#x}, processor {c.id}): the hypervisor does not complete it"]


def recent(machine, c):
    """Return lines on the last exits of a processor, the last first."""
    count = int(c.recent_count)
    lines = [f"the last of {count:,} VM exits on processor {c.id}:"] if count else []
    for number in range(count - 1, max(count - 1 - SHOWN, -1), -1):
        at = number % RECENT * 4
        cycle, reason, rip, qualification = (int(word) for word in c.recent[at:at + 4])
        more = f", qualification {qualification:#x}" if qualification else ""
        lines.append(f"  {name_of(REASON, reason)} at {place(machine, rip, 1)}, cycle {cycle:,}{more}")
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
    if c.activity != ACTIVITY.HLT and c.activity != MWAIT:
        return []
    e, a = machine.env(int(c.id)), machine.processors[int(c.id)].apic[0]
    masked_too = c.activity == MWAIT and int(c.monitor_break)
    if not int(e.eflags) & int(RFLAGS.IF) and c.vmx_mode != MODE.NONROOT and not masked_too:
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
