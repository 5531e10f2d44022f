"""Where a run stands that ended badly or was interrupted: chains of faults, what each processor waits for, and its last exits.

Everything is read from the records after the run; nothing of the machine changes.
"""
import numpy as np

from emu.bits import ALL_ONES, U64, get, name_of
from emu.jit import words
from emu.machine import failure
from emu.machine.failure import chain_lines, place
from emu.machine.host import host
from emu.model.interrupts import apic_timer, message
from emu.model.memory import ept, walk
from emu.model.vmx import exit
from emu.model.vmx.vmcs import View
from emu.spec.apic import APICBASE, DELIVERY, ENTRY, LVT, REDIRECT
from emu.spec.cpu import RFLAGS, SEG
from emu.spec.outcome import MODE
from emu.spec.paging import PAGING
from emu.spec.platform import IRQ, isa_pin
from emu.spec.profile import ABSENT
from emu.spec.vmcs import REGION_WORDS, VMCS
from emu.spec.vmx import ACTIVITY, MWAIT, PROC, REASON
from emu.state import ENV, RECENT

STUCK_EXITS, EXITS_SHOWN, NEAREST = 1000, 4, 3             # exits in a row that are worth a line; last exits, and fields, that are shown
UNFINISHED = ("BUDGET", "IDLE", "INTERRUPTED")
GOOD = ("POWER_OFF", "BREAK", "NONE")


def explain(machine, reason):
    """Return lines of text that explain how a run ended, none when there is nothing to explain; reason: a STOP name, or INTERRUPTED."""
    if reason in GOOD or reason == "EXIT_CODE" and not machine.record[0].exit_code:
        return failure.explain(machine, reason)
    cpus = [host(c) for c in machine.cpu]
    lines = [line for c in cpus for line in guest_triple_fault(machine, c)]
    lines += failure.explain(machine, reason)
    for c in cpus:
        lines += failed_field(machine, c)
        if reason in UNFINISHED:
            lines += [*wakers(machine, c), *repeated(machine, c), *recent(machine, c)]
    return lines


# ---- the triple fault of a guest ------------------------------------------------------------------------------------
def _guest_world(c, vmcs):
    """Return (a copy of a CPU record, ENV) in the state that a VMCS has of its guest, as far as reading its memory needs it."""
    then, envs = c.copy(), np.zeros(1, ENV)
    then.env, then.vmx_mode = envs.ctypes.data, MODE.NONROOT
    then.proc, then.proc2 = vmcs.primary_controls, vmcs.secondary_controls if vmcs.primary_controls & PROC.SECONDARY else 0
    then.eptp = vmcs.ept_pointer
    e = envs[0]
    e.cr[0], e.cr[3], e.cr[4], e.efer = vmcs.guest_cr0, vmcs.guest_cr3, vmcs.guest_cr4, vmcs.guest_efer
    e.seg[SEG.IDTR * 3 + 1:SEG.IDTR * 3 + 3] = vmcs.guest_idtr_base, vmcs.guest_idtr_limit
    if ept.active(then):
        then.pdpte[:] = [vmcs[f"GUEST_PDPTE{n}"] for n in range(len(then.pdpte))]
    elif walk.mode_of(e) == PAGING.PAE:
        exit.load_pdptes(then, e.cr[3])
    return then, envs


def guest_triple_fault(machine, c):
    """Return the lines that explain the last triple fault of a guest on a processor, none when there was none."""
    if not c.guest_chain_length:
        return []
    vmcs = View(words(machine.record[0].ram + c.guest_chain_vmcs, REGION_WORDS))
    head = f"triple fault of the guest of VMCS {c.guest_chain_vmcs:#x} on processor {c.id} at cycle {c.guest_chain_cycle:,}:"
    then, envs = _guest_world(c.record, vmcs)              # envs: `then` refers to them
    lines = chain_lines(machine, then, c.guest_chain, c.guest_chain_length, 1)
    del envs
    return [head, *lines]


