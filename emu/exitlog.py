"""The file of VM exits: one JSON object a line, from the ring that `emu.model.exit.note` fills."""
import json
import os
from pathlib import Path

import numpy as np

from emu.bits import name_of
from emu.errors import ConfigError, HvlabError
from emu.model.exit import TRACE_BYTES, TRACE_SLOTS
from emu.spec.vmx import REASON

FAILURE, VALID = 1 << 31, 1 << 31
ADDRESS = ("EPT_VIOLATION", "EPT_MISCONFIG")             # exits that report a guest-physical address


class Trace:
    """A trace in the making: lines go to a temporary file beside `path`, which `close` gives its name."""

    def __init__(self, machine, path):
        """machine: MACHINE record; raises ConfigError when the file cannot be written."""
        self.machine, self.path, self.done = machine, Path(path), 0
        self.part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self.file = open(self.part, "w", encoding="ascii")
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written ({error.strerror})") from error
        self.rows = np.zeros((int(TRACE_SLOTS), int(TRACE_BYTES) // 8), np.uint64)
        machine.trace_count, machine.exit_ring = 0, self.rows.ctypes.data

    def drain(self):
        """Write what came since the last call."""
        count, slots = int(self.machine.trace_count), len(self.rows)
        if count - self.done > slots:
            raise HvlabError(f"{count - self.done} VM exits came at once; the trace holds {slots}")
        for number in range(self.done, count):
            self.file.write(line(self.rows[number % slots].tolist()) + "\n")
        self.done = count

    def close(self):
        """Write the rest, and give the file its name; returns how many exits it holds."""
        self.drain()
        self.machine.exit_ring = 0
        self.file.close()
        os.replace(self.part, self.path)
        return self.done


def line(row):
    """Return one exit (the eight words of `emu.model.exit.note`) as JSON text."""
    cycle, cpu, reason, qualification, rip, length, event, address = row
    number = reason & 0xFFFF
    name = name_of(REASON, number)
    body = dict(cycle=cycle, cpu=cpu, reason=name, number=number, qualification=qualification, rip=rip, length=length)
    if reason & FAILURE:
        body["entry_failure"] = True
    if event & VALID and number < 2:
        body["interruption"] = event
    if name in ADDRESS:
        body["guest_physical"] = address
    return json.dumps(body, separators=(",", ":"))
