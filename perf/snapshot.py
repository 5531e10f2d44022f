"""What a snapshot costs: taken of an idle machine and of a busy one, and gone back to, beside a copy of all memory."""
import time

import measuring
import numpy as np

from emu.debug.history.snapshot import restore, take
from emu.machine import Config, Machine

QUESTION = "How long does a snapshot take, and going back to it?"
MEMORY_BYTES, TAKE_MS, RESTORE_MS = 256 << 20, 10, 50              # goals: at most
TIMES = 9


def milliseconds(action):
    """Return the median of some runs of `action`, in ms."""
    spent = []
    for _ in range(TIMES):
        started = time.perf_counter()
        action()
        spent.append((time.perf_counter() - started) * 1e3)
    return sorted(spent)[TIMES // 2]


def measure():
    """Yield rows (name, value, unit, baseline, goal): the baseline copies all memory, as a machine without a ledger must."""
    machine = Machine(Config(memory_bytes=MEMORY_BYTES, processors=2))
    machine.load_demo()
    copy = np.empty_like(machine.ram)
    take(machine)
    machine.run(max_cycles=50_000_000)
    whole = milliseconds(lambda: np.copyto(copy, machine.ram))
    yield "take, few pages written", milliseconds(lambda: take(machine)), "ms", whole, TAKE_MS
    first = take(machine)
    machine.run(max_cycles=200_000_000)
    take(machine)
    yield "go back, few pages differ", milliseconds(lambda: restore(machine, first)), "ms", whole, RESTORE_MS
    for address in range(32 << 20, 232 << 20, 4096):
        machine.ram[address] ^= 0xFF
    machine.ledger[(32 << 20) >> 12:(232 << 20) >> 12] |= np.uint64(1 << 32)
    started = time.perf_counter()
    busy = take(machine)
    yield "take, 200 MiB written", (time.perf_counter() - started) * 1e3, "ms", whole, None
    spent = []
    for snapshot in (first, busy, first, busy):
        started = time.perf_counter()
        restore(machine, snapshot)
        spent.append((time.perf_counter() - started) * 1e3)
    yield "go back, 200 MiB differ", sorted(spent)[len(spent) // 2], "ms", whole, None


if __name__ == "__main__":
    measuring.main(measure)
