"""What watching costs: traces, conditions, watchpoints, the snapshot ring, each beside the same loop undisturbed; steps both ways."""
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring
from measuring import by_turns, running, times

from emu.spec.cpu import GPR

QUESTION = "What do traces, breakpoints, watchpoints, snapshots and steps cost?"
LONG_RUN, REVERSE_SECONDS, STEPS, GDB_STEPS, MANY = 10_000_000_000, 0.5, 100_000, 2_000, 1_000
GDB_PASSES, STEPS_GOAL, GDB_STEPS_GOAL, GDB_PASSES_GOAL = 5_000_000, 50_000, 5_000, 1_000_000


class Watched:
    """The loop of VM exits with something attached between `on` and `off`."""

    def __init__(self, loop="cpuid"):
        from emu.debug.session.session import Session

        self.plain, self.running = running(loop), running(loop)
        self.session = Session(self.running.machine)

    def measured(self, column=2):
        """Return (rate with what is attached, rate without), by turns; column: of `Running.slice`."""
        return by_turns(lambda: self.running.rate(column), lambda: self.plain.rate(column))


def exits():
    """Yield rows of the loop of CPUID exits."""
    from emu.debug.history.history import History
    from emu.debug.session.conditions import compiled
    from emu.trace.log import Writer

    at = Watched()
    yield "CPUID exits, a debugger attached", *_rates(at)
    number = at.session.break_on("exit=cpuid and leaf==12345", ignore=0)
    yield "CPUID exits, 1 condition that fails", *_rates(at)
    at.session.remove(number)
    number = at.session.break_on("exit=cpuid", ignore=1 << 60)
    yield "CPUID exits, 1 condition met and ignored", *_rates(at)
    for n in range(MANY):
        at.session.break_on(f"exit=hlt and rip=={n}")
    yield f"CPUID exits, {MANY:,} conditions on another exit", *_rates(at)
    for n in range(MANY // 4):
        at.session.break_on(f"exit=cpuid and leaf=={n + 100}")
    yield f"CPUID exits, {MANY // 4} conditions on this exit", *_rates(at)
    for point in at.session.breakpoints():
        at.session.remove(point.number)
    at.session.close()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("exits traced", "exit"), ("all traced", None)):
            writer = Writer(at.running.machine, Path(folder) / "trace.hvt", condition=compiled(text) if text else None)
            yield f"CPUID exits, {name}", *_rates(at)
            writer.close()
    from emu.debug.session.session import Session

    with Session(at.running.machine) as session:
        History(session)

        def slice_of():
            before, start = sum(int(c.entries) for c in at.running.machine.cpu), time.perf_counter()
            session.run(max_cycles=at.running.machine.clock + 100_000_000)
            return (sum(int(c.entries) for c in at.running.machine.cpu) - before) / (time.perf_counter() - start)

        yield "CPUID exits, snapshot ring on", *_row(by_turns(slice_of, at.plain.entries))


def _rates(at, column=2):
    return _row(at.measured(column))


def _row(pair, unit="exits/s"):
    return pair[0], unit, pair[1], None


def memory():
    """Yield rows of the loop of stores: a watchpoint beside what it writes, on its page and not."""
    at = Watched("store")
    session, plain = at.session, at.plain
    where = int(at.running.machine.env(0).regs[int(GPR.RSI)])
    for name, address in (("on another page", where + (8 << 20)), ("on the page that is written", where ^ 0x800)):
        number = session.watch(address, 8)
        ours, theirs = by_turns(at.running.mips, plain.mips)
        yield f"stores, 1 watchpoint {name}", ours, "MIPS", theirs, None
        session.remove(number)


def steps():
    """Yield rows of single steps, forward and backward."""
    from emu.debug.history.history import History
    from emu.debug.session.session import Session

    at = running("cpuid")
    with Session(at.machine) as session:
        start = time.perf_counter()
        session.step(count=times(STEPS))
        yield "steps through the API, in one call", times(STEPS) / (time.perf_counter() - start), "steps/s", None, None
        start = time.perf_counter()
        for _ in range(times(STEPS)):
            session.step()
        yield "steps through the API, one a call", times(STEPS) / (time.perf_counter() - start), "steps/s", None, STEPS_GOAL
        history = History(session)
        session.run(max_cycles=at.machine.clock + times(LONG_RUN))
        spent = []
        for _ in range(times(9_000) // 1_000 or 1):
            start = time.perf_counter()
            history.reverse_step()
            spent.append((time.perf_counter() - start) * 1e3)
        yield f"reverse step after {times(LONG_RUN) / 1e9:.2g} s", statistics.median(spent), "ms", None, REVERSE_SECONDS * 1e3


def gdb(loop, *commands):
    """Return what gdb prints for commands at the start of a loop of the measuring kernel, after `rate`: a number."""
    with tempfile.TemporaryDirectory() as folder:
        kernel = measuring.write_kernel(folder)
        code = "from emu.cli import main; main()"
        command = [sys.executable, "-c", code, "gdb", str(kernel), "--append", f"{loop} 0 0", "--listen", "0", "--memory", "16M"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
            port = server.stderr.readline().rsplit(":", 1)[1].strip()
            script = [f"target remote :{port}", "python import time", *commands, "kill"]
            words = [word for line in script for word in ("-ex", line)]
            said = subprocess.run(["gdb", "-nx", "-q", "-batch", *words], capture_output=True, text=True, check=True).stdout
            server.wait()
    return float(said.split("rate ")[1].split()[0])


def timed(command, count):
    """Return the commands of gdb that print the rate of one that does something `count` times."""
    return "python start = time.perf_counter()", command, f"python print('rate', {count} / (time.perf_counter() - start))"


def through_gdb():
    """Yield the rates of gdb's stepi and of its breakpoints whose condition does not hold, when there is a gdb.

    $rcx is asked by the machine; $ecx is a register of gdb's own making, so that gdb asks itself, at a stop each time.
    """
    if not shutil.which("gdb"):
        return
    yield "steps through gdb's stepi", gdb("cpuid", *timed(f"stepi {times(GDB_STEPS)}", times(GDB_STEPS))), "steps/s", None, GDB_STEPS_GOAL
    place = measuring.kernel().labels["loop_alu"]
    for name, register, count, goal in (("the machine", "rcx", times(GDB_PASSES), GDB_PASSES_GOAL), ("gdb", "ecx", times(GDB_STEPS), None)):
        rate = gdb("alu", f"break *{place:#x}", "continue", "stepi", "delete", f"break *$pc if ${register} == {(1 << 32) - count:#x}",
                   *timed("continue", count))
        yield f"gdb's conditional breakpoint, asked by {name}", rate, "passes/s", None, goal


def measure():
    """Yield rows (name, value, unit, baseline, goal)."""
    yield from exits()
    yield from memory()
    yield from steps()
    yield from through_gdb()


if __name__ == "__main__":
    measuring.main(measure)
