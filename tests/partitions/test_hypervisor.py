"""The hypervisor with many guests at once: each runs, ends and computes as if it were alone.

Guests: firmware/guests (the demonstration), firmware/guests/small (each ends in its own way, or never), and the hostile
program of tests/partitions. What single partitions are offered is proven in test_partitions.py.
"""
import hashlib
import re
import shutil

import numpy as np
import pytest

from emu.asm import assemble
from emu.bits import MIB
from emu.image import of_assembly
from emu.machine.partition import PACKAGE_FOLDER, Partition, assembled, base_of, demo
from emu.spec.paging import EPTE

FOLDER = PACKAGE_FOLDER.parent / "firmware" / "guests" / "small"
HOSTILE = PACKAGE_FOLDER.parent / "tests" / "partitions" / "hostile.s"
MEMORY = 16 * MIB
ALIGNED_MIB = 2                                           # most that the alignment of a partition's memory takes
CYCLES = 2_000_000_000
ENDS = {"hello": 0, "talker": 0, "power_off": 0, "triple_fault": 0xE000_0001, "halted": 0xE000_0002, "reset": 0xE000_0003}
REASONS = {"triple_fault": "TRIPLE_FAULT", "halted": "IDLE", "reset": "RESET"}
COUNTER = 0x20_0000                                       # of spinner.s
PANIC = 0xBAD
DIRECTIVE = re.compile(r"(\s*[.\w]+:)*\s*\.")             # data, after a label or not
FRAME, TABLES = 0x000F_FFFF_FFFF_F000, 3


def small(name, called=None, processor=None):
    """Return a partition of one of the small guests."""
    image = of_assembly(assemble(FOLDER / f"{name}.s"), MEMORY)
    return Partition(name=called or name, image=image, processor=processor)


def start(machine, partitions, processors=1):
    """Return a machine loaded with partitions; `said` of it is {console source: text}."""
    own = sum(p.image.memory_bytes // MIB + ALIGNED_MIB for p in partitions)
    unit = machine(memory_mib=32 + own, processors=processors)
    unit.said = {}
    unit.on_console(lambda source, data: unit.said.__setitem__(source, unit.said.get(source, "") + data.decode("latin-1")))
    unit.load_partitions(partitions)
    return unit


def base(unit, number):
    """Return the host-physical address of a partition's memory, from the hypervisor's table."""
    return base_of(number, unit.read)


def outcome(result):
    return {p.name: (p.state, p.code) for p in result.partitions}


def code_bytes(unit):
    """Return the hypervisor's instructions as they are in memory now, and as they were assembled."""
    lines = [(at, data) for at, data, _, _, source in assembled("hv").lines if not DIRECTIVE.match(source)]
    return [unit.read(at, len(data)) for at, data in lines], [bytes(data) for _, data in lines]


def mapped(unit, table, level=TABLES):
    """Yield (host-physical address, bytes, entry) of each leaf of the EPT at `table`."""
    for entry in np.frombuffer(unit.read(table, 4096), np.uint64).tolist():
        if not entry & int(EPTE.R | EPTE.W | EPTE.X):
            continue
        if level == 0 or entry >> 7 & 1:
            size = 4096 << 9 * level
            yield entry & FRAME & -size, size, entry
        else:
            yield from mapped(unit, entry & FRAME, level - 1)


@pytest.mark.parametrize("processors", [1, 2, 4])
def test_demonstration_guests_pass(machine, processors):
    unit = start(machine, demo(), processors)
    result = unit.run(max_cycles=CYCLES)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0), unit.said
    assert outcome(result) == {"compute": ("ended", 0), "probe": ("ended", 0)}


@pytest.mark.parametrize("name", ENDS)
def test_small_guest_ends_by_its_code_and_its_neighbour_runs_on(machine, name):
    unit = start(machine, [small(name), small("checksum")])
    result = unit.run(max_cycles=CYCLES)
    assert outcome(result) == {name: ("ended", ENDS[name]), "checksum": ("ended", 0)}, unit.said
    assert result.reason == REASONS.get(name, "EXIT_CODE") and result.exit_code == 0


def test_talkers_lines_arrive_whole_and_in_order(machine):
    unit = start(machine, [small("talker", "a"), small("talker", "b")])
    assert unit.run(max_cycles=CYCLES).exit_code == 0
    lines = "".join(f"line {i:02}\n" for i in range(100))
    assert (unit.said["partition 0"], unit.said["partition 1"]) == (lines, lines)


def test_sixteen_partitions_say_hello(machine):
    names = [f"guest {i}" for i in range(16)]
    unit = start(machine, [small("hello", name) for name in names], 2)
    result = unit.run(max_cycles=CYCLES)
    assert outcome(result) == dict.fromkeys(names, ("ended", 0))
    assert [unit.said[f"partition {i}"] for i in range(16)] == [f"hello from {name}\n" for name in names]


