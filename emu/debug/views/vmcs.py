"""The VMCS of a processor for people: fields by name, decoded, compared; and whether VM entry would accept it."""
from dataclasses import dataclass

from emu.bits import ALL_ONES, name_of, text_of
from emu.debug.explain import explain
from emu.debug.views.msr_list import entry_list
from emu.errors import ConfigError
from emu.jit import words
from emu.machine.host import host
from emu.model.vmx import checks
from emu.model.vmx.vmcs import View, decode
from emu.model.vmx.vmx import LAUNCHED
from emu.spec.outcome import MODE
from emu.spec.profile import ABSENT
from emu.spec.vmcs import GROUP, REGION, REGION_WORDS, VMCS, group_of
from emu.spec.vmx import BLOCKING, FORMAT, REASON, VMERROR

GROUPS = {"control": GROUP.CONTROL, "exit": GROUP.INFORMATION, "guest": GROUP.GUEST, "host": GROUP.HOST}
KINDS = {"control": "CONTROL_FIELD", "host": "HOST_STATE"}


def processor_of(machine, processor):
    """Return the CPU record of processor number `processor`; ConfigError when the machine has none."""
    if not 0 <= processor < len(machine.cpu):
        raise ConfigError(f"the machine has processors 0 to {len(machine.cpu) - 1}, not {processor}")
    return machine.cpu[processor]


class Vmcs(View):
    """The current VMCS of a processor: `vmcs.guest_rip` reads and writes the memory that the processor uses.

    Raises ConfigError when the processor has no current VMCS.
    """

    __slots__ = ("pointer", "cpu")

    def __init__(self, machine, processor=0):
        c = processor_of(machine, processor)
        if c.vmcs_pointer == ALL_ONES:
            where = "is outside VMX operation" if c.vmx_mode == MODE.BARE else "is in VMX root operation, and VMPTRLD chose none"
            raise ConfigError(f"processor {processor} has no current VMCS: it {where}")
        super().__init__(words(c.vmcs, REGION_WORDS))
        object.__setattr__(self, "pointer", host(c).vmcs_pointer)
        object.__setattr__(self, "cpu", c)

    @property
    def launched(self):
        """Return whether the launch state is "launched"."""
        return bool(self._region[REGION.LAUNCH] == LAUNCHED)

    def copy(self):
        """Return {name: value} of every field that the processor has, as it is now."""
        return {name: self[name] for name in VMCS._fields if name not in ABSENT}

    def rows(self, *groups):
        """Return [(group, [(name, encoding, value, decoded text), ...]), ...] of the groups (all: none given)."""
        return [(group, rows(self.copy(), group)) for group in groups or GROUPS]

    def explain(self, name):
        """Return the `emu.debug.explain.explain.Explanation` of a field and its value; the name may be cut short."""
        number = explain.vmcs_field(name).number
        return explain.vmcs_field(str(number), self[name_of(VMCS, number)])


def rows(values, group):
    """Return [(name, encoding, value, decoded text)] of {name: value}, one group, by encoding."""
    chosen = [name for name in values if group_of(getattr(VMCS, name)) == int(GROUPS[group])]
    return [(name, int(getattr(VMCS, name)), values[name], decode(name, values[name])) for name in chosen]


# ---- comparison -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Change:
    """A field that differs: its value before and after; flags that came and went, by name."""

    name: str
    encoding: int
    before: int
    after: int
    text: str


def difference(before, after):
    """Return the Changes between two `Vmcs.copy()`, by encoding."""
    return [Change(name, int(getattr(VMCS, name)), before[name], after[name], _moved(name, before[name], after[name]))
            for name in before if before[name] != after[name]]


def _moved(name, before, after):
    """Return what a change means: flags as +NAME and -NAME, other parts as NAME old -> new, else the decoded values."""
    if name not in FORMAT:
        old, new = decode(name, before), decode(name, after)
        return f"{old} -> {new}" if old or new else ""
    said = []
    for field, mask in zip(FORMAT[name]._fields, FORMAT[name], strict=True):
        mask = int(mask)
        old, new = before & mask, after & mask
        if old == new:
            continue
        low = (mask & -mask).bit_length() - 1
        said.append(f"{'+' if new else '-'}{field}" if mask & (mask - 1) == 0 else f"{field} {old >> low:#x} -> {new >> low:#x}")
    if name == "EXIT_REASON":
        return f"{decode(name, before)} -> {decode(name, after)}"
    return " ".join(said)


# ---- checks ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What VM entry says of a VMCS as it is now: `outcome` in words, every failing check of every class, a failing MSR entry.

    error: VM-instruction error, 0 for none; reason: basic exit reason of a failed entry, 0 for none.
    """

    pointer: int
    outcome: str
    error: int = 0
    reason: int = 0
    failures: tuple = ()
    msr: object = None

    @property
    def passes(self):
        """Return whether VM entry would succeed."""
        return not self.error and not self.reason

    def lines(self):
        """Return the verdict as lines of text."""
        found = [f"VMCS {self.pointer:#x}: {self.outcome}"]
        for failure in (*self.failures, *([self.msr] if self.msr else [])):
            found += ["  " + line for line in str(failure).splitlines()]
        return found


def _failed(error):
    return f"VM entry fails by error {int(error)} ({text_of(VMERROR, name_of(VMERROR, error))})"


def _state(c, vmcs, first):
    """Return the VMERROR that comes before the checks of the fields, or None; first: VMLAUNCH rather than VMRESUME.

    Source: SDM 3C, "Basic VM-Entry Checks"
    """
    if c.interruptibility & BLOCKING.MOV_SS:
        return VMERROR.MOV_SS
    if first is not None and first == vmcs.launched:
        return VMERROR.VMLAUNCH_NOT_CLEAR if first else VMERROR.VMRESUME_NOT_LAUNCHED
    return None


def check(machine, processor=0, first=None):
    """Return the Verdict on the current VMCS of a processor, without entering it: nothing of the machine changes.

    first: True to judge VMLAUNCH, False VMRESUME, None whichever suits the launch state.
    Raises ConfigError when the processor has no current VMCS, or is in VMX non-root operation and so runs one already.
    A machine check during VM entry (exit reason 41) never happens on this machine.
    """
    vmcs, c = Vmcs(machine, processor), processor_of(machine, processor)
    if c.vmx_mode == MODE.NONROOT:
        raise ConfigError(f"processor {processor} runs the guest of its VMCS now: stop it at an exit or at a VM entry to check the VMCS")
    failures = tuple(checks.lint(c))
    error = _state(c, vmcs, first)
    for kind, name in KINDS.items():
        if error is None and any(failure.kind == kind for failure in failures):
            error = getattr(VMERROR, name)
    if error is not None:
        return Verdict(pointer=vmcs.pointer, outcome=_failed(error), error=int(error), failures=failures)
    if failures:
        reason = REASON.ENTRY_GUEST_STATE
        return Verdict(pointer=vmcs.pointer, outcome=_exit(reason), reason=int(reason), failures=failures)
    msr = entry_list(machine, processor)
    if msr is not None:
        return Verdict(pointer=vmcs.pointer, outcome=_exit(REASON.ENTRY_MSR_LOAD), reason=int(REASON.ENTRY_MSR_LOAD), msr=msr)
    return Verdict(pointer=vmcs.pointer, outcome="VM entry passes every check")


def _exit(reason):
    return f"VM entry fails by exit reason {int(reason)} ({text_of(REASON, name_of(REASON, reason))})"

