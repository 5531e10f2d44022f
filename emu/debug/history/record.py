"""Recordings: what a run depends on besides its image, and how it ended, so that it can be repeated to the bit.

    recorder = Recorder(machine, source)                   # before the first instruction
    machine.run()
    save(recorder.finish(), "run.hvr")

    result = replay(machine, load("run.hvr"))              # a machine loaded alike; raises ReplayError where it differs

A run depends on the machine at its start and on inputs (`emu.board.inputs`), each at its cycle; nothing else of the host
reaches it.  The file is JSON: schema, where the image came from, a digest of the start, the inputs, the end.
"""
import hashlib
from importlib.metadata import version
from typing import Any

import msgspec

from emu import files
from emu.bits import name_of
from emu.board.inputs import Input
from emu.debug.history.snapshot_file import InputRow, Number
from emu.errors import ConfigError, ReplayError, SnapshotError
from emu.machine import Config
from emu.spec.outcome import STOP

SCHEMA = "hvlab.recording.1"
RECORDING_LIMIT = 256 << 20                                # bytes of a recording


class FileRow(msgspec.Struct, forbid_unknown_fields=True):
    """A file that the machine was loaded from."""

    path: str
    sha256: str


class Source(msgspec.Struct, forbid_unknown_fields=True):
    """Image and options of `hvlab run`."""

    image: FileRow
    place: str
    smp: Number
    memory: Number
    append: str | None = None
    modules: list[str] = []
    module_files: list[FileRow] = []


class End(msgspec.Struct, forbid_unknown_fields=True):
    """How a run ended: STOP name, the budget that cut it (BUDGET), exit code, clocks and instructions of each processor, digest."""

    reason: str
    budget: Number | None
    exit_code: Number
    cycles: list[Number]
    instructions: list[Number]
    digest: str


class Recording(msgspec.Struct, forbid_unknown_fields=True):
    """A run: start, inputs, end."""

    schema: str
    program: str
    source: Source | None
    config: dict[str, int | str]
    start: str
    inputs: list[InputRow]
    end: End


class _Schema(msgspec.Struct):
    schema: str = ""


def config_of(recording):
    """Return the Config of a Recording; settings that its program did not have yet are as they were then."""
    options: dict[str, Any] = dict(recording.config)
    return Config(**options)


def file_row(path):
    """Return the FileRow of a file; raises ConfigError when it cannot be read."""
    if not str(path).isprintable():
        raise ConfigError(f"{files.shown(path)!r}: a recording names its files in UTF-8 text, which this name is not")
    return FileRow(str(path), hashlib.sha256(files.read(path)).hexdigest())


def end_of(machine):
    """Return the End of a machine as it is now."""
    m = machine.record[0]
    budget = machine.cut if m.stop == STOP.BUDGET else None
    cycles, instructions = ([int(c[name]) for c in machine.cpu] for name in ("cycles", "instructions"))
    return End(name_of(STOP, m.stop), budget, machine.host.exit_code, cycles, instructions, machine.digest())


class Recorder:
    """Notes a run from its first instruction on."""

    def __init__(self, machine, source=None):
        """source: a Source, when `hvlab replay` shall be able to load the machine again."""
        if machine.clock or machine.inputs.done:
            raise ConfigError(f"a recording begins before the first instruction, this machine is at cycle {machine.clock:,}")
        self.machine, self.source, self.start = machine, source, machine.digest()

    def finish(self):
        """Return the Recording of the run up to now; a run that was only paused goes on to the end of the cycle it is in."""
        machine = self.machine
        if machine.record[0].stop == STOP.NONE:
            at = machine.clock
            while not machine.advance(at):
                pass
        inputs = [InputRow(i.cycle, i.kind, i.data) for i in machine.inputs.log[:machine.inputs.done]]
        return Recording(SCHEMA, f"hvlab {version('hvlab')}", self.source, vars(machine.config), self.start, inputs, end_of(machine))


def save(recording, path):
    """Write a Recording to a file; it appears under its name when it is whole."""
    files.write(path, [msgspec.json.format(msgspec.json.encode(recording), indent=1), b"\n"])


def load(path):
    """Return the Recording of a file; raises SnapshotError when it is not one of this version."""
    text = files.read(path, RECORDING_LIMIT, SnapshotError)
    try:
        schema = msgspec.json.decode(text, type=_Schema).schema
        if schema != SCHEMA:
            raise SnapshotError(f"{path}: schema {schema!r}; this program replays {SCHEMA}")
        recording = msgspec.json.decode(text, type=Recording)
        for row in recording.inputs:
            Input(row.cycle, row.kind, row.data)
        config_of(recording)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SnapshotError(f"{path}: not a recording of hvlab: {error}") from error
    except (TypeError, ConfigError) as error:
        raise SnapshotError(f"{path}: not a recording of this program: {error}") from error
    return recording


def check_files(source, given=None):
    """Raise ReplayError when a file that a recording was loaded from has changed; given: the image in another place."""
    for row in (source.image, *source.module_files):
        path = given if given is not None and row is source.image else row.path
        if file_row(path).sha256 != row.sha256:
            raise ReplayError(f"{path} is not the file that was recorded: its SHA-256 was {row.sha256[:16]}...")


# ---- replay ----------------------------------------------------------------------------------------------------------
def prepare(machine, recording):
    """Give a machine that was loaded alike the inputs of a Recording; raises ReplayError when it was not."""
    mine, theirs = vars(machine.config), vars(config_of(recording))
    for name in sorted(mine):
        if mine[name] != theirs[name]:
            raise ReplayError(f"the machine has {name} = {mine[name]}, the recorded one {theirs[name]}")
    if machine.clock or machine.digest() != recording.start:
        raise ReplayError(f"the machine does not start as the recorded one did ({recording.program}): "
                          "other contents of memory or registers before the first instruction")
    machine.inputs.log = [Input(row.cycle, row.kind, row.data) for row in recording.inputs]


def last_cycle(recording):
    """Return the cycle budget with which a run ends where the Recording does."""
    return max(recording.end.cycles) + 1 if recording.end.budget is None else recording.end.budget


def differences(recording, end):
    """Return a sentence for each way in which an End is not that of the Recording."""
    names = dict(reason="the reason of its end", exit_code="the exit code", cycles="the clocks of its processors",
                 instructions="the instruction counts", digest="the digest of its end")
    return [f"{text} was {getattr(recording.end, name)}, and is {getattr(end, name)}" for name, text in names.items()
            if getattr(recording.end, name) != getattr(end, name)]


def replay(machine, recording, pause=None):
    """Repeat a recorded run on a machine that was loaded alike, to its recorded end; returns the Result.

    Raises ReplayError, which names what differs, when the start or the end is another one.
    """
    prepare(machine, recording)
    try:
        return machine.run(max_cycles=last_cycle(recording), pause=pause)
    finally:
        if not machine.interrupted:
            check_end(machine, recording)


def check_end(machine, recording):
    """Raise ReplayError when a machine did not end as a Recording says."""
    wrong = differences(recording, end_of(machine))
    if wrong:
        raise ReplayError(f"this is not the recorded run ({recording.program}): {'; '.join(wrong)}. "
                          "hvlab bisect finds where two recordings diverge")
