"""A snapshot and a recording as files, made by the program as it was: what reads them now has to read them still.

The image is a boot sector that echoes what it receives up to a full stop, then ends the run.  Where a change of the machine's state
or of a file's format is meant, and CHANGELOG.md says that older files are refused, make them once more:

    python -m tests.debug.samples
"""
import hashlib
from pathlib import Path

import msgspec

from emu.bits import MIB
from emu.debug.history import record, snapshot_file
from emu.debug.history.snapshot import take
from emu.image import load
from emu.machine import Config, Machine
from tests.machines import close

HERE = Path(__file__).resolve().parent
SNAPSHOT, RECORDING, IMAGE = HERE / "echo.hvz", HERE / "echo.hvr", "echo.bin"
SAID, HALF_WAY = b"older files.", 2_000_000
# mov dx, 3FDH; in al, dx; test al, 1; jz; mov dx, 3F8H; in al, dx; out dx, al; cmp al, '.'; jne; mov dx, 0F4H; xor eax, eax; out dx, eax
CODE = bytes.fromhex("BA FD 03 EC A8 01 74 F8 BA F8 03 EC EE 3C 2E 75 EF BA F4 00 66 31 C0 66 EF")


def echo(folder):
    """Return a machine with the echo program, of which an image is written to a folder."""
    path, memory = folder / IMAGE, 2 * MIB
    path.write_bytes(CODE)
    machine = Machine(Config(memory_bytes=memory))
    machine.load(load(path, memory))
    return machine


def make(folder):
    """Write both samples to a folder."""
    machine = echo(folder)
    recorder = record.Recorder(machine)
    machine.console_input(SAID[:6], 1_000_000)
    machine.console_input(SAID[6:], 3_000_000)
    machine.run(max_cycles=HALF_WAY)
    snapshot_file.save(take(machine), folder / SNAPSHOT.name)
    machine.run()
    record.save(recorder.finish(), folder / RECORDING.name)
    close(machine)
    (folder / IMAGE).unlink()


def altered(data, change):
    """Return a file whose manifest was changed by `change(dict)`, with the hash that goes with it."""
    size, _ = snapshot_file.HEAD.unpack_from(data, len(snapshot_file.MAGIC))
    start = len(snapshot_file.MAGIC) + snapshot_file.HEAD.size
    body = msgspec.json.decode(data[start:start + size])
    change(body)
    text = msgspec.json.encode(body)
    return snapshot_file.MAGIC + snapshot_file.HEAD.pack(len(text), hashlib.sha256(text).digest()) + text + data[start + size:]
