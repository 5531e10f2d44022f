"""What comes into a run from outside, a file or what is typed, and what of the run is kept: recording and snapshot."""

import os
import select
import sys
from contextlib import suppress

from emu import files

READ_BYTES, LOOK_SECONDS = 4096, 0.2                       # LOOK_SECONDS: seconds between two checks for a signal while nothing is typed
INPUT_LIMIT = 64 << 20                                     # bytes of what is typed at once


class Typed:
    """Standard input while the machine runs: what comes between two slices reaches the guest at the next cycle."""

    def __init__(self, machine, source=None):
        self.machine, self.source, self.open = machine, sys.stdin.fileno() if source is None else source, True

    def look(self, seconds=0.0):
        """Take what is there, waiting up to `seconds` (None: until something is); returns False, which lets the run go on."""
        while self.open and select.select([self.source], [], [], seconds)[0]:
            data = os.read(self.source, READ_BYTES)
            self.open, seconds = bool(data), 0.0
            if data:
                self.machine.console_input(data)
        return False


def feed(machine, path, cycle):
    """Give a machine the bytes of a file ("-": standard input) from a cycle on; returns a Typed when they are typed meanwhile."""
    if path != "-":
        data = files.read(path, INPUT_LIMIT)
    elif sys.stdin.isatty():
        return Typed(machine)
    else:
        with suppress(OSError, ValueError):                # it is not a file
            files.heed("standard input", os.fstat(sys.stdin.fileno()))
        data = sys.stdin.buffer.read()
    if data:
        machine.console_input(data, cycle)
    return None


def run(machine, max_cycles, typed):
    """Run a machine; one that nothing else would wake waits for what is typed.  Returns the Result."""
    from emu.spec.outcome import STOP

    if typed is None:
        return machine.run(max_cycles=max_cycles)
    result = machine.run(max_cycles=max_cycles, pause=typed.look)
    while machine.record[0].stop == STOP.IDLE and typed.open and not machine.interrupted:
        typed.look(LOOK_SECONDS)
        if typed.open and not machine.interrupted:
            result = machine.run(max_cycles=max_cycles, pause=typed.look)
    return result


# ---- what is kept ----------------------------------------------------------------------------------------------------
def recorder(machine, target):
    """Return a Recorder of a machine that was loaded as a Target says."""
    from emu import image as images
    from emu.debug.history import record

    modules = [*target.modules, *([str(target.initrd)] if target.initrd else [])]
    rows = [record.file_row(images.module(text)[0]) for text in modules]
    return record.Recorder(machine, record.Source(record.file_row(target.image), target.place, target.smp, target.memory, target.append,
                                                  modules, rows))


def finish(machine, recorder, record_to, save_to):
    """Write the recording and the snapshot that were asked for."""
    if recorder:
        from emu.debug.history import record

        record.save(recorder.finish(), record_to)
    if save_to:
        from emu.debug.history import snapshot, snapshot_file

        snapshot_file.save(snapshot.take(machine), save_to)