# ---- VMREAD and VMWRITE -----------------------------------------------------------------------------------------------
def field_in_words(encoding):
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
    count = c.field_failures
    if not count:
        return []
    times = f"{count:,} VMREADs or VMWRITEs failed" if count > 1 else "a VMREAD or VMWRITE failed"
    return [f"{times} on processor {c.id}, {'the last' if count > 1 else 'it is'} at RIP {place(machine, c.field_rip)}: "
            f"field {field_in_words(c.field_asked)}"]


# ---- exits ------------------------------------------------------------------------------------------------------------
def repeated(machine, c):
    """Return the line on an exit that a guest makes again and again at one place, none when there is none."""
    count = c.same_count
    if count < STUCK_EXITS:
        return []
    return [f"{name_of(REASON, c.same_reason)} at {place(machine, c.same_rip, 1)} exited {count:,} times without RIP moving "
            f"(VMCS {c.same_vmcs:#x}, processor {c.id}): the hypervisor does not complete it"]


def recent(machine, c):
    """Return lines on the last exits of a processor, the last first."""
    count = c.recent_count
    lines = [f"the last of {count:,} VM exits on processor {c.id}:"] if count else []
    for number in range(count - 1, max(count - 1 - EXITS_SHOWN, -1), -1):
        at = number % RECENT * 4
        cycle, reason, rip, qualification = c.recent[at:at + 4]
        more = f", qualification {qualification:#x}" if qualification else ""
        lines.append(f"  {name_of(REASON, reason)} at {place(machine, rip, 1)}, cycle {cycle:,}{more}")
    return lines


# ---- what would wake a processor ----------------------------------------------------------------------------------------
def _device(pin):
    names = [name for name, number in zip(IRQ._fields, IRQ, strict=True) if isa_pin(int(number)) == pin and name != "CASCADE"]
    return names[0] if names else f"pin {pin}"


def _open_pins(machine, c):
    """Return the devices whose pin of the I/O APIC is open and leads to a processor."""
    found = []
    for pin, entry in enumerate(machine.board.ioapic.entry):
        target = U64(message.widen(U64(get(entry, REDIRECT.DESTINATION))))
        if not entry & REDIRECT.MASKED and message.matches(c.record, target, bool(entry & REDIRECT.LOGICAL)):
            found.append(_device(pin))
    return found


def _open_lines(machine, c, a):
    """Return the devices whose line of the 8259 pair is open, when the pair reaches a processor."""
    masks, lint, enabled = host(machine.board.pic).imr, a.lvt[ENTRY.LINT0], c.apic_base & APICBASE.EN
    if enabled and (lint & LVT.MASKED or get(U64(lint), LVT.MODE) != DELIVERY.EXTINT) or c.id and not enabled:
        return []
    lines = [n for n in range(16) if n != 2 and not masks[n >> 3] >> (n & 7) & 1 and (n < 8 or not masks[0] & 4)]
    return [_device(isa_pin(n)) for n in lines]


def wakers(machine, c):
    """Return the line on what would wake a halted processor, none for one that is not halted."""
    if c.activity != ACTIVITY.HLT and c.activity != MWAIT:
        return []
    e, a = machine.env(c.id), host(machine.processors[c.id].apic[0])
    masked_too = c.activity == MWAIT and c.monitor_break
    if not e.eflags & RFLAGS.IF and c.vmx_mode != MODE.NONROOT and not masked_too:
        return [f"  processor {c.id} would wake by an NMI or INIT only: interrupts are off"]
    masked, when = a.lvt[ENTRY.TIMER] & LVT.MASKED, apic_timer.next_deadline(c.record)
    said = ["its local APIC timer is masked" if masked else "its local APIC timer is not running" if when == ALL_ONES
            else f"its local APIC timer fires at cycle {int(when):,}"]
    devices = list(dict.fromkeys([*_open_pins(machine, c), *_open_lines(machine, c, a)]))
    said.append(f"open to it are {', '.join(devices)}" if devices else "every line of a device is masked or leads elsewhere")
    more = ", another processor" if len(machine.cpu) > 1 else ""
    who = f"an interrupt of {', '.join(devices)}{more}, or an NMI" if devices or more else "an NMI or INIT only"
    return [f"  processor {c.id} would wake by {who.replace(' of , ', ' of ')}; {'; '.join(said)}"]