def test_spinner_is_taken_away_and_its_neighbour_finishes(machine):
    compute = demo()[0]
    unit = start(machine, [small("spinner"), compute])
    while unit.run(max_cycles=int(unit.record[0].now) + 100_000_000).partitions[1].state != "ended":
        assert int(unit.record[0].now) < CYCLES, unit.said
    result = unit.result(0)
    spun = int.from_bytes(unit.read(base(unit, 0) + COUNTER, 8), "little")
    assert outcome(result) == {"spinner": ("runs", 0), "compute": ("ended", 0)}
    assert spun * 8 > result.cycles                       # three instructions a round, half of the time


def test_two_spinners_get_equal_shares_of_a_processor(machine):
    unit = start(machine, [small("spinner", "a"), small("spinner", "b")])
    unit.run(max_cycles=100_000_000)
    a, b = (int.from_bytes(unit.read(base(unit, i) + COUNTER, 8), "little") for i in (0, 1))
    assert min(a, b) * 20 > max(a, b) * 19


def test_hostile_guest_leaves_no_trace_outside_its_memory(machine):
    hostile = Partition(name="hostile", image=of_assembly(assemble(HOSTILE), MEMORY), enlightened=True, processor=0)
    unit = start(machine, [hostile, small("checksum", processor=1), small("spinner", processor=1)], 2)
    before = {}

    def neighbour():
        return hashlib.sha256(unit.read(base(unit, 1), MEMORY)).hexdigest()

    while True:                                           # the neighbour's memory must stay from its end to the other's
        result = unit.run(max_cycles=int(unit.record[0].now) + 5_000_000)
        states = {p.name: p.state for p in result.partitions}
        if states["checksum"] == "ended" and not before:
            before["digest"] = neighbour()
            assert states["hostile"] == "runs"            # it has more to do
        if states["hostile"] == states["checksum"] == "ended":
            break
        assert int(unit.record[0].now) < CYCLES, unit.said
    assert outcome(result) == {"hostile": ("ended", 0), "checksum": ("ended", 0), "spinner": ("runs", 0)}, unit.said
    assert neighbour() == before["digest"]
    now, assembled_so = code_bytes(unit)
    assert now == assembled_so


def test_ept_reaches_a_partitions_own_memory_alone(machine):
    hostile = Partition(name="hostile", image=of_assembly(assemble(HOSTILE), MEMORY), enlightened=True)
    unit = start(machine, [hostile])
    assert unit.run(max_cycles=CYCLES).exit_code == 0, unit.said
    own, writable, outside = base(unit, 0), 0, []
    for address, size, entry in mapped(unit, int(unit.cpu[0].eptp) & FRAME):
        if own <= address and address + size <= own + MEMORY:
            writable += size if entry & int(EPTE.W) else 0
        else:
            outside.append((size, bool(entry & int(EPTE.W))))
    assert outside == [(4096, False)]                     # the hypercall page: a frame of the hypervisor, not writable
    assert writable == MEMORY - 4096


def test_three_partitions_end_in_the_same_state_every_time(machine):
    def once():
        unit = start(machine, [small("talker"), small("checksum"), small("triple_fault")], 2)
        return unit.run(max_cycles=CYCLES).cycles, unit.digest()
    assert once() == once()


def test_canary_under_a_stack_is_looked_at(machine):
    unit = start(machine, [small("spinner"), small("spinner", "other")])
    unit.run(max_cycles=20_000_000)
    block = int.from_bytes(unit.read(assembled("hv").labels["processors"], 8), "little")
    canary = block - assembled("hv").symbols["STACK_BYTES"]
    assert unit.read(canary, 8) == assembled("hv").symbols["CANARY"].to_bytes(8, "little")
    unit.write(canary, bytes(8))
    result = unit.run(max_cycles=CYCLES)
    assert result.exit_code == PANIC and "hv: a stack of the hypervisor has overflowed" in unit.said["serial"]


def test_what_a_handler_leaves_on_the_stack_is_noticed(machine, tmp_path):
    folder = tmp_path / "hv"
    shutil.copytree(PACKAGE_FOLDER.parent / "hv", folder)
    source = (folder / "exits/vmexit.s").read_text()
    (folder / "exits/vmexit.s").write_text(source.replace("\nvm_resume:\n", "\nvm_resume: push rax\n"))
    unit = machine(memory_mib=64)
    unit.said = ""
    unit.on_console(lambda source, data: setattr(unit, "said", unit.said + data.decode("latin-1")))
    unit.load_partitions([small("spinner"), small("spinner", "other")], folder)
    result = unit.run(max_cycles=CYCLES)
    assert result.exit_code == PANIC and "hv: a handler has left something on its processor's stack" in unit.said


def test_exception_of_the_hypervisor_ends_the_machine_and_says_where(machine):
    unit = start(machine, [small("spinner"), small("spinner", "other")])
    unit.run(max_cycles=20_000_000)
    place = assembled("hv").labels["exit_clock"]
    unit.write(place, b"\x0F\x0B")                        # UD2, where the next slice ends
    result = unit.run(max_cycles=CYCLES)
    said = next(line for line in unit.said["serial"].splitlines() if "vector" in line)
    assert result.exit_code == PANIC and f"{place:x}" in said and "vector 0x6" in said
