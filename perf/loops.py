"""Plain instructions on the machine, beside stock Unicorn with its own MMU and, where installed, QEMU TCG.

Cycle accounting is on.  The same bytes run everywhere: the loops of perf/kernel/loops.s.  Stock Unicorn runs in another
process, since the machine's engine replaces functions of the library that both load.
"""
import measuring
from measuring import INSTRUCTIONS, Worker, by_turns, running

QUESTION = "How many million instructions a second run, beside stock Unicorn?"
SHARE = {"alu": 0.7, "load": 0.7, "store": 3, "call": 3}           # goals, of stock Unicorn's rate
TOUCH_MIPS = 200                                                    # goal
QEMU_COUNTS = {"alu": 100_000_000, "load": 50_000_000, "store": 50_000_000, "call": 20_000_000, "touch": 500}


def measure():
    """Yield rows (name, value, unit, baseline, goal)."""
    beside = []
    with Worker("stock") as stock:
        for loop in INSTRUCTIONS:
            ours = running(loop)
            mips, baseline = by_turns(ours.mips, lambda loop=loop: stock(loop, measuring.SECONDS))
            yield loop, mips, "MIPS", baseline, SHARE[loop] * baseline if loop in SHARE else TOUCH_MIPS
            rate = measuring.qemu(loop, QEMU_COUNTS[loop])
            if rate:
                beside.append((f"{loop}, QEMU TCG", rate * INSTRUCTIONS[loop] / 1e6, "MIPS", None, None))
    yield from beside


if __name__ == "__main__":
    measuring.main(measure)
