"""Why a run ended badly, in words: triple faults as a chain, failed VM entries, VMX aborts, processors that nothing will wake.

Everything is read from the records after the run; nothing of the machine changes, not even an accessed bit.
"""
from dataclasses import dataclass

from emu.bits import ALL_ONES, LOW_32, PAGE_BYTES, U64, details, get, name_of, numbers, show, text_of
from emu.errors import ConfigError
from emu.jit import words
from emu.machine.host import host
from emu.model.cpu import code_bits
from emu.model.delivery import interrupt
from emu.model.memory import steps
from emu.model.processor import msr
from emu.model.vmx import checks, world
from emu.model.vmx.vmcs import View
from emu.spec.apic import X2APIC
from emu.spec.cpu import CR0, EFER, GATE, GATE_64, RFLAGS, SEG, SYSTYPE, VECTOR, VECTORS
from emu.spec.msr import MSR, RULE, RULES
from emu.spec.outcome import ACCESS, MODE
from emu.spec.paging import PFEC
from emu.spec.profile import CAPABILITIES
from emu.spec.vmcs import REGION_WORDS
from emu.spec.vmx import ACTIVITY, MWAIT, REASON, VMABORT, VMERROR, VMXMSR
from emu.state import env_of

OUTSIDE_REACH = 0x4000                                     # bytes after a symbol outside the image that still go by its name
GATES = {int(number): text for row, (number, text) in details(SYSTYPE).rows.items() if "GATE" in row}
ENTRY_FAILURE = 1 << 31
WITH_ERROR = numbers(VECTORS, "ERROR")
WORLD = {int(MODE.BARE): "", int(MODE.ROOT): " in VMX root operation", int(MODE.NONROOT): " in VMX non-root operation"}


def _guest(c):
    """Return 1 when a processor runs a guest, whichever: `symbols_of` asks for more only where partitions differ."""
    return int(c.vmx_mode == MODE.NONROOT)


# ---- places and memory ------------------------------------------------------------------------------------------
def symbols_of(machine, partition=0):
    """Return the Symbols of what runs, or None: the image's, or those of a partition's (its number) where it is known which it is."""
    if not partition or not machine.partitions:
        return getattr(machine, "symbols", None)
    images = {id(each.image): each.image for each in machine.partitions if getattr(each, "image", None)}
    return next(iter(images.values())).symbols if len(images) == 1 else None


def finder(machine):
    """Return a function: the address of a symbol, of the image or of the partitions', None when it is none of theirs.

    It raises ConfigError when both have it at different addresses.
    """
    tables = [table for table in (symbols_of(machine), symbols_of(machine, 1)) if table]

    def find(name):
        found = list(dict.fromkeys(at for table in tables if (at := table.address(name)) is not None))
        if len(found) > 1:
            raise ConfigError(f"{name!r} is {found[0]:#x} in the hypervisor and {found[1]:#x} in the partition: write the address")
        return found[0] if found else None
    return find


def place(machine, rip, partition=0):
    """Return a linear address with its symbol and source line when the loaded image knows them.

    partition: whose code it is, 0: the image's own.
    """
    image = getattr(machine, "image", None) if not partition else None
    symbols = symbols_of(machine, partition)
    inside = not image or any(start <= rip < start + size for start, size in image.ranges)
    if not symbols or not inside and not symbols.near(rip, OUTSIDE_REACH):
        return f"{rip:#x}"
    name, line = symbols.name(rip), symbols.where(rip)
    known = [name] * (not name.startswith("0x")) + ([f"{line[0]}:{line[1]}"] if line else [])
    return f"{rip:#x}" + (f" ({', '.join(known)})" if known else "")


def linear_rip(e):
    """Return the linear address of the next instruction; e: an ENV record."""
    now = host(e)
    return now.rip if code_bits(e) == 64 else now.rip + now.seg[SEG.CS * 3 + 1] & int(LOW_32)


def _entry(machine, address, size):
    return int.from_bytes(machine.read(address, size), "little") if machine.in_ram(address, size) else 0


def read_linear(machine, c, address, size):
    """Return bytes at a linear address of the world that a CPU record is in, or None where no memory is mapped.

    Addresses wrap at 2**64: a table may begin anywhere.
    """
    found = b""
    while size:
        address &= int(ALL_ONES)
        here, end = min(size, PAGE_BYTES - address % PAGE_BYTES), steps.trace(c, address, ACCESS.READ, flags=False)[-1]
        data = machine.peek(end.address, here) if end.verdict == "DONE" else None
        if data is None:
            return None
        found, address, size = found + data, address + here, size - here
    return found


