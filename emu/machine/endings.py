"""How partitions of the table ended, as the bare machine would say it: a reason by name, words, and what would wake one that sleeps.

The codes are the hypervisor's (`hv/README.md`, "What a partition finds"); a guest that writes one of them to port 0xF4 itself is taken
for it.  Everything is read from the table and the hypervisor's records after the run; nothing of the machine changes.
"""
from dataclasses import dataclass, replace

from emu.bits import ALL_ONES
from emu.jit import words
from emu.machine import partition
from emu.machine.failure import place
from emu.machine.host import host
from emu.machine.partition import ENDS, HALTED, in_words
from emu.model.vmx.vmcs import View
from emu.spec.apic import APIC, APIC_REGISTER_BYTES, LVT, SVR
from emu.spec.cpu import RFLAGS
from emu.spec.partition_table import CODE, DESC, DESC_BYTES
from emu.spec.vmcs import REGION_WORDS

PANIC = int(CODE.PANIC)
WORST = ("TRIPLE_FAULT", "HYPERVISOR", "RESET", "FAILED", "IDLE", "PASSED")       # of several partitions, the first of these decides
COUNTS = dict(hypercalls="HYPERCALLS", injected="INJECTED", ept_violations="VIOLATIONS")     # of a PartitionResult: field of PART


@dataclass(frozen=True)
class Ending:
    """How the partitions ended a run: reason (a STOP name), the guest's exit code, a sentence, or "" for that of `ending`."""

    reason: str
    exit_code: int
    text: str


def _rank(code, on_reset):
    reason = ENDS[code][0] if code in ENDS else "FAILED" if code else "PASSED"
    if reason == "RESET" and on_reset == "stop":
        reason = "PASSED"
    return WORST.index("HYPERVISOR" if reason == "EXIT_CODE" else reason)


def of(results, exit_code, on_reset):
    """Return the Ending of a run that the hypervisor ended, None without partitions.

    results: PartitionResults; exit_code: what the hypervisor wrote to port 0xF4.  Of several partitions the worst decides, the
    first of the table among equals.
    """
    if not results:
        return None
    if any(each.state != partition.ENDED for each in results):
        text = "the hypervisor panicked: its messages say why" if exit_code == PANIC else \
            f"the hypervisor ended the run with exit code {exit_code}"
        return Ending("EXIT_CODE", exit_code, text)
    worst = min(results, key=lambda each: (_rank(each.code, on_reset), each.code == 0))
    reason = ENDS[worst.code][0] if worst.code in ENDS else "EXIT_CODE"
    text = _sentence(worst, len(results))
    return Ending(reason, worst.code if reason == "EXIT_CODE" else 0, text)


def _sentence(worst, count):
    """Return the sentence on the end that decides, "" where that of the bare machine will do."""
    if worst.code not in ENDS and (not worst.code or count == 1):
        return ""
    whose = f"the hypervisor ended partition {worst.name}:" if worst.code in ENDS else f"partition {worst.name}"
    return (f"the worst of {count} partitions decides: " if count > 1 else "") + f"{whose} {in_words(worst.code)}"


# ---- what the hypervisor keeps of partitions -----------------------------------------------------------------
class _Vp:
    """What hv/ keeps of a virtual processor, by the names of hv/records/records.s."""

    def __init__(self, machine, layout, at):
        self._machine, self._layout, self.at = machine, layout, at

    def place(self, name):
        """Return the host-physical address of a field."""
        return self.at + self._layout[f"VP_{name}"]

    def number(self, name, size=8, more=0):
        """Return a field of the record."""
        return int.from_bytes(self._machine.read(self.place(name) + more, size), "little")

    def register(self, number):
        """Return a register of its virtual local APIC."""
        return self.number("APIC", 4, int(number) * APIC_REGISTER_BYTES)


