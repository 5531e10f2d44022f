"""Snapshots in files: `save` and `load`.

    save(take(machine), "boot.hvz")
    machine = machine_of(load("boot.hvz"))                 # in another process

A file is MAGIC, the size of the manifest (uint32), its SHA-256, the manifest (JSON), then its sections one after another,
each compressed with zstd: `state` (the parts of `history.parts`), `placed` (JSON of `restart.Placed`, when a reset of the
guest starts the machine again), `lines` and `guest_lines` (JSON of `Lines`, when the image and that of the partitions have
source lines), `pages` (uint32 numbers of RAM pages that are not zeros), `ram.0`, `ram.1`, ... (4,096 such pages each).  The
manifest names the layout of every part and the SHA-256 of every section: what is of another version, truncated or altered
is refused with a SnapshotError that says what.
"""
import hashlib
import struct
from importlib.metadata import version
from typing import Annotated, Any

import msgspec
import numpy as np
import zstandard

from emu.bits import PAGE_BYTES
from emu.board.inputs import Input
from emu.core.native import VERSION as ENGINE
from emu.debug.history import parts
from emu.debug.history.page_store import PageStore
from emu.debug.history.snapshot import About, Snapshot, restore, rows_of
from emu.errors import ConfigError, SnapshotError
from emu.files import read, shown, unpack, write
from emu.image import Symbols
from emu.machine import Config, Machine
from emu.machine.restart import Placed

MAGIC, HEAD = b"hvlab.hvz\n", struct.Struct("<I32s")
SCHEMA = "hvlab.snapshot.1"
ZSTD_LEVEL, SECTION_PAGES = 3, 4096                        # of zstd; pages in a section
SNAPSHOT_LIMIT = 8 << 30                                   # bytes of a file that is read, so that no larger one is written
MANIFEST_LIMIT, PLACED_LIMIT = 64 << 20, 1 << 30         # bytes of the manifest, of what a reset loads again
SOURCE_LINES_LIMIT = 256 << 20                                   # bytes of the source lines; more are left out
OPTIONAL = ("placed", "lines", "guest_lines")                            # sections that not every file has
Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class PartRow(msgspec.Struct, forbid_unknown_fields=True):
    """A part of the state: its layout by name, size in bytes, and hash over its fields."""

    name: str
    kind: str
    bytes: Number
    layout: str


class Section(msgspec.Struct, forbid_unknown_fields=True):
    """A run of bytes of the file, compressed."""

    name: str
    bytes: Number
    stored: Number
    sha256: str


class InputRow(msgspec.Struct, forbid_unknown_fields=True):
    """An input that was delivered or waits; see `emu.board.inputs`."""

    cycle: Number
    kind: str
    data: bytes


class Lines(msgspec.Struct, forbid_unknown_fields=True):
    """The source lines of an image: (address, bytes, file, line, source) each; files: the whole path of a file."""

    lines: list[tuple[int, Number, str, Number, str]]
    files: dict[str, str]


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """What a file says about itself."""

    schema: str
    program: str
    engine: str
    config: dict[str, int | str]
    cycles: list[Number]
    instructions: list[Number]
    inputs: list[InputRow]
    fed: Number
    partitions: list[str]
    symbols: dict[str, int]
    parts: list[PartRow]
    sections: list[Section]
    resets: Number = 0
    guest_symbols: dict[str, int] = {}


class _Schema(msgspec.Struct):
    schema: str = ""


# ---- save ------------------------------------------------------------------------------------------------------------
def _layout(processors):
    return [PartRow(name, kind, size, parts.schema(dtype)) for name, kind, dtype, size in parts.layout(processors)]


def _lines(symbols):
    """Return a section of the source lines of Symbols, b"" when there are none, or more than a file may have."""
    if not symbols or not symbols.lines:
        return b""
    rows = [(at, len(data), *rest) for at, data, *rest in symbols.lines]
    made = msgspec.json.encode(Lines(rows, {name: str(path) for name, path in symbols.files.items()}))
    return made if len(made) <= SOURCE_LINES_LIMIT else b""