# ---- triple faults ------------------------------------------------------------------------------------------------
def gate(machine, c, vector, partition=0):
    """Return the IDT entry of a vector in words; c: CPU record of who met it; partition: whose code it leads to, 0: the image's own."""
    e = host(env_of(c.env)[0])
    base, limit = e.seg[SEG.IDTR * 3 + 1], e.seg[SEG.IDTR * 3 + 2] & 0xFFFF
    size = 16 if e.efer & EFER.LMA else 8
    if not e.cr[0] & CR0.PE:
        return f"real-mode vector at {base + 4 * vector:#x}, limit {limit:#x}"
    address = base + size * vector
    if size * vector + size - 1 > limit:
        return f"beyond the limit {limit:#x} of the IDT at {base:#x}"
    data = read_linear(machine, c, address, size)
    if data is None:
        return f"at {address:#x}, which is not mapped"
    word = int.from_bytes(data, "little")
    if not word:
        return f"at {address:#x}: empty"
    low, high = U64(word & int(ALL_ONES)), U64(word >> 64)
    kind, level, ist, select = (int(get(low, field)) for field in (GATE.TYPE, GATE.DPL, GATE.IST, GATE.SELECTOR))
    parts = get(low, GATE.OFFSET_15_0), get(low, GATE.OFFSET_31_16), get(high, GATE_64.OFFSET_63_32)
    offset = sum(int(part) << shift for part, shift in zip(parts, (0, 16, 32), strict=True))
    present = "" if low & GATE.P else ", not present"
    stack = f", IST {ist}" if size == 16 and ist else ""
    name = "not a system descriptor" if low & GATE.S else GATES.get(kind, f"type {kind}, which is not a gate")
    return f"at {address:#x}: {name} to {select:#x}:{place(machine, offset, partition)}, DPL {level}{stack}{present}"


def _fault(vector, error, address):
    """Return an exception in words."""
    text = _name(vector)
    if text.startswith("#"):
        text += f" ({text_of(VECTOR, text[1:])})"
    if vector in WITH_ERROR:
        text += f", error code {error:#x}"
    if vector == VECTOR.PF:
        text += f" ({show(PFEC, error)}), address {address:#x}"
    return text


def triple_fault(machine, c):
    """Return the lines that explain a triple fault as the chain of its faults."""
    head = f"triple fault on processor {c.id}{WORLD[c.vmx_mode]} at cycle {c.cycles:,}:"
    return [head, *chain_lines(machine, c.record, c.chain, c.chain_length)]


def chain_lines(machine, c, chain, length, partition=0):
    """Return the lines of a chain of faults: `length` steps of vector, error code, RIP, address.

    c: CPU record in the world that met them, for the IDT; partition: whose code it is, 0: the image's own.
    """
    lines, delivered = [], 0                               # vector of the event whose delivery met this one
    for number in range(length):
        vector, error, rip, address = chain[4 * number:4 * number + 4]
        during = f" while delivering {_name(delivered)}" if number else ""
        lines.append(f"  {number + 1}. {_fault(vector, error, address)}{during}, at RIP {place(machine, rip, partition)}")
        delivered = int(interrupt.combine(U64(delivered), U64(vector))) if number else vector
        if number < length - 1:
            lines.append(f"     IDT entry {delivered} {gate(machine, c, delivered, partition)}")
    return lines


def _name(vector):
    """Return a vector as `#GP`, or by its number."""
    name = name_of(VECTOR, vector)
    return f"vector {name}" if name.startswith("0x") else f"#{name}"


# ---- the VM-entry MSR-load list ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class MsrFailure:
    """An entry of the MSR-load list that VM entry fails at: its number from 1, host-physical address, MSR and value."""

    number: int
    address: int
    index: int
    value: int
    name: str
    rule: str

    id = "entry_msr_load"
    section = 'SDM 3C, "Loading MSRs" (VM entries)'
    repair = "correct the entry, or lower ENTRY_MSR_LOAD_COUNT"

    def __str__(self):
        """Return the failure as lines of text for a terminal."""
        return (f"{self.id}, entry {self.number}\n    at {self.address:#x}: MSR {self.index:#x} ({self.name}) = {self.value:#x}\n"
                f"    rule: {self.rule}\n    source: {self.section}\n    repair: {self.repair}")


def msr_name(index):
    """Return the name of an MSR for people."""
    if index in CAPABILITIES:
        return text_of(VMXMSR, name_of(VMXMSR, index))
    if X2APIC.FIRST <= index <= X2APIC.LAST:
        return "x2APIC register"
    found = name_of(MSR, index)
    return "no MSR of this processor" if found.startswith("0x") else f"IA32_{found}"


def msr_rule(index):
    """Return the rule that an MSR of the list breaks.

    Source: SDM 3C, "Loading MSRs" (VM entries)
    """
    if index >> 32:
        return "bits 63:32 of the first quadword of an entry are 0"
    if index in (MSR.FS_BASE, MSR.GS_BASE):
        return "the list does not name IA32_FS_BASE or IA32_GS_BASE: the guest-state area has their bases"
    if X2APIC.FIRST <= index <= X2APIC.LAST:
        return "the list does not name an x2APIC register (800H to 8FFH)"
    if index == world.SMM_MONITOR_CTL:
        return "the list does not name IA32_SMM_MONITOR_CTL outside SMM"
    row = msr.find(U64(index))
    if row == msr.NO_ROW and index not in CAPABILITIES:
        return "WRMSR of it would be #GP(0): this processor has no such MSR"
    if index in CAPABILITIES or RULES[row] == RULE.READ_ONLY:
        return "WRMSR of it would be #GP(0): it is read-only"
    return "WRMSR of this value would be #GP(0): a bit is reserved, or may not change in the guest's mode"