def record_of(machine, pointer):
    """Return the record that hv/ keeps for the virtual processor of a VMCS, None when it is not found: another hypervisor's."""
    if not machine.partitions:
        return None
    layout = partition.assembled("hv").symbols
    at = vmcs_at(machine, pointer).host_rsp               # hv/ has the record of the VP there
    if not machine.in_ram(at, layout["VP_END"]):
        return None
    found = _Vp(machine, layout, at)
    return found if found.number("VMCS") == pointer else None


def vmcs_at(machine, pointer):
    """Return the View of the VMCS at a physical address."""
    return View(words(machine.record[0].ram + pointer, REGION_WORDS))


def pointers(machine):
    """Return the physical addresses of the VMCSs that the machine has seen."""
    m = host(machine.record[0])
    return m.vmcs_seen[:m.vmcs_count]


def _word(machine, at):
    return int.from_bytes(machine.read(at, 8), "little") if machine.in_ram(at, 8) else None


def processor_of(machine, vp):
    """Return the number of the machine's processor that a virtual processor belongs to, None when its record is wrong."""
    return _word(machine, vp.number("PROCESSOR") + partition.assembled("hv").symbols["CPU_NUMBER"])


def row_of(machine, vp):
    """Return the number of a virtual processor's partition in the table, None for one that is not of the table."""
    row = _word(machine, vp.number("PARTITION") + partition.assembled("hv").symbols["PART_DESC"])
    number, rest = divmod((row or 0) - partition.descriptor(0), DESC_BYTES)
    return number if not rest and 0 <= number < len(machine.partitions) else None


def counted(machine, results):
    """Return PartitionResults with the counts so far of those that still run: hv/ writes them into the table at a partition's end only."""
    layout, found = partition.assembled("hv").symbols, {}
    for pointer in pointers(machine):
        vp = record_of(machine, pointer)
        number = row_of(machine, vp) if vp else None
        if number is not None and results[number].state == partition.RUNS:
            found.setdefault(number, []).append(vp)
    made = list(results)
    for number, vps in found.items():
        of_all = {into: _word(machine, vps[0].number("PARTITION") + layout[f"PART_{name}"]) for into, name in COUNTS.items()}
        started = _word(machine, partition.descriptor(number) + DESC.STARTED)
        made[number] = replace(made[number], exits=sum(vp.number("EXITS") for vp in vps), cycles=machine.clock - started, **of_all)
    return made


def halted(machine, results):
    """Return lines on the virtual processors of halted partitions: where each is, and what would wake it."""
    lines = []
    for pointer in pointers(machine):
        vp = record_of(machine, pointer)
        number = row_of(machine, vp) if vp else None
        if number is not None and results[number].state == partition.ENDED and results[number].code == HALTED:
            lines += _asleep(machine, results[number].name, vp, vmcs_at(machine, pointer))
    return lines


def _asleep(machine, name, vp, vmcs):
    who = f"virtual processor {vp.number('INDEX', 4)} of partition {name}"
    if not vp.number("EXITS"):
        return [f"{who} waits for INIT and a start-up interrupt that nobody sends"]
    rip = place(machine, vmcs.guest_rip, 1)
    if not vmcs.guest_rflags & RFLAGS.IF:
        return [f"{who} halted with interrupts off (RFLAGS.IF = 0) before RIP {rip}",
                "  it would wake by an NMI or INIT only: interrupts are off"]
    return [f"{who} halted with interrupts on before RIP {rip}, and no timer or device of its partition will interrupt it",
            f"  it would wake by an interrupt, an NMI or INIT; {_timer(vp)}"]


def _timer(vp):
    """Return what the virtual local APIC says of its timer."""
    if not vp.register(APIC.SVR) & SVR.ENABLE:
        return "its local APIC is disabled by software (SVR bit 8 is 0)"
    if vp.register(APIC.LVT_TIMER) & LVT.MASKED:
        return "its local APIC timer is masked"
    when = vp.number("DEADLINE")
    return "its local APIC timer is not running" if when == ALL_ONES else f"its local APIC timer fires at TSC {when:,}"