def _contents(snapshot):
    """Yield (name, bytes) of each section."""
    yield "state", snapshot.state().tobytes()
    if snapshot.config.on_reset == "reboot":
        yield "placed", msgspec.json.encode(snapshot.about.placed)
    for name, symbols in (("lines", snapshot.about.symbols), ("guest_lines", snapshot.about.guest)):
        if lines := _lines(symbols):
            yield name, lines
    table = snapshot.table[:snapshot.ram_pages]
    pages = np.flatnonzero(table).astype(np.uint32)
    yield "pages", pages.tobytes()
    for n, start in enumerate(range(0, len(pages), SECTION_PAGES)):
        yield f"ram.{n}", snapshot.store.pages(table[pages[start:start + SECTION_PAGES]]).tobytes()


def save(snapshot, path):
    """Write a Snapshot to a file; it appears under its name when it is whole.  Raises ConfigError when it cannot be written."""
    about, config = snapshot.about, snapshot.config
    squeeze, sections, stored, total = zstandard.ZstdCompressor(level=ZSTD_LEVEL), [], [], 0
    for name, data in _contents(snapshot):
        packed = squeeze.compress(data)
        total += len(packed)
        if total > SNAPSHOT_LIMIT - MANIFEST_LIMIT or name == "placed" and len(data) > PLACED_LIMIT:
            raise ConfigError(f"{shown(path)}: a snapshot of more than {SNAPSHOT_LIMIT >> 30} GiB, or of images of more than "
                              f"{PLACED_LIMIT >> 30} GiB, cannot be read again: it is not written")
        stored.append(packed)
        sections.append(Section(name, len(data), len(packed), hashlib.sha256(packed).hexdigest()))
    manifest = msgspec.json.encode(Manifest(
        schema=SCHEMA, program=f"hvlab {version('hvlab')}", engine=ENGINE, config=vars(config), cycles=list(about.cycles),
        instructions=list(about.instructions), inputs=[InputRow(i.cycle, i.kind, i.data) for i in about.inputs], fed=about.fed,
        partitions=list(about.partitions), symbols=about.symbols.addresses if about.symbols else {},
        parts=_layout(config.processors), sections=sections, resets=about.resets,
        guest_symbols=about.guest.addresses if about.guest else {}))
    head = MAGIC + HEAD.pack(len(manifest), hashlib.sha256(manifest).digest())
    write(path, [head, manifest, *stored])


# ---- load ------------------------------------------------------------------------------------------------------------
def _manifest(path, data):
    """Return (Manifest, first byte after it)."""
    if len(data) < len(MAGIC) + HEAD.size or not data.startswith(MAGIC):
        raise SnapshotError(f"{path}: not a snapshot of hvlab (it does not begin with {MAGIC!r} and a manifest)")
    size, digest = HEAD.unpack_from(data, len(MAGIC))
    start = len(MAGIC) + HEAD.size
    if size > MANIFEST_LIMIT or start + size > len(data):
        raise SnapshotError(f"{path}: truncated: the manifest of {size:,} bytes does not lie in a file of {len(data):,}")
    text = data[start:start + size]
    if hashlib.sha256(text).digest() != digest:
        raise SnapshotError(f"{path}: altered: the manifest is not what its hash says")
    try:
        schema = msgspec.json.decode(text, type=_Schema).schema
        if schema != SCHEMA:
            raise SnapshotError(f"{path}: schema {schema!r}; this program reads {SCHEMA}")
        return msgspec.json.decode(text, type=Manifest), start + size
    except msgspec.MsgspecError as error:
        raise SnapshotError(f"{path}: the manifest is not one of {SCHEMA}: {error}") from error


def _config(path, manifest):
    try:
        options: dict[str, Any] = dict(manifest.config)
        config = Config(**options)
    except (TypeError, ConfigError) as error:
        raise SnapshotError(f"{path}: no machine of this program has its configuration: {error}") from error
    if manifest.engine != ENGINE:
        raise SnapshotError(f"{path}: of execution engine {manifest.engine}, this program has {ENGINE}")
    if len(manifest.cycles) != config.processors or len(manifest.instructions) != config.processors:
        raise SnapshotError(f"{path}: clocks of {len(manifest.cycles)} processors in a machine of {config.processors}")
    return config


