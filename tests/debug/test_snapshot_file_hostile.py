"""Snapshots whose hashes fit and whose contents were made to do harm: one sentence, bounded memory, no crash."""
import hashlib
import random
import struct

import msgspec
import pytest
import zstandard

from emu.bits import PAGE_BYTES
from emu.debug.history import parts, snapshot_file
from emu.debug.history.snapshot import take
from emu.errors import HvlabError, SnapshotError
from tests.machines import close, named


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Return (manifest, {section: bytes}) of a guest in the middle of its run."""
    machine = named("vmx_round_trip")
    machine.run(max_cycles=700_000)
    path = tmp_path_factory.mktemp("hvz") / "a.hvz"
    snapshot_file.save(take(machine), path)
    close(machine)
    data = path.read_bytes()
    size, _ = snapshot_file.HEAD.unpack_from(data, len(snapshot_file.MAGIC))
    at = len(snapshot_file.MAGIC) + snapshot_file.HEAD.size + size
    manifest, sections = msgspec.json.decode(data[at - size:at]), {}
    for row in manifest["sections"]:
        sections[row["name"]] = zstandard.ZstdDecompressor().decompress(data[at:at + row["stored"]])
        at += row["stored"]
    return manifest, sections


def signed(manifest, sections, frames=None):
    """Return a file of these sections with hashes that fit; frames: {section: bytes as stored, whatever they hold}."""
    manifest, stored = msgspec.json.decode(msgspec.json.encode(manifest)), []
    for row in manifest["sections"]:
        packed = (frames or {}).get(row["name"]) or zstandard.ZstdCompressor().compress(bytes(sections[row["name"]]))
        row.update(stored=len(packed), sha256=hashlib.sha256(packed).hexdigest())
        stored.append(packed)
    text = msgspec.json.encode(manifest)
    return snapshot_file.MAGIC + snapshot_file.HEAD.pack(len(text), hashlib.sha256(text).digest()) + text + b"".join(stored)


def patched(contents, part, field, value):
    """Return a file in which a field of a part has another value."""
    manifest, sections = contents
    rows = parts.layout(1)
    start, dtype = next((start, row[2]) for row, start in zip(rows, parts.offsets(rows)[0], strict=True) if row[0] == part)
    state, (kind, offset, *_) = bytearray(sections["state"]), dtype.fields[field]
    state[start + offset:start + offset + kind.itemsize] = value.to_bytes(kind.itemsize, "little")
    return signed(manifest, dict(sections, state=state))


def refusal(tmp_path, data):
    (tmp_path / "bad.hvz").write_bytes(data)
    with pytest.raises(SnapshotError) as error:
        snapshot_file.load(tmp_path / "bad.hvz")
    return str(error.value).removeprefix(f"{tmp_path}/bad.hvz: ")


@pytest.mark.parametrize("claims", [True, False])
def test_section_that_unpacks_to_more_than_its_size_is_not_unpacked(contents, tmp_path, claims):
    manifest, sections = contents
    bomb = zstandard.ZstdCompressor(write_content_size=claims).compress(bytes(1 << 28))
    assert "the section 'pages' cannot be unpacked" in refusal(tmp_path, signed(manifest, sections, {"pages": bomb}))


def test_section_larger_than_the_machine_is_refused_before_it_is_unpacked(contents, tmp_path):
    manifest, sections = contents
    large = msgspec.json.decode(msgspec.json.encode(manifest))
    large["sections"][0]["bytes"] = 1 << 40
    assert "the section 'state' has 1,099,511,627,776 bytes; at most" in refusal(tmp_path, signed(large, sections))


@pytest.mark.parametrize("part, field, value", [
    ("cpu0.root.tlb", "space", 256), ("cpu0.guest.tlb", "used", 1 << 20), ("uart", "head", 16), ("uart", "sent", 1 << 40),
    ("keyboard", "depth", 65), ("cpu0", "vmx_mode", 3), ("cpu0", "failed_count", 65), ("vga", "dac", 768), ("cpu0.root", "fpstt", 8),
    ("machine", "vmcs_count", 65),
])
def test_index_outside_its_array_is_refused(contents, tmp_path, part, field, value):
    said = refusal(tmp_path, patched(contents, part, field, value))
    assert f"the part {part!r} has" in said or f"the part {part!r} names" in said


@pytest.mark.parametrize("field", ["vmcs_pointer", "guest_chain_vmcs", "same_vmcs", "vmxon_pointer"])
@pytest.mark.parametrize("value", [1 << 45, (1 << 64) - PAGE_BYTES, 0x1234, 0xFEE0_0000])
def test_address_outside_memory_is_refused(contents, tmp_path, field, value):
    assert "the part 'cpu0' refers to what the machine does not have" in refusal(tmp_path, patched(contents, "cpu0", field, value))


def test_seed_that_does_not_fit_is_refused(contents, tmp_path):
    manifest, sections = contents
    wrong = msgspec.json.decode(msgspec.json.encode(manifest))
    wrong["config"]["seed"] = -1
    assert refusal(tmp_path, signed(wrong, sections)).endswith("seed must be 0 to 18446744073709551615, not -1")


def test_damaged_contents_with_hashes_that_fit_load_or_are_refused(contents, tmp_path):
    manifest, sections = contents
    rng, loaded = random.Random(12), 0
    for _ in range(40):
        state = bytearray(sections["state"])
        for _ in range(rng.choice((1, 3, 50))):
            struct.pack_into("<Q", state, rng.randrange(len(state) - 8) & ~7, rng.choice((0, 1, 1 << 63, rng.getrandbits(64))))
        (tmp_path / "bad.hvz").write_bytes(signed(manifest, dict(sections, state=state)))
        try:
            snapshot_file.load(tmp_path / "bad.hvz")
            loaded += 1
        except HvlabError as error:
            assert "\n" not in str(error)
    assert loaded
