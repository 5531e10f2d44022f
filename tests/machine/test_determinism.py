"""The same run is the same run: engines that forget, budgets in pieces and repetition change nothing."""
import numpy as np
import pytest

from emu.bits import MIB
from emu.machine import Config, Machine
from emu.machine import machine as module
from tests.guests import guests
from tests.machines import assembled, close

SINGLE = ["a20_gate", "accessed_dirty", "apic_timer_periodic", "code_aliases", "code_off_memory", "code_past_4gib", "code_segment_limit",
          "control_reads_in_blocks", "cpuid_basics", "debug_rearm", "five_level", "iretq_checks", "large_pages", "nmi", "nmi_iret",
          "noncanonical_crossing", "page_crossing", "page_fault_codes", "pit_pic", "read_modify_write", "real_mode", "resume_flag",
          "self_modifying", "shadow_repeat", "single_step", "smap_implicit", "sti_shadow", "string_faults", "syscall", "time_in_blocks",
          "user_far_transfers", "vmx_shadow_violation"]
SHARED = ["cross_modifying", "mwait_wake", "smp_atomics", "smp_init_order", "smp_init_sipi", "smp_ipi", "smp_shootdown"]
LIMIT = 200_000_000


def trace(name, seed=0, pieces=None, **config):
    """Run a guest program to its end; returns everything about it that must not vary."""
    from emu.image import of_assembly
    guest = guests.parse(guests.FOLDER / f"{name}.s")
    unit = Machine(Config(memory_bytes=guest.memory * MIB, processors=guest.processors, **config))
    try:
        said = bytearray()
        unit.on_console(lambda source, data: said.extend(data))
        unit.load(of_assembly(assembled(guest.path), guest.memory * MIB))
        unit.disturb(seed)
        until, sizes = 0, np.random.default_rng(pieces)
        result = unit.run(max_cycles=LIMIT) if pieces is None else None
        while result is None or pieces is not None and result.reason == "BUDGET" and until < LIMIT:
            until += int(sizes.integers(1, 20_000))
            result = unit.run(max_cycles=until)
        counters = [(int(c.cycles), int(c.instructions), int(c.walks), int(c.walk_loads)) for c in unit.cpu]
        return result.reason, result.exit_code, counters, bytes(said), unit.digest()
    finally:
        close(unit)


def sorted_by_length(names):
    """Return the names, those of long programs marked slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in ("smp_init_order", "cross_modifying") else name for name in names]


@pytest.mark.parametrize("name", sorted_by_length(SINGLE + SHARED))
def test_engine_that_forgets_changes_nothing(name):
    plain = trace(name)
    assert plain[:2] == ("EXIT_CODE", 0)
    assert [trace(name, seed) for seed in (1, 2)] == [plain, plain]


@pytest.mark.parametrize("name", sorted_by_length(["apic_timer_periodic", "resume_flag", "string_faults", *SHARED]))
def test_budget_in_pieces_changes_nothing(name):
    assert trace(name, pieces=7) == trace(name)


@pytest.mark.parametrize("name", ["apic_timer_periodic", "smp_ipi"])
def test_slices_of_the_host_change_nothing(name, monkeypatch):
    plain = trace(name)
    monkeypatch.setattr(module, "PAUSE_CYCLES", 1_000)
    assert trace(name) == plain


@pytest.mark.parametrize("name, quantum", [("smp_ipi", 1), ("smp_atomics", 137), pytest.param("smp_atomics", 1, marks=pytest.mark.slow)])
def test_small_quanta_repeat(name, quantum):
    assert trace(name, quantum_cycles=quantum) == trace(name, seed=3, quantum_cycles=quantum)


def test_quantum_is_part_of_the_machine():
    assert trace("smp_ipi", quantum_cycles=1)[4] != trace("smp_ipi", quantum_cycles=10_000)[4]
