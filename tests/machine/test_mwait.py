"""MWAIT sleeps: what wakes it from outside, what is said of it, and that it is the same in every run."""
import pytest

from emu.debug.history import snapshot, snapshot_file
from tests.machines import close

SLEEPS = """
test:   mov     eax, FREE
        xor     ecx, ecx
        xor     edx, edx
        monitor
        mwait
        PASS
"""


def test_store_of_the_host_wakes(program):
    unit = program(SLEEPS)
    unit.place_input(0x210040, b"next line", 1_000_000)
    unit.place_input(0x21003F, b"x", 5_000_000)
    result = unit.run(max_cycles=100_000_000)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0) and 5_000_000 <= result.cycles < 5_010_000


def test_wait_that_nothing_ends_is_reported(program):
    result = program(SLEEPS).run(max_cycles=100_000_000)
    assert result.reason == "IDLE"
    assert result.explanation[0].startswith("processor 0 waits in MWAIT for a store to the line at 0x210000, interrupts off, before RIP")


def test_snapshot_of_a_processor_that_waits(program, tmp_path):
    unit = program(SLEEPS)
    unit.place_input(0x210000, b"x", 9_000_000)
    assert unit.run(max_cycles=4_000_000).reason == "BUDGET"
    before = snapshot.take(unit)
    snapshot_file.save(before, tmp_path / "a.hvz")
    loaded = snapshot_file.machine_of(snapshot_file.load(tmp_path / "a.hvz"))
    assert loaded.digest() == unit.digest()
    close(loaded)
    first = unit.run(max_cycles=100_000_000)
    assert first.reason == "EXIT_CODE"
    snapshot.restore(unit, before)
    assert unit.run(max_cycles=5_000_000).reason == "BUDGET"
    assert unit.run(max_cycles=100_000_000).cycles == first.cycles


def test_idle_costs_no_instructions(program):
    """A processor that waits with MWAIT until the timer comes runs as few instructions as one that halts."""
    counts = []
    for sleep in ("monitor\n mwait", "hlt"):
        unit = program(f"""
test:   APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        ON      0x71, tick
        APIC_WRITE APIC_DIVIDE, 0xB
        APIC_WRITE APIC_LVT_TIMER, 0x71 | put(LVT_TIMER, TIMER_PERIODIC)
        APIC_WRITE APIC_INITIAL_COUNT, 1000000
        sti
.again: mov     eax, FREE
        xor     ecx, ecx
        xor     edx, edx
        {sleep}
        cmp     dword ptr [rip + count], 50
        jb      .again
        PASS
tick:   inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
""")
        result = unit.run(max_cycles=100_000_000)
        assert (result.reason, result.exit_code) == ("EXIT_CODE", 0)
        counts.append(result.instructions)
    assert abs(counts[0] - counts[1]) <= 100, counts


@pytest.mark.parametrize("quantum", [137, 10_000])
def test_small_quanta(machine, quantum):
    from tests.guests import guests
    guest = guests.parse(guests.FOLDER / "mwait_wake.s")
    assert machine(guest, quantum_cycles=quantum).run(max_cycles=guest.cycles).exit_code == 0
