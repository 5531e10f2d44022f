"""How a run ended: its numbers and failures, and both in words: exits by name, what was not modelled."""
from dataclasses import dataclass, field

from emu.bits import name_of, text_of
from emu.errors import BUDGET, ENTRY_FAILED, GUEST_FAILED, INTERNAL, INTERRUPTED, OK, RESET, SHUTDOWN, Unmodelled
from emu.machine.failure import place
from emu.machine.host import host
from emu.spec.outcome import STOP, UNMODELLED
from emu.spec.vmx import REASON

ENDINGS = {"RESET": "the guest reset the machine", "VMX_ABORT": "shutdown after a VMX abort",
           "INTERNAL": "an error of hvlab itself stopped the machine"}
CODES = {
    "NONE": OK,
    "POWER_OFF": OK,
    "RESET": RESET,
    "BREAK": OK,
    "TRIPLE_FAULT": SHUTDOWN,
    "VMX_ABORT": SHUTDOWN,
    "BUDGET": BUDGET,
    "IDLE": BUDGET,
    "ENTRY_FAILED": ENTRY_FAILED,
    "INTERRUPTED": INTERRUPTED,
    "UNMODELLED": INTERNAL,
    "INTERNAL": INTERNAL,
}


@dataclass
class Result:
    """How a run ended: reason (a STOP name), the guest's exit code, and counters of the whole machine.

    Where partitions ended it, reason and exit code are what the bare machine would have with the guest whose end decides.
    """

    reason: str
    exit_code: int
    cycles: int
    instructions: int
    wall_seconds: float
    exits: list = field(default_factory=list)             # (reason name, count, cycles)
    entries: int = 0
    hypercalls: int = 0
    injected: int = 0
    ept_violations: int = 0
    entry_failed: bool = False                            # the run ended because of a VM entry that failed
    explanation: list = field(default_factory=list)       # lines of text on how it ended, for people
    partitions: list = field(default_factory=list)        # a PartitionResult each
    on_reset: str = "fail"                                # what a guest's reset was to be, see Config
    resets: int = 0                                       # times that a guest's reset started the machine again
    ended: str = ""                                       # how its partitions ended the run, a sentence

    @property
    def mips(self):
        """Return millions of instructions per second of wall time."""
        return self.instructions / self.wall_seconds / 1e6 if self.wall_seconds else 0.0


def exit_code(result):
    """Return the exit code of the command for a Result.

    A VM entry that failed goes before what followed from it: a guest that reports failure, sleep, a budget that is used up.
    """
    if result.entry_failed:
        return ENTRY_FAILED
    if result.reason == "EXIT_CODE":
        return OK if result.exit_code == 0 else GUEST_FAILED
    if result.reason == "RESET" and result.on_reset == "stop":
        return OK
    return CODES.get(result.reason, INTERNAL)


def ending(result):
    """Return a sentence on how the run of a Result ended."""
    if result.ended:
        return result.ended
    if result.reason == "EXIT_CODE":
        verdict = "passed" if result.exit_code == 0 else f"failed with exit code {result.exit_code}"
        return f"the guest ended the run: {verdict}"
    if result.reason == "INTERRUPTED":
        return f"interrupted after {result.cycles:,} cycles"
    if result.reason == "BUDGET":
        return f"the cycle budget is used up after {result.cycles:,} cycles"
    return ENDINGS.get(result.reason) or text_of(STOP, result.reason)


def how(machine):
    """Return in words how the run of a machine ended that has stopped: by what, without cycles, and without partitions' results."""
    m = machine.record[0]
    reason = name_of(STOP, int(m.stop))
    return f"exit code {int(m.exit_code)}" if reason == "EXIT_CODE" else ENDINGS.get(reason) or text_of(STOP, reason)


def exit_rows(cpus):
    """Return (reason name, count, cycles) of every VM exit that happened, most frequent first."""
    counts, cycles = (map(sum, zip(*(getattr(host(c), name) for c in cpus), strict=True)) for name in ("exits", "exit_cycles"))
    rows = [(name_of(REASON, number), *row) for number, row in enumerate(zip(counts, cycles, strict=True)) if row[0]]
    return sorted(rows, key=lambda row: -row[1])


def raise_unmodelled(machine):
    """Raise Unmodelled for the first processor that met something."""
    for c in map(host, machine.cpu):
        if c.stop:
            row = name_of(UNMODELLED, c.stop_a)
            what = text_of(UNMODELLED, row).format(c.stop_b, c.stop_c)
            raise Unmodelled(what, c.stop_rip, place=place(machine, c.stop_rip))
