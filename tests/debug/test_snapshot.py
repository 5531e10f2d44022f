"""A run that goes on from a restored snapshot is the run itself, and taking one changes nothing."""
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emu.debug.history import parts
from emu.debug.history.snapshot import restore, take
from emu.errors import SnapshotError
from emu.state import ALL_ONES
from tests.machines import close, named

GUESTS = ["accessed_dirty", "apic_timer_deadline", "apic_timer_periodic", "cross_modifying", "debug_data", "debug_resume", "ept_dirty",
          "five_level", "hlt_wake", "nmi", "pit_pic", "real_mode", "self_modifying", "single_step", "smp_atomics", "smp_init_sipi",
          "smp_ipi", "smp_shootdown", "sti_shadow", "string_faults", "uart_interrupt", "vmx_breakpoints", "vmx_interrupts",
          "vmx_preemption_timer", "vmx_round_trip"]
SPOTS = (0.13, 0.42, 0.71, 0.97)
LIMIT = 2_000_000_000
# Where the run was cut, what the last translation left, and that a masked timer has ended, which is noted when it is read.
CUT = dict(apic=["count"], machine=["now"], cpu=["deadline", "due", "quantum_end", "fault_gpa"])


def whole(machine):
    """Return everything that a run goes on from, as bytes: all parts, and memory by the digest.

    Without what is set again when it goes on.
    """
    memory = parts.read(machine)
    for part, start in parts.places(machine)[0]:
        for field in CUT.get(part.kind, ()):
            memory[start:start + part.dtype.itemsize].view(part.dtype)[0][field] = 0
        if part.name.endswith(".far"):                     # how the engine held the arithmetic flags when an IRET began: cc_dst to cc_op
            memory[start + 16:start + 44] = 0
    return memory.tobytes(), machine.digest()


@pytest.fixture
def made():
    """Return `machines.named`; its machines are closed afterwards."""
    all_made = []

    def of(name, **config):
        all_made.append(named(name, **config))
        return all_made[-1]

    yield of
    for machine in all_made:
        close(machine)


def ending(machine):
    result = machine.run(max_cycles=LIMIT)
    return result.reason, result.exit_code, result.cycles, result.instructions, whole(machine)


# ---- the property ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*GUESTS, "demo"])
def test_run_from_a_restored_snapshot_is_the_run(name, made):
    plain = ending(made(name))
    machine, taken = made(name), []
    for spot in SPOTS:
        machine.run(max_cycles=int(plain[2] * spot))
        taken.append((take(machine), whole(machine)))
    assert ending(machine) == plain                        # taking changed nothing
    for snapshot, state in reversed(taken):
        restore(machine, snapshot)
        assert whole(machine) == state
        assert ending(machine) == plain


@pytest.mark.parametrize("name", ["self_modifying", "smp_ipi", "vmx_round_trip"])
def test_any_order_of_running_taking_and_going_back(name):
    probe = named(name)
    cycles = ending(probe)[2]
    restarted = named(name)
    start, known = take(restarted), {}

    def state_at(cycle):
        """Return the state of a run of a machine that never had a snapshot but its first."""
        if cycle not in known:
            restore(restarted, start)
            restarted.run(max_cycles=cycle)
            known[cycle] = whole(restarted)
        return known[cycle]

    steps = st.lists(st.one_of(st.tuples(st.just("run"), st.integers(0, cycles)), st.tuples(st.just("take"), st.just(0)),
                               st.tuples(st.just("restore"), st.integers(0, 9))), min_size=3, max_size=12)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    @example([("run", 190), ("run", 205)])                 # in the shadow of MOV SS
    def check(steps):
        restore(machine, first)
        at, taken = 0, [(0, first)]
        for what, number in steps:
            if what == "run" and number > at:
                machine.run(max_cycles=number)
                at = number
            elif what == "take":
                taken.append((at, take(machine)))
            elif what == "restore":
                at, snapshot = taken[number % len(taken)]
                restore(machine, snapshot)
            assert whole(machine) == state_at(at)

    machine = named(name)
    first = take(machine)
    check()
    for each in (probe, restarted, machine):
        close(each)


