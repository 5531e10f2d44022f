"""Why a virtual interrupt is not delivered: the interrupt controller that a hypervisor keeps for a guest.

That of hv/ is read from the hypervisor's records; of another hypervisor only what the processor itself knows is examined: the
virtual-APIC page, when the VMCS uses the TPR shadow.  When a hypervisor keeps one elsewhere, a Reason says that it was not examined.
"""
from dataclasses import dataclass
from typing import Any

from emu.bits import ALL_ONES
from emu.debug.views.reason import Reason
from emu.machine import endings, partition
from emu.machine.host import host
from emu.model.cpu import rflags
from emu.spec.apic import APIC, APIC_REGISTER_BYTES, ENTRY, LVT, SVR
from emu.spec.cpu import RFLAGS
from emu.spec.outcome import MODE
from emu.spec.vmx import BLOCKING, PROC
from emu.state import env_of

PRIORITY, LVT_TABLE = 'SDM 3A, "Task and Processor Priorities"', 'SDM 3A, "Local Vector Table"'
SHADOW, RECORDS = 'SDM 3C, "Virtualizing CR8-Based TPR Accesses"', "hv/records/records.s"
INJECTION = 'SDM 3C, "Event Injection"'
BITMAP_WORDS = 8


@dataclass(frozen=True)
class Controller:
    """A virtual local APIC as it lies in memory: registers at their own offsets from `base`; requested: bits not yet merged into IRR."""

    machine: Any
    base: int
    requested: int = 0

    def register(self, number):
        """Return a 32-bit register by its number."""
        return int.from_bytes(self.machine.read(self.base + int(number) * APIC_REGISTER_BYTES, 4), "little")

    def bits(self, first):
        """Return 256 bits of IRR, ISR or TMR as a number."""
        return sum(self.register(int(first) + n) << 32 * n for n in range(BITMAP_WORDS))


def _records(machine, pointer):
    """Return the Controller that hv/ keeps for the guest of a VMCS, None when it is not found: another hypervisor's."""
    vp = endings.record_of(machine, pointer)
    return Controller(machine, vp.place("APIC"), vp.number("REQUESTED", 32)) if vp else None


def _last(machine, c):
    """Return the address of the VMCS of the guest of hv/ that a processor ran last, None when it has run none."""
    found = [(vp.number("RAN_SINCE"), pointer) for pointer in endings.pointers(machine)
             if (vp := endings.record_of(machine, pointer)) and endings.processor_of(machine, vp) == c.id]
    return max(found)[1] if found else None


def _ended(machine, pointer):
    """Return the Reason of a guest of hv/ whose partition has ended, none for one that goes on."""
    number = endings.row_of(machine, endings.record_of(machine, pointer))
    row = partition.results(machine.partitions, machine.read)[number] if number is not None else None
    if row is None or row.state != partition.ENDED:
        return []
    return [Reason("partition_ended", f"partition {row.name} has ended ({row.ending}): no interrupt comes to its processors any more",
                   'hv/README.md, "What a partition finds"')]


def why(machine, c, vector):
    """Return (whether the guest's controller holds `vector`, the Reasons that it gives); c: CPU record with a current VMCS, or without.

    Held and without a reason: it is injected by the next VM entry.
    """
    if c.vmx_mode == MODE.BARE:
        return False, []
    pointer = host(c).vmcs_pointer if c.vmcs_pointer != ALL_ONES else _last(machine, c)
    if pointer is None:
        return False, []
    vmcs, found = endings.vmcs_at(machine, pointer), _records(machine, pointer)
    if found:
        held, said = _held(c, vmcs, found, vector)
        return held, _ended(machine, pointer) + said
    said = []
    if vmcs.primary_controls & PROC.TPR_SHADOW and vmcs.virtual_apic_address + 0x400 <= machine.ram.nbytes:
        page = Controller(machine, vmcs.virtual_apic_address)
        said = _priority(page.register(APIC.TPR) & 0xFF, None, vector, SHADOW)
    said.append(Reason("not_looked_at", "a virtual interrupt controller that the hypervisor keeps for its guest in its own memory was "
                       "not examined: its layout is not known here", INJECTION))
    return False, said


def _priority(tpr, service, vector, source):
    """Return the reasons of the virtual TPR, and of the highest vector in service (None: none), against a vector."""
    found, level = [], vector >> 4
    if tpr >> 4 >= level:
        found.append(Reason("virtual_tpr", f"the virtual task priority is {tpr:#x}: class {tpr >> 4} holds back class {level} and below",
                            source))
    if service is not None and service >> 4 >= level:
        found.append(Reason("virtual_isr", f"vector {service:#x} is in service in the virtual local APIC (no EOI yet): its class "
                            f"{service >> 4} holds back class {level} and below", PRIORITY))
    return found


def _held(c, vmcs, found, vector):
    """Return what the virtual local APIC of hv/ says: (whether it holds the vector, reasons)."""
    requested, service = found.bits(APIC.IRR), found.bits(APIC.ISR)
    requested |= found.requested
    if not requested >> vector & 1:
        return False, _idle(found, service, vector)
    said = _priority(found.register(APIC.TPR) & 0xFF, service.bit_length() - 1 if service else None, vector, RECORDS)
    first = requested.bit_length() - 1
    if first > vector:
        said.append(Reason("virtual_irr", f"vector {first:#x} is requested in the virtual local APIC too, and goes first", PRIORITY))
    return True, said + _guest(c, vmcs)


def _guest(c, vmcs):
    """Return what blocks an interrupt in the guest itself."""
    running = c.vmx_mode == MODE.NONROOT
    flags = rflags(env_of(c.env)[0]) if running else vmcs.guest_rflags
    blocking = c.interruptibility if running else vmcs.guest_interruptibility
    found = []
    if not flags & RFLAGS.IF:
        found.append(Reason("guest_if", "RFLAGS.IF of the guest is 0", 'SDM 3A, "Masking Maskable Hardware Interrupts"'))
    if blocking & (BLOCKING.STI | BLOCKING.MOV_SS):
        found.append(Reason("guest_shadow", "STI or MOV SS of the guest blocks interrupts until the next instruction is over",
                            'SDM 2B, "STI"'))
    return found


def _idle(found, service, vector):
    """Return what a virtual local APIC that does not hold a vector says of it."""
    said = []
    if service >> vector & 1:
        said.append(Reason("virtual_in_service", f"vector {vector:#x} is in service in the virtual local APIC: its handler has not written "
                           "EOI, and it is not requested again", PRIORITY))
    if not found.register(APIC.SVR) & SVR.ENABLE:
        said.append(Reason("virtual_disabled", "the virtual local APIC is disabled by software (SVR bit 8 is 0)", PRIORITY))
    for name in ENTRY._fields:
        entry = found.register(int(getattr(APIC, f"LVT_{name}")))
        if entry & LVT.VECTOR == vector:
            state = "masked (bit 16)" if entry & LVT.MASKED else "open, and its source is quiet"
            said.append(Reason("virtual_lvt", f"LVT entry {name} of the virtual local APIC is set up for it and {state}", LVT_TABLE))
    return said or [Reason("virtual_not_requested", f"the virtual local APIC of the guest does not hold vector {vector:#x}",
                           RECORDS)]
