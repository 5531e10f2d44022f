"""A snapshot in a file goes on in another process as the run does; a file that is not whole and ours is refused."""
import hashlib
import re
import subprocess
import sys

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.debug.history import parts, snapshot_file
from emu.debug.history.snapshot import restore, take
from emu.errors import SnapshotError
from emu.machine import Config, Machine
from tests.debug.samples import altered
from tests.debug.test_snapshot import ending, whole
from tests.machines import close, named

GO_ON = """
import sys
from emu.debug.history import snapshot_file
machine = snapshot_file.machine_of(snapshot_file.load(sys.argv[1]))
result = machine.run()
print(result.reason, result.exit_code, result.cycles, machine.digest(), *(p.name for p in result.partitions))
"""


@pytest.fixture(scope="module")
def small():
    """Return (Machine, Snapshot) of a guest in the middle of its run."""
    machine = named("vmx_round_trip")
    machine.run(max_cycles=700_000)
    yield machine, take(machine)
    close(machine)


@pytest.fixture(scope="module")
def data(small, tmp_path_factory):
    """Return the bytes of its file."""
    path = tmp_path_factory.mktemp("hvz") / "a.hvz"
    snapshot_file.save(small[1], path)
    return path.read_bytes()


@pytest.fixture
def refused(tmp_path):
    """Return a function: bytes of a file -> what `load` says against it."""
    def said(content):
        path = tmp_path / "bad.hvz"
        path.write_bytes(content)
        with pytest.raises(SnapshotError) as error:
            snapshot_file.load(path)
        text = str(error.value)
        assert text.startswith(f"{path}: ") and error.value.exit_code == 2
        return text.removeprefix(f"{path}: ")
    return said