def _check_parts(path, manifest, config):
    ours, theirs = {row.name: row for row in _layout(config.processors)}, {row.name: row for row in manifest.parts}
    for name in theirs:
        if name not in ours:
            raise SnapshotError(f"{path}: unknown part {name!r}: this program has no such unit")
    for name, row in ours.items():
        if name not in theirs:
            raise SnapshotError(f"{path}: the part {name!r} is missing")
        if theirs[name] != row:
            raise SnapshotError(f"{path}: the part {name!r} has another layout than in this program")
    if [row.name for row in manifest.parts] != list(ours):
        raise SnapshotError(f"{path}: the parts are not in the order of this program")


def _check_sections(path, manifest, config):
    """Raise SnapshotError unless the sections are those of such a machine, none longer than it can be."""
    ram_pages = config.memory_bytes // PAGE_BYTES
    most = {"state": parts.offsets(parts.layout(config.processors))[1], "pages": 4 * ram_pages,
            "placed": min(2 * config.memory_bytes, PLACED_LIMIT), "lines": SOURCE_LINES_LIMIT, "guest_lines": SOURCE_LINES_LIMIT}
    names = [section.name for section in manifest.sections if section.name not in OPTIONAL]
    more = [section.name for section in manifest.sections if section.name in OPTIONAL]
    chunks = [f"ram.{n}" for n in range(min(len(names) - 2, -(-ram_pages // SECTION_PAGES)))]
    most |= dict.fromkeys(chunks, SECTION_PAGES * PAGE_BYTES)
    if names != ["state", "pages", *chunks] or len(more) != len(set(more)):
        raise SnapshotError(f"{path}: its sections are not state, pages, ram.0, ram.1, ... of a machine of {config.memory_bytes:,} bytes")
    for section in manifest.sections:
        if section.bytes > most[section.name]:
            raise SnapshotError(f"{path}: the section {section.name!r} has {section.bytes:,} bytes; "
                                f"at most {most[section.name]:,} are possible")


def _sections(path, data, manifest, at):
    """Return {name: bytes} of all sections, checked."""
    found = {}
    if at + sum(section.stored for section in manifest.sections) != len(data):
        raise SnapshotError(f"{path}: truncated or extended: its sections end at byte "
                            f"{at + sum(section.stored for section in manifest.sections):,}, the file at {len(data):,}")
    for section in manifest.sections:
        packed = data[at:at + section.stored]
        at += section.stored
        if hashlib.sha256(packed).hexdigest() != section.sha256:
            raise SnapshotError(f"{path}: altered: the section {section.name!r} is not what its hash says")
        try:
            found[section.name] = unpack(packed, section.bytes)
        except zstandard.ZstdError as error:
            raise SnapshotError(f"{path}: the section {section.name!r} cannot be unpacked: {error}") from error
    return found


def _table(path, sections, config, store):
    """Return the table of a Snapshot whose pages are put into `store`."""
    rows = parts.layout(config.processors)
    state = np.frombuffer(sections.pop("state"), np.uint8)
    if len(state) != parts.offsets(rows)[1]:
        raise SnapshotError(f"{path}: the section 'state' has {len(state):,} bytes, not {parts.offsets(rows)[1]:,}")
    wrong = parts.wrong(rows, state, config)
    if wrong:
        raise SnapshotError(f"{path}: {wrong}")
    if len(sections["pages"]) % 4:
        raise SnapshotError(f"{path}: the section 'pages' has {len(sections['pages']):,} bytes, not a whole number of page numbers")
    pages, ram_pages = np.frombuffer(sections.pop("pages"), np.uint32), config.top // PAGE_BYTES
    names = [f"ram.{n}" for n in range(-(-len(pages) // SECTION_PAGES))]
    if list(sections) != names:
        raise SnapshotError(f"{path}: the sections of memory are {list(sections)}, not {names}")
    hole = (pages >= config.low_bytes // PAGE_BYTES) & (pages < config.pieces[-1][0] // PAGE_BYTES)
    if len(pages) and (pages[-1] >= ram_pages or (pages[1:] <= pages[:-1]).any() or hole.any()):
        raise SnapshotError(f"{path}: the section 'pages' names pages that the machine does not have, or not in order")
    table = np.zeros(ram_pages + len(state) // PAGE_BYTES, np.uint32)
    for n, name in enumerate(names):
        chunk = pages[n * SECTION_PAGES:(n + 1) * SECTION_PAGES]
        if len(sections[name]) != len(chunk) * PAGE_BYTES:
            raise SnapshotError(f"{path}: the section {name!r} does not hold {len(chunk):,} pages")
        memory = np.frombuffer(sections[name], np.uint8).reshape(-1, PAGE_BYTES)
        table[chunk] = store.keep(rows_of(memory), np.zeros(len(chunk), np.uint32))
    table[ram_pages:] = store.keep(rows_of(state.reshape(-1, PAGE_BYTES)), table[ram_pages:])
    return table


def _placed(path, sections, config):
    """Return what a machine that starts again is loaded with."""
    text = sections.pop("placed", None)
    if text is None:
        if config.on_reset == "reboot":
            raise SnapshotError(f"{path}: the section 'placed' is missing: a reset starts this machine again")
        return Placed()
    try:
        found = msgspec.json.decode(text, type=Placed)
    except msgspec.MsgspecError as error:
        raise SnapshotError(f"{path}: the section 'placed' is not what a machine starts with: {error}") from error
    pieces = [*found.ranges, *((address, len(data)) for address, data in found.segments)]
    if any(size < 0 or not any(start <= address and address + size <= end for start, end in config.pieces) for address, size in pieces):
        raise SnapshotError(f"{path}: the section 'placed' does not lie in the machine's memory")
    return found


def _symbols(path, sections, name, addresses):
    """Return the Symbols of an image: its names, and the section of its source lines; None when there is neither."""
    text = sections.pop(name, None)
    try:
        found = msgspec.json.decode(text, type=Lines) if text is not None else Lines([], {})
    except msgspec.MsgspecError as error:
        raise SnapshotError(f"{path}: the section {name!r} does not hold source lines: {error}") from error
    lines = [(at, range(size), file, number, source) for at, size, file, number, source in found.lines]
    return Symbols(addresses, lines, found.files) if addresses or lines else None


def load(path):
    """Return the Snapshot of a file; raises SnapshotError when it is not one that this program can go on from."""
    data = read(path, SNAPSHOT_LIMIT, SnapshotError, MAGIC)
    manifest, at = _manifest(path, data)
    config = _config(path, manifest)
    _check_parts(path, manifest, config)
    _check_sections(path, manifest, config)
    store = PageStore()
    sections = _sections(path, data, manifest, at)
    placed, symbols = _placed(path, sections, config), _symbols(path, sections, "lines", manifest.symbols)
    guest = _symbols(path, sections, "guest_lines", manifest.guest_symbols)
    table = _table(path, sections, config, store)
    try:
        inputs = tuple(Input(row.cycle, row.kind, row.data) for row in manifest.inputs)
    except ConfigError as error:
        raise SnapshotError(f"{path}: {error}") from error
    if manifest.fed > len(inputs) or list(inputs) != sorted(inputs, key=lambda each: each.cycle):
        raise SnapshotError(f"{path}: its inputs are not in order")
    return Snapshot(config, store, table, About(
        tuple(manifest.cycles), tuple(manifest.instructions), inputs, manifest.fed, tuple(manifest.partitions),
        symbols, placed, manifest.resets, guest))


def machine_of(snapshot, progress=None):
    """Return a new Machine that goes on from a Snapshot."""
    machine = Machine(snapshot.config, progress)
    restore(machine, snapshot)
    return machine
