"""Going back: every place of a run is reached again exactly, within the memory that history may take."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.debug.history import History
from emu.debug.session import Session
from emu.errors import HistoryError
from emu.image import of_assembly
from emu.machine import Config, Machine
from tests.debug.test_snapshot import make, whole
from tests.machine.conftest import close


@pytest.fixture
def made():
    """Return `make`; its machines are closed afterwards."""
    all_made = []

    def of(name):
        all_made.append(make(name))
        return all_made[-1]

    yield of
    for machine in all_made:
        close(machine)


def straight(machine, cycle):
    """Return the state of a machine that ran up to a cycle at once."""
    machine.run(max_cycles=cycle)
    state = whole(machine)
    return state


@pytest.mark.parametrize("name", ["self_modifying", "smp_ipi", "vmx_interrupts", "apic_timer_periodic"])
def test_seek_is_the_run_up_to_there(name):
    probe = make(name)
    cycles = probe.run().cycles
    machine = make(name)
    history = History(machine, every_cycles=cycles // 23)
    result = history.run()
    assert (result.cycles, result.reason) == (cycles, "EXIT_CODE") and len(history) > 5
    ended = whole(machine)
    known = {}

    @settings(max_examples=12, deadline=None)
    @given(st.integers(0, cycles))
    def check(cycle):
        if cycle not in known:
            other = make(name)
            known[cycle] = straight(other, cycle)
            close(other)
        history.seek(cycle)
        assert whole(machine) == known[cycle]

    check()
    history.seek(cycles)
    assert machine.digest() == ended[1]
    for each in (probe, machine):
        close(each)


def test_seek_ahead_runs_on(made):
    machine, other = made("smp_ipi"), made("smp_ipi")
    history = History(machine, every_cycles=100_000)
    history.seek(700_000)
    assert whole(machine) == straight(other, 700_000)
    assert len(history) > 3 and history.last == 700_000


def test_output_is_shown_once(made):
    machine, other, said, wanted = made("smp_ipi"), made("smp_ipi"), bytearray(), bytearray()
    other.on_console(lambda source, data: wanted.extend(data))
    machine.on_console(lambda source, data: said.extend(data))
    cycles = other.run().cycles
    history = History(machine, every_cycles=50_000)
    for part in (0.5, 0.2, 0.6, 0.1, 0.9, 0.3):
        history.seek(int(cycles * part))
    history.run()
    history.seek(cycles // 2)
    history.run()
    assert said == wanted


def test_partition_output_is_shown_once(guest):
    text = "test:   mov dx, PORT_UART\n        mov al, 'A'\n        out dx, al\n        PASS\n"
    program, said = guest(text)[1], []
    machine = Machine(Config(memory_bytes=96 << 20))
    machine.load_partition(of_assembly(program, 16 << 20))
    machine.on_console(lambda source, data: said.append((source, data)))
    history = History(machine, every_cycles=2_000_000)
    cycles = history.run().cycles
    assert any(source.startswith("partition") for source, _ in said)
    said.clear()
    history.seek(cycles // 3)
    history.run()
    close(machine)
    assert not said


# ---- one boundary back -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name, at", [("self_modifying", 60_000), ("vmx_round_trip", 700_123), ("vmx_interrupts", 90_000),
                                      ("smp_atomics", 1_700_123), ("smp_ipi", 1_500_321)])
def test_back_is_the_boundary_before(name, at, made):
    machine = made(name)
    history = History(machine, every_cycles=100_000)
    history.run()
    for processor in range(len(machine.cpu)):
        history.seek(at)
        places, session = [], Session(machine)
        for _ in range(7):
            session.step(processor, max_cycles=at + 50_000)
            places.append((int(machine.cpu[processor].cycles), machine.digest()))
        session.close()
        if len({cycle for cycle, _ in places}) < 7:
            continue                                       # it sleeps: its clock does not tell its boundaries
        for cycle, state in places[-2::-1]:
            assert history.back(processor) == cycle
            assert machine.digest() == state


def test_no_boundary_before_the_first(made):
    machine = made("hlt_wake")
    history = History(machine)
    with pytest.raises(HistoryError, match="no boundary of processor 0 before 0"):
        history.back()


# ---- bounds ----------------------------------------------------------------------------------------------------------
def test_memory_bound_thins_out_and_then_cuts(made):
    machine = made("apic_timer_periodic")
    free = History(machine, every_cycles=20_000)
    free.run()
    assert not free.is_cut
    bound = free.memory // 4
    machine = made("apic_timer_periodic")
    history = History(machine, every_cycles=20_000, memory_bound=bound)
    while history.run(max_cycles=history.last + 50_000).reason == "BUDGET":
        assert history.memory <= bound
    assert history.memory <= bound and 2 < len(history) < len(free)
    assert history.first == 0 and not history.is_cut      # thinned, not cut
    gaps = [b.now - a.now for a, b in zip(history._ring, history._ring[1:], strict=False)]
    assert gaps[-1] < max(gaps)                            # the latest are the closest
    history.seek(history.last // 3)
    other = made("apic_timer_periodic")
    assert whole(machine) == straight(other, history.last // 3)


def test_cut_history_says_so(made):
    machine = made("apic_timer_periodic")
    history = History(machine, every_cycles=20_000, memory_bound=1)
    history.run(max_cycles=500_000)
    assert len(history) == 1 and history.is_cut and history.first > 300_000
    with pytest.raises(HistoryError, match=r"history begins at cycle \d{3},\d{3}, cycle 5 is before it: 0 MiB hold no more") as error:
        history.seek(5)
    assert error.value.exit_code == 2
    history.seek(history.first + 1_000)
    other = made("apic_timer_periodic")
    assert whole(machine) == straight(other, history.first + 1_000)
    with pytest.raises(HistoryError, match="at least 1"):
        History(machine, every_cycles=0)


def test_another_future(made):
    machine = made("hlt_wake")
    history = History(machine, every_cycles=10_000)
    end = history.run().cycles
    history.seek(end // 2)
    history.forget_future()
    assert history.last == end // 2 and all(each.now <= machine.clock for each in history._ring)
    assert history.run().cycles == end


# ---- beside a debugger -----------------------------------------------------------------------------------------------
def test_points_of_a_debugger_stay_and_do_not_stop_it(made):
    machine, other = made("self_modifying"), made("self_modifying")
    history = History(machine, every_cycles=10_000)
    session = Session(machine)
    other.run(max_cycles=60_000)
    rip = int(other.env().rip)
    number = session.break_at(rip)
    watch = session.watch(0x1FF000 - 64, 64, access="access")
    stops = []
    while (stop := session.run(pause=history.note)).reason in ("breakpoint", "watchpoint") and len(stops) < 50:
        history.note()
        stops.append((stop.reason, stop.number, machine.clock))
    assert any(reason == "breakpoint" for reason, *_ in stops) and any(reason == "watchpoint" for reason, *_ in stops)
    history.seek(0)
    again = []
    while (stop := session.run()).reason in ("breakpoint", "watchpoint") and len(again) < 50:
        again.append((stop.reason, stop.number, machine.clock))
    assert again == stops and {number, watch} == {n for _, n, _ in stops}
    session.close()
