"""What root and child partitions cost: hypercalls, messages, events, intercepts, IPIs, timers, switches, many partitions.

A root partition (guests/hyperv.s) does one thing again and again; a word of its memory counts.  Each number is given twice: in
cycles of the machine, which are the same on every computer, and as a rate, beside that of a bare CPUID exit of perf/exits.py.
"""
import time
from functools import cache

import measuring
from measuring import HERE, ROUNDS, Running, running

from emu.asm import assemble

QUESTION = "What do hypercalls, messages, intercepts and many partitions cost?"
MEMORY = 64 << 20
COUNT, LATE, CHILD_COUNT = 0x30_0000, 0x30_0008, 0xA2_8000     # guests/hyperv.s
# number, name, where its count is, processors
ASKED = (
    (1, "hypercall, fast", COUNT, 1), (2, "hypercall, list in memory", COUNT, 1), (3, "repeat hypercall, 64 elements", COUNT, 1),
    (4, "message there and back, one processor", COUNT, 1), (4, "message there and back, two processors", COUNT, 2),
    (5, "event there and back, one processor", COUNT, 1), (5, "event there and back, two processors", COUNT, 2),
    (6, "intercept to the root and back, one processor", COUNT, 1), (6, "intercept to the root and back, two processors", COUNT, 2),
    (7, "IPI there and seen, two processors", CHILD_COUNT, 2), (9, "two switches of VPs", COUNT, 1),
)
PARTITIONS = 1, 8, 32
PATIENCE = 10                                                     # seconds without progress


class Root(Running):
    """A machine whose root partition does one thing again and again."""

    def __init__(self, asked, processors=1, children=1):
        from emu import image
        from emu.machine import Config, Machine, partition
        symbols = {"ASKED": asked, "PROCESSORS": processors, "CHILDREN": children}
        placed = image.of_assembly(assemble(HERE / "guests" / "hyperv.s", symbols), MEMORY)
        machine = Machine(Config(memory_bytes=MEMORY + (32 << 20), processors=processors))
        root = partition.Partition(name="root", image=placed, root=True)
        machine.load_partitions([root])
        super().__init__(machine)
        self.base = partition.base_of(0, machine.read)

    def word(self, address):
        """Return a word of the root's memory."""
        return int.from_bytes(self.machine.read(self.base + address, 8), "little")

    def cycles(self):
        """Return the machine's time."""
        return max(int(c["cycles"]) for c in self.machine.cpu)


@cache
def bare():
    """Return the machine that answers CPUID by the smallest handler."""
    return running("cpuid")


def counted(root, address):
    """Return (times a second, cycles each) of what a word counts, and the rate of the baseline."""
    best, baseline, cycles = 0.0, 0.0, 0.0
    for _ in range(ROUNDS):
        before, then, start = root.word(address), root.cycles(), time.perf_counter()
        while time.perf_counter() - start < measuring.SECONDS or root.word(address) == before:
            root.slice()
            if time.perf_counter() - start > measuring.SECONDS + PATIENCE:
                raise RuntimeError("what is counted does not happen any more")
        done = root.word(address) - before
        best = max(best, done / (time.perf_counter() - start))
        cycles = (root.cycles() - then) / done
        baseline = max(baseline, bare().entries())
    return best, cycles, baseline


def measure():
    """Yield rows (name, value, unit, baseline, goal)."""
    for asked, name, address, processors in ASKED:
        rate, cycles, baseline = counted(Root(asked, processors), address)
        yield name, rate, "times/s", baseline, None
        yield f"{name}: each", cycles, "cycles", None, None
    timer = Root(8)
    while not timer.word(LATE):
        timer.slice()
    yield "synthetic timer: cycles from its time to the handler", timer.word(LATE), "cycles", None, None
    alone = None
    for children in PARTITIONS:
        root = Root(10, 1, children)
        while root.word(COUNT) < children:                 # until the last one has started
            root.slice()
        mips = root.rate(1) / 1e6
        alone = alone or mips
        yield f"{children} counting partitions on one processor", mips, "MIPS", alone, None


if __name__ == "__main__":
    measuring.main(measure)