@pytest.mark.parametrize("name", ["self_modifying", "cross_modifying", "vmx_round_trip"])
def test_restored_many_times_while_engines_forget(name, made):
    plain = ending(made(name))
    machine = made(name)
    machine.run(max_cycles=plain[2] // 3)
    snapshot = take(machine)
    for seed in range(1, 9):
        restore(machine, snapshot)
        machine.disturb(seed)
        assert ending(machine) == plain


def test_a_snapshot_at_every_few_cycles_changes_nothing(made):
    plain = ending(made("vmx_interrupts"))
    machine, at = made("vmx_interrupts"), 0
    while machine.run(max_cycles=at).reason == "BUDGET":
        take(machine)
        at += 7_919
    assert ending(machine) == plain


def test_snapshot_goes_into_another_machine_made_alike(made):
    plain = ending(made("smp_mailbox"))
    first, second = made("smp_mailbox"), made("smp_mailbox")
    first.run(max_cycles=plain[2] // 2)
    snapshot = take(first)
    second.run(max_cycles=plain[2] // 3)
    take(second)                                           # from another store: forgotten by what follows
    second.run(max_cycles=plain[2] * 2 // 3)
    restore(second, snapshot)
    assert take(second).store is snapshot.store
    assert ending(second) == plain == ending(first)


def test_output_after_a_snapshot_comes_again(made):
    machine, said = made("smp_ipi"), bytearray()
    machine.on_console(lambda source, data: said.extend(data))
    start = take(machine)
    machine.run()
    once = bytes(said)
    restore(machine, start)
    machine.run()
    assert once and bytes(said) == once * 2


# ---- what a snapshot holds -------------------------------------------------------------------------------------------
def test_pages_are_kept_once_and_go_with_the_last_snapshot(made):
    machine = made("hlt_wake")
    machine.write(0x800000, b"x" * 4096 * 8)
    first = take(machine)
    used = first.store.used
    same = take(machine)
    assert same.store.used == used
    machine.write(0x800000, b"y" * 4096 * 8)
    other = take(machine)
    assert other.store.used == used + 8
    machine.write(0x800000, b"x" * 4096)                    # as in `first`, but not as in its parent: kept again
    machine.write(0x801000, bytes(4096 * 7))                # zeros take no room
    last = take(machine)
    assert last.store.used == used + 9
    assert list(last.differs(other)) == list(range(0x800, 0x808))
    assert list(last.differs(first)) == list(range(0x800, 0x808))
    assert last.page(0x800) == first.page(0x800) == b"x" * 4096 and last.page(0x801) == bytes(4096)
    store = last.store
    del other
    assert store.used == used + 1
    restore(machine, first)
    assert machine.read(0x800000, 4096 * 8) == b"x" * 4096 * 8
    del same, last
    assert store.used == used


def test_native_store_after_a_snapshot_is_noticed(made):
    machine = made("self_modifying")
    machine.run(max_cycles=60_000)
    before = take(machine)
    marked = machine.ledger & np.uint64(1 << 32)
    assert not marked.any() and not (machine.ledger & np.uint64(0xFFFF << 16)).any()
    machine.run()
    after = take(machine)
    memory = machine.ram.reshape(-1, 4096)
    for page in after.differs(before):
        assert after.page(page) == memory[page].tobytes() != before.page(page)
    for page in range(len(memory)):
        assert after.page(page) == memory[page].tobytes()


def test_no_host_address_is_in_a_part(made):
    machine = made("vmx_round_trip")
    machine.run(max_cycles=700_000)
    other = made("vmx_round_trip")
    other.run(max_cycles=700_000)
    assert whole(machine) == whole(other)


# ---- what is refused -------------------------------------------------------------------------------------------------
def test_machine_made_otherwise_is_refused(made):
    snapshot = take(made("hlt_wake"))
    with pytest.raises(SnapshotError, match="processors = 1, this one has 2"):
        restore(made("hlt_wake", processors=2), snapshot)
    with pytest.raises(SnapshotError, match="quantum_cycles = 10000, this one has 77"):
        restore(made("hlt_wake", quantum_cycles=77), snapshot)


def test_running_machine_has_no_snapshot(made):
    machine = made("hlt_wake")
    snapshot = take(machine)
    machine.processors[0].core[0].depth = 1
    for act in (lambda: take(machine), lambda: restore(machine, snapshot)):
        with pytest.raises(SnapshotError, match="pause it first"):
            act()


def test_engines_look_up_again_after_a_snapshot(made):
    machine = made("hlt_wake")
    machine.run(max_cycles=1_000)
    take(machine)
    assert all((unit.core[0].flush_seen == ALL_ONES).all() for unit in machine.processors)
