"""Nanoseconds of the kernels that run most, called from compiled loops in the state that a measured machine is in."""
import time

import measuring
import numpy as np
from measuring import kernel as image
from measuring import running

from emu.bits import U64
from emu.jit import kernel
from emu.model.delivery import interrupt
from emu.model.memory import tlb, walk
from emu.model.processor import decode
from emu.model.vmx import checks, entry, exit
from emu.spec.cpu import EVENT, GPR, INTR
from emu.spec.outcome import ACCESS, MODE
from emu.spec.vmx import REASON
from emu.state import INSN, env_of

QUESTION = "How long do the hottest kernels take?"
PAGES, SHIFT = U64(4096), U64(12)
INJECTED = INTR.VALID | EVENT.EXTERNAL << U64(8) | U64(0x20)        # what perf/kernel/exits.s injects
STORE = bytes.fromhex("4889843788000000").ljust(16, b"\x90")        # mov [rdi + rsi + 0x88], rax
CPUID = bytes.fromhex("0fa2").ljust(16, b"\x90")


@kernel
def to_root(c):
    """Leave non-root operation if that is where the processor is."""
    if c.vmx_mode == MODE.NONROOT:
        exit.leave(c, REASON.CPUID, 0)


@kernel
def to_guest(c):
    """Enter non-root operation if that is not where the processor is."""
    if c.vmx_mode == MODE.ROOT:
        entry.enter(c, 0)


@kernel
def hits(c, la, count):
    """Translate one address `count` times."""
    found = 0
    for _ in range(count):
        found ^= walk.translate(c, la, ACCESS.READ)
    return found


@kernel
def misses(c, la, count):
    """Translate each of 4,096 pages after the TLB was emptied, until `count` are done."""
    found = 0
    for i in range(count):
        page = U64(i) % PAGES
        if page == 0:
            tlb.flush_all(c)
        found ^= walk.translate(c, la + (page << SHIFT), ACCESS.READ)
    return found


@kernel
def decodes(code, insn, count):
    """Decode one instruction `count` times."""
    length = 0
    for _ in range(count):
        length ^= decode.decode(code, 16, 64, insn)
    return length


@kernel
def judgements(c, count):
    """Make all checks of a VM entry `count` times."""
    found = 0
    for _ in range(count):
        found |= checks.entry(c)
    return found


@kernel
def transitions(c, count):
    """Enter and leave non-root operation `count` times."""
    for _ in range(count):
        entry.enter(c, 0)
        exit.leave(c, REASON.CPUID, 0)
    return c.vmx_mode


@kernel
def checked_transitions(c, count):
    """Enter and leave `count` times, every entry with all checks."""
    for _ in range(count):
        entry.forget_verdict(c)
        entry.enter(c, 0)
        exit.leave(c, REASON.CPUID, 0)
    return c.vmx_mode


@kernel
def deliveries(c, stack, count):
    """Deliver an external interrupt through the IDT `count` times."""
    e, good = env_of(c.env)[0], 0
    for _ in range(count):
        e.regs[GPR.RSP] = stack
        if interrupt.deliver(c, INJECTED, 0, 0):
            good += 1
    return good


def nanoseconds(function, *arguments, count):
    """Return nanoseconds of one round of a loop; the best of ROUNDS."""
    count = measuring.times(count)
    function(*arguments, U64(1))
    best = float("inf")
    for _ in range(measuring.ROUNDS):
        start = time.perf_counter()
        result = function(*arguments, U64(count))
        best = min(best, (time.perf_counter() - start) / count * 1e9)
    return best, result


def row(name, function, *arguments, count=100_000, expect=None):
    """Return a row; raises RuntimeError when the loop did not do what it should."""
    best, result = nanoseconds(function, *arguments, count=count)
    if expect is not None and int(result) != expect:
        raise RuntimeError(f"{name}: the loop ended with {int(result)}, not {expect}")
    return name, best, "ns", None, None


def measure():
    """Yield rows (name, value, unit, baseline, goal)."""
    symbols, insn = image().symbols, np.zeros(1, INSN)[0]
    here, touch = U64(symbols["BUFFER"]), U64(symbols["TOUCH"])
    machines = [running(loop).machine for loop in ("alu", "inject", "cpuid")]
    bare, injected, guest = (machine.cpu[0] for machine in machines)
    yield row("walk.translate, hit", hits, bare, here, expect=0)
    yield row("walk.translate, miss, 4 levels", misses, bare, touch)
    to_guest(injected)
    yield row("walk.translate, hit in a guest", hits, injected, here, expect=0)
    yield row("walk.translate, miss through EPT", misses, injected, touch)
    yield row("interrupt.deliver, 64-bit", deliveries, injected, U64(symbols["GUEST_STACK"]), count=10_000, expect=measuring.times(10_000))
    for name, code in (("CPUID", CPUID), ("a store with SIB and disp32", STORE)):
        yield row(f"decode.decode, {name}", decodes, np.frombuffer(code, np.uint8), insn)
    to_root(guest)
    yield row("checks.entry, all checks", judgements, guest, count=20_000, expect=0)
    yield row("entry.enter + exit.leave", transitions, guest, count=50_000, expect=int(MODE.ROOT))
    yield row("the same, all checks each time", checked_transitions, guest, count=20_000, expect=int(MODE.ROOT))


if __name__ == "__main__":
    measuring.main(measure)