# ---- whole files -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["smp_ipi", "vmx_interrupts", "demo"])
def test_another_process_goes_on_alike(name, tmp_path):
    machine = named(name)
    plain = ending(machine)
    partitions = [p.name for p in machine.partitions]
    close(machine)
    machine = named(name)
    machine.run(max_cycles=plain[2] // 2)
    path = tmp_path / "middle.hvz"
    snapshot_file.save(take(machine), path)
    assert ending(machine) == plain
    close(machine)
    assert [each.name for each in tmp_path.iterdir()] == ["middle.hvz"]
    said = subprocess.run([sys.executable, "-c", GO_ON, path], capture_output=True, text=True, check=True).stdout.split()
    assert said == [plain[0], str(plain[1]), str(plain[2]), plain[4][1], *partitions]


def test_load_gives_what_was_saved(small, data, tmp_path):
    machine, snapshot = small
    path = tmp_path / "a.hvz"
    path.write_bytes(data)
    found = snapshot_file.load(path)
    assert (found.config, found.now) == (snapshot.config, snapshot.now)
    assert (found.state() == snapshot.state()).all() and not len(found.differs(snapshot))
    assert found.about.symbols.address("start") == machine.symbols.address("start")
    at = machine.symbols.address("test")
    assert found.about.symbols.where(at) == machine.symbols.where(at) is not None
    assert found.about.symbols.files == machine.symbols.files
    snapshot_file.save(found, path)
    assert path.read_bytes() == data
    before = whole(machine)
    restore(machine, found)
    assert whole(machine) == before


def test_file_without_a_count_of_resets_is_read(data, tmp_path):
    (tmp_path / "a.hvz").write_bytes(altered(data, lambda manifest: manifest.pop("resets")))
    assert snapshot_file.load(tmp_path / "a.hvz").about.resets == 0


def test_more_source_lines_than_a_file_may_have_are_left_out(small, tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot_file, "SOURCE_LINES_LIMIT", 10)
    snapshot_file.save(small[1], tmp_path / "a.hvz")
    found = snapshot_file.load(tmp_path / "a.hvz").about.symbols
    assert found.lines == [] and found.addresses == small[0].symbols.addresses


def test_zeros_take_no_room(tmp_path):
    machine = Machine(Config(memory_bytes=256 << 20))
    machine.write(100 << 20, b"x")
    snapshot_file.save(take(machine), tmp_path / "a.hvz")
    close(machine)
    assert (tmp_path / "a.hvz").stat().st_size < 20_000


def test_many_pages_of_memory(tmp_path):
    machine = Machine(Config(memory_bytes=64 << 20))
    content = np.random.default_rng(5).integers(0, 256, 4096 * (snapshot_file.SECTION_PAGES + 3), np.uint8).tobytes()
    machine.write(8 << 20, content)
    snapshot_file.save(take(machine), tmp_path / "a.hvz")
    close(machine)
    found = snapshot_file.load(tmp_path / "a.hvz")
    machine = snapshot_file.machine_of(found)
    assert machine.read(8 << 20, len(content)) == content
    close(machine)


# ---- refused ---------------------------------------------------------------------------------------------------------
def test_truncated_anywhere(data, refused):
    for n in range(50):
        text = refused(data[:len(data) * n // 50])
        assert text.startswith(("not a snapshot", "truncated")), text
    assert refused(data[:-1]).startswith("truncated")
    assert refused(data + b"\0").startswith("truncated or extended")


@settings(max_examples=120, deadline=None)
@given(choice=st.data())
def test_any_flipped_bit(data, tmp_path_factory, choice):
    at = choice.draw(st.one_of(st.integers(0, 60), st.integers(0, len(data) - 1)))
    content = bytearray(data)
    content[at] ^= 1 << choice.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "flipped.hvz"
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match="not a snapshot|truncated|altered"):
        snapshot_file.load(path)


@pytest.mark.parametrize("change, said", [
    (lambda m: m.update(schema="hvlab.snapshot.2"), "schema 'hvlab.snapshot.2'; this program reads hvlab.snapshot.1"),
    (lambda m: m.update(schema=7), "the manifest is not one of"),
    (lambda m: m.pop("fed"), "missing required field `fed`"),
    (lambda m: m.update(more=1), "unknown field `more`"),
    (lambda m: m.update(engine="2.2.0"), "of execution engine 2.2.0, this program has 2.1.4"),
    (lambda m: m["config"].update(memory_bytes=5), "memory_bytes must be a multiple of 4096"),
    (lambda m: m["config"].update(threads=5), "unexpected keyword argument 'threads'"),
    (lambda m: m["config"].update(processors=2), "clocks of 1 processors in a machine of 2"),
    (lambda m: m["config"].update(memory_bytes=32 << 20), "the part 'machine' is of a machine with other memory"),
    (lambda m: m["parts"].append(dict(m["parts"][0], name="sound")), "unknown part 'sound'"),
    (lambda m: m["parts"].pop(3), "the part 'pic' is missing"),
    (lambda m: m["parts"][3].update(layout="0" * 16), "the part 'pic' has another layout"),
    (lambda m: m["parts"][3].update(bytes=8), "the part 'pic' has another layout"),
    (lambda m: m["parts"].reverse(), "not in the order"),
    (lambda m: m["sections"].pop(), "truncated or extended"),
    (lambda m: m["sections"][0].update(bytes=12), "the section 'state' cannot be unpacked|has .* bytes, not 12"),
    (lambda m: m["sections"][-1].update(name="ram.1"), "its sections are not state, pages, ram.0"),
    (lambda m: m["sections"].insert(1, m["sections"][1]), "its sections are not state, pages, ram.0"),
    (lambda m: m["sections"][1].update(bytes=1 << 40), "the section 'lines' has 1,099,511,627,776 bytes; at most"),
    (lambda m: m.update(resets=-1), "the manifest is not one of"),
    (lambda m: m.update(fed=1), "its inputs are not in order"),
    (lambda m: m.update(inputs=[dict(cycle=5, kind="mouse", data="YQ==")]), "an input is one of console, keys, memory, not 'mouse'"),
], ids=lambda value: value[:24] if isinstance(value, str) else "")
def test_manifest_that_does_not_fit(data, refused, change, said):
    assert re.search(said, refused(altered(data, change)))


def rebuilt(data, name, change):
    """Return a file whose section `name` was changed by `change(bytearray)`, all hashes made to fit."""
    size, _ = snapshot_file.HEAD.unpack_from(data, len(snapshot_file.MAGIC))
    at = len(snapshot_file.MAGIC) + snapshot_file.HEAD.size + size
    body, stored = msgspec.json.decode(data[at - size:at]), []
    for section in body["sections"]:
        packed = data[at:at + section["stored"]]
        at += section["stored"]
        if section["name"] == name:
            content = bytearray(zstandard.ZstdDecompressor().decompress(packed, max_output_size=section["bytes"]))
            change(content)
            packed = zstandard.ZstdCompressor().compress(bytes(content))
            section.update(bytes=len(content), stored=len(packed), sha256=hashlib.sha256(packed).hexdigest())
        stored.append(packed)
    text = msgspec.json.encode(body)
    return snapshot_file.MAGIC + snapshot_file.HEAD.pack(len(text), hashlib.sha256(text).digest()) + text + b"".join(stored)


def field(name, field, value):
    """Return a change of one field of one part in the section `state`."""
    rows = parts.layout(1)
    (_, _, dtype, _), start = next((row, at) for row, at in zip(rows, parts.offsets(rows)[0], strict=True) if row[0] == name)

    def change(content):
        np.frombuffer(content, np.uint8)[start:start + dtype.itemsize].view(dtype)[0 if field is None else field] = value
    return change


@pytest.mark.parametrize("section, change, said", [
    ("state", field("machine", "turn", 2), "names a processor that the machine does not have"),
    ("state", field("machine", "stop_cpu", 1), "names a processor that the machine does not have"),
    ("state", field("cpu0", "env", 2), "the part 'cpu0' refers to what the machine does not have"),
    ("state", field("cpu0", "vmcs", (16 << 20) + 1), "the part 'cpu0' refers to"),
    ("state", field("cpu0", "vmcs", 0x1000), "the part 'cpu0' refers to"),
    ("state", field("cpu0.owner", None, 2), "the part 'cpu0.owner' must be 0 or 1"),
    ("state", lambda content: content.extend(bytes(4096)), "the section 'state' has"),
    ("pages", lambda content: content.__setitem__(slice(0, 4), b"\xff" * 4), "names pages that the machine does not have, or not in order"),
    ("pages", lambda content: content.extend(b"\xff" * 4), "names pages that the machine does not have"),
    ("lines", lambda content: content.clear(), "the section 'lines' does not hold source lines"),
    ("lines", lambda content: content.__setitem__(slice(None), b'{"lines":[[1,-1,"a.s",1,""]],"files":{}}'), "does not hold source lines"),
    ("ram.0", lambda content: content.extend(bytes(4096)), "does not hold"),
])
def test_sections_that_do_not_fit(data, refused, section, change, said):
    assert said in refused(rebuilt(data, section, change))


def test_no_such_file(tmp_path):
    with pytest.raises(SnapshotError, match="cannot be read"):
        snapshot_file.load(tmp_path / "none.hvz")
