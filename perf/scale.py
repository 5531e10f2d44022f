"""What more processors and more partitions cost: instructions a second of all together, and memory for each.

Processors of one machine run by turns on one thread: the sum stays what one reaches, less the turns.
"""
import time

import measuring
from measuring import HERE, Running, by_turns, partitions

QUESTION = "What do more processors and more partitions cost?"


def resident():
    """Return the resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def processors(count):
    """Return (Running machine on whose `count` processors a loop runs, seconds to make it, bytes it took)."""
    from emu import image
    from emu.asm import assemble
    from emu.machine import Config, Machine
    before, start = resident(), time.perf_counter()
    machine = Machine(Config(memory_bytes=64 << 20, processors=count))
    made = time.perf_counter() - start
    machine.load(image.of_assembly(assemble(HERE / "guests" / "smp.s"), 64 << 20))
    return Running(machine), made, resident() - before


def measure():
    """Yield rows (name, value, unit, baseline, goal)."""
    one = processors(1)[0]
    for count in (1, 2, 4, 8):
        many, made, taken = processors(count)
        rate, baseline = by_turns(many.mips, one.mips)
        yield f"{count} processors", rate, "MIPS", baseline, None
        yield f"{count} processors, to make", made * 1e3, "ms", None, None
        yield f"{count} processors, memory", taken / (1 << 20), "MiB", None, None
    one = partitions("compute")
    for count in (1, 4, 16):
        rate, baseline = by_turns(partitions("compute", count).mips, one.mips)
        yield f"{count} partitions, one processor", rate, "MIPS", baseline, None


if __name__ == "__main__":
    measuring.main(measure)
