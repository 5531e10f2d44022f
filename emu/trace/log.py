"""Files of rows (`.hvt`): written while the machine runs, read by pieces.

A file is MAGIC, the size of the manifest (uint32), the manifest (JSON), then chunks: a head of two uint32 (rows, bytes stored) and
the rows, uint64[n, 8] little-endian, compressed with zstd; a chunk of no rows is the end; the summary (JSON) follows it.
"""
import struct
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import zstandard

from emu.errors import TraceError
from emu.files import Part, read, shown, unpack
from emu.image.symbols import Symbols
from emu.machine.failure import OUTSIDE_REACH
from emu.machine.host import host
from emu.spec.trace import ACTION, ROW_BYTES, TRACE_WORDS
from emu.state import RING_ROWS

MAGIC, SIZE, CHUNK = b"hvlab.hvt\n", struct.Struct("<I"), struct.Struct("<II")
SCHEMA, FAST_LEVEL, CHUNK_LIMIT = "hvlab.trace.1", 1, 64 << 20
TRACE_LIMIT = 16 << 30


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """What a file says about its run: image, where it ran, processors, condition that rows had to meet ("": none), symbols."""

    schema: str
    program: str
    image: str
    place: str
    processors: int
    filter: str
    symbols: dict[str, int]


class Summary(msgspec.Struct, forbid_unknown_fields=True):
    """How the run ended: a STOP name, exit code, cycles and instructions, rows in the file."""

    reason: str
    exit_code: int
    cycles: int
    instructions: int
    rows: int


class Writer:
    """A file in the making, beside `path` until `close` gives it its name; takes the rows of a Machine from now on."""

    def __init__(self, machine, path, image="", place="bare", condition=None):
        """condition: a Compiled condition that rows must meet, None: all rows.  Raises ConfigError when it cannot be written."""
        self.machine, self.part, self.rows, self.places = machine, Part(path), 0, []
        symbols = machine.symbols.addresses if machine.symbols else {}
        place = "partition" if machine.partitions else place
        manifest = msgspec.json.encode(Manifest(SCHEMA, f"hvlab {version('hvlab')}", shown(image), place, len(machine.cpu),
                                                condition.text if condition else "", symbols))
        self.part.write(MAGIC + SIZE.pack(len(manifest)) + manifest)
        self._squeeze = zstandard.ZstdCompressor(level=FAST_LEVEL, write_checksum=True)
        for key, program in condition.programs if condition else ():
            self.places.append(machine.watching.add(program, key, ACTION.KEEP))
        machine.watching.listen(self._take, everything=condition is None)

    def _take(self, rows):
        data = self._squeeze.compress(rows.tobytes())
        self.part.write(CHUNK.pack(len(rows), len(data)) + data)
        self.rows += len(rows)

    def close(self, result=None):
        """Write the rest and how the run ended (a Result), and give the file its name; returns how many rows it holds."""
        watch = self.machine.watching
        watch.leave(self._take, everything=not self.places)
        for place in self.places:
            watch.remove(place)
        said = Summary(result.reason, result.exit_code, result.cycles, result.instructions, self.rows) if result else \
            Summary("INTERRUPTED", 0, self.machine.clock, sum(host(c).instructions for c in self.machine.cpu), self.rows)
        self.part.write(CHUNK.pack(0, 0) + msgspec.json.encode(said))
        self.part.finish()
        return self.rows


class Reader:
    """A file of rows: `manifest`, `summary`, and `chunks()`.  Raises TraceError when it is none of this version, or not whole."""

    def __init__(self, path):
        self.path = Path(path)
        self.data = read(self.path, TRACE_LIMIT, magic=MAGIC)
        start = len(MAGIC) + SIZE.size
        if not self.data.startswith(MAGIC) or len(self.data) < start:
            raise TraceError(f"{path}: not a trace of hvlab (it does not begin with {MAGIC!r})")
        size, = SIZE.unpack_from(self.data, len(MAGIC))
        self.start = start + size
        if size > CHUNK_LIMIT or self.start > len(self.data):
            raise TraceError(f"{path}: truncated: its manifest has {size:,} bytes, the file {len(self.data):,}")
        self.manifest = self._decoded(self.data[start:self.start], Manifest)
        if self.manifest.schema != SCHEMA:
            raise TraceError(f"{path}: schema {self.manifest.schema!r}; this program reads {SCHEMA}")
        self._places, end = self._chunk_places()
        self.summary = self._decoded(self.data[end:], Summary)

    def _decoded(self, text, kind):
        try:
            return msgspec.json.decode(text, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TraceError(f"{self.path}: altered: {error}") from error

    def _chunk_places(self):
        """Return ([(first byte, bytes, rows)], where the summary begins)."""
        at, found = self.start, []
        while at + CHUNK.size <= len(self.data):
            rows, size = CHUNK.unpack_from(self.data, at)
            at += CHUNK.size
            if rows == 0:
                return found, at
            if rows > RING_ROWS or at + size > len(self.data):
                break
            found.append((at, size, rows))
            at += size
        raise TraceError(f"{self.path}: truncated: it has no end")

    def chunks(self):
        """Yield the rows as uint64[n, 8], in their order."""
        for at, size, rows in self._places:
            try:
                data = unpack(self.data[at:at + size], rows * ROW_BYTES)
            except zstandard.ZstdError as error:
                raise TraceError(f"{self.path}: altered: a chunk of {rows} rows cannot be unpacked: {error}") from error
            yield np.frombuffer(data, np.uint64).reshape(rows, TRACE_WORDS)

    @property
    def tlfs(self):
        """Return whether VMCALL is a hypercall of the TLFS: the hypervisor is that of hv/."""
        return self.manifest.place == "partition"

    @cached_property
    def symbols(self):
        """Return the Symbols of the image, or of the hypervisor that runs it."""
        return Symbols(self.manifest.symbols)

    def place(self, world, rip):
        """Return the name of an address in the world "root", else its number: the file holds no names of a partition's image."""
        at_home = world == "root" or self.manifest.place != "partition"
        name = self.symbols.name(rip) if at_home else ""
        start = self.symbols.address(name.partition("+")[0])
        return f"{rip:#x} {name}" if start is not None and rip - start < OUTSIDE_REACH else f"{rip:#x}"

    def rows(self):
        """Return all rows as uint64[n, 8]."""
        return np.concatenate([np.zeros((0, TRACE_WORDS), np.uint64), *self.chunks()])