def msr_entry(machine, view, number):
    """Return the MsrFailure that describes entry `number` of the VM-entry MSR-load list of a VMCS, as memory holds it now."""
    address = view.entry_msr_load_address + 16 * (number - 1)
    index, value = _entry(machine, address, 8), _entry(machine, address + 8, 8)
    return MsrFailure(number, address, index, value, msr_name(index), msr_rule(index))


# ---- VMX --------------------------------------------------------------------------------------------------------
def entry_failure(machine, c):
    """Return the lines on the last VM entry of a processor that failed, with every check that failed."""
    found = c.failure
    if found == int(ALL_ONES):
        why = "VMX abort"
    elif found & ENTRY_FAILURE:
        reason = name_of(REASON, found & ~ENTRY_FAILURE)
        why = f"exit reason {found & ~ENTRY_FAILURE} ({text_of(REASON, reason)})"
    else:
        why = f"error {found} ({text_of(VMERROR, name_of(VMERROR, found))})"
    lines = [f"VM entry failed on processor {c.id} at cycle {c.failure_cycle:,}, RIP {place(machine, c.failure_rip)}, "
             f"VMCS {c.failure_pointer:#x}: {why}"]
    then = c.record.copy()
    then.vmcs = c.failure_vmcs                             # the VMCS as it was when entry failed
    for failure in checks.explain(then):
        lines += ["  " + line for line in str(failure).splitlines()]
    if found == ENTRY_FAILURE | int(REASON.ENTRY_MSR_LOAD):
        view = View(words(then.vmcs, REGION_WORDS))
        lines += ["  " + line for line in str(msr_entry(machine, view, view.exit_qualification)).splitlines()]
    if c.failures > 1:
        lines.append(f"  {c.failures:,} VM entries failed on this processor in all, {c.entries:,} succeeded")
    return lines


def vmx_abort(machine, c):
    """Return the lines on a VMX abort."""
    code = name_of(VMABORT, c.stop_a)
    return [f"VMX abort on processor {c.id} at cycle {c.cycles:,}: indicator {c.stop_a} ({text_of(VMABORT, code)}), "
            f"VMCS {c.vmcs_pointer:#x}"]


# ---- sleep and budget ---------------------------------------------------------------------------------------------
def asleep(machine, c):
    """Return the line that says why a processor will not wake."""
    e, activity = machine.env(c.id), c.activity
    where = f"processor {c.id}{WORLD[c.vmx_mode]}"
    if activity == ACTIVITY.WAIT_SIPI:
        return f"{where} waits for a start-up interrupt that nobody sends"
    if activity == ACTIVITY.SHUTDOWN:
        return f"{where} is shut down"
    if activity == ACTIVITY.ACTIVE:
        return f"{where} runs at RIP {place(machine, linear_rip(e), _guest(c))}"
    rip = place(machine, linear_rip(e), _guest(c))
    if activity == MWAIT:
        interrupts = "on" if e.eflags & RFLAGS.IF else "off"
        return f"{where} waits in MWAIT for a store to the line at {c.monitor_address:#x}, interrupts {interrupts}, before RIP {rip}"
    if not e.eflags & RFLAGS.IF:
        return f"{where} halted with interrupts off (RFLAGS.IF = 0) before RIP {rip}"
    return f"{where} halted with interrupts on before RIP {rip}, and no timer or device will interrupt it"


def explain(machine, reason):
    """Return lines of text that explain how a run ended, none when there is nothing to explain.

    reason: a STOP name
    """
    cpus, lines = [host(c) for c in machine.cpu], []
    for c in cpus:
        if c.failure_open:
            lines += entry_failure(machine, c)
    stopped = cpus[machine.record[0].stop_cpu]
    if reason == "TRIPLE_FAULT":
        lines += triple_fault(machine, stopped)
    elif reason == "VMX_ABORT":
        lines += vmx_abort(machine, stopped)
    elif reason in ("IDLE", "BUDGET", "INTERRUPTED"):
        lines += [asleep(machine, c) for c in cpus]
        if any(c.vmx_mode == MODE.ROOT for c in cpus) and not any(c.entries for c in cpus):
            lines.append("no VM entry happened: the hypervisor never ran a guest")
    return lines


def entry_is_to_blame(machine, reason, exit_code):
    """Return whether the run ended because of a failed VM entry: none succeeded after it, and the run came to no good end."""
    bad = reason in ("BUDGET", "IDLE") or reason == "EXIT_CODE" and exit_code != 0
    return bad and any(c.failure_open for c in machine.cpu)
