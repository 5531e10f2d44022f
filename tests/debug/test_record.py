"""A recording repeats its run to the bit, and says by name where a run is not the recorded one."""
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.debug.history import record
from emu.debug.history.snapshot import restore, take
from emu.errors import ConfigError, ReplayError, SnapshotError, Unmodelled
from tests.machines import close, loaded, named, program
from tests.programs import ECHO, SLEEP


@pytest.fixture
def echo(guest):
    """Return a function that makes machines with the echo program."""
    return guest(ECHO)[0]


def recorded(machine, *inputs, until=None):
    recorder = record.Recorder(machine)
    for cycle, data in inputs:
        machine.console_input(data, cycle)
    machine.run(max_cycles=until)
    return recorder.finish()


def test_replay_is_the_run(echo, tmp_path):
    first, said = echo(), bytearray()
    found = recorded(first, (2_000_000, b"hello "), (9_000_000, b"world."))
    record.save(found, tmp_path / "a.hvr")
    again = echo()
    again.on_console(lambda source, data: said.extend(data))
    result = record.replay(again, record.load(tmp_path / "a.hvr"))
    assert (result.reason, result.exit_code, result.cycles) == ("EXIT_CODE", 0, first.clock)
    assert said.endswith(b"hello world.") and again.digest() == first.digest() == found.end.digest


@pytest.mark.parametrize("name", ["smp_ipi", "vmx_interrupts", "hlt_wake"])
@pytest.mark.parametrize("part", [0.37, 0.9])
def test_replay_stops_where_the_budget_did(name, part):
    whole = named(name)
    cycles = whole.run().cycles
    machine, again = named(name), named(name)
    found = recorded(machine, until=int(cycles * part))
    assert found.end.reason == "BUDGET"
    record.replay(again, found)
    assert again.digest() == machine.digest()
    for each in (whole, machine, again):
        close(each)


@pytest.mark.parametrize("name", ["smp_ipi", "smp_atomics"])
def test_a_run_that_was_only_paused_has_an_end(name, monkeypatch):
    from emu.machine import machine as module
    monkeypatch.setattr(module, "PAUSE_CYCLES", 3_333)
    machine, again, left = named(name), named(name), [9]
    recorder = record.Recorder(machine)

    def pause():
        left[0] -= 1
        return not left[0]

    assert machine.run(pause=pause).reason == "NONE"
    found = recorder.finish()
    assert found.end.reason == "BUDGET"
    record.replay(again, found)
    assert again.digest() == machine.digest() == found.end.digest
    for each in (machine, again):
        close(each)


TYPED = st.lists(st.tuples(st.integers(1_000_000, 6_000_000), st.text("abc ,", min_size=1, max_size=5)), max_size=4)


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Return a function that makes machines with the echo program."""
    assembly = program(tmp_path_factory.mktemp("echo"), ECHO, "lib.s")
    return lambda: loaded(assembly)


@settings(max_examples=10, deadline=None)
@given(TYPED, st.integers(50_000, 5_000_000))
def test_inputs_that_come_while_it_runs(new, typed, slice_):
    """Whatever the host does between slices, the recording has it at its cycle."""
    machine, again, at = new(), new(), 0
    recorder = record.Recorder(machine)
    for when, text in sorted(typed):
        while machine.clock < when:
            at += slice_
            machine.run(max_cycles=at)
        machine.console_input(text.encode())               # "now", wherever that is
    machine.run(max_cycles=at + 2_000_000)
    machine.console_input(b".")
    machine.run()
    found = recorder.finish()
    assert found.end.reason == "EXIT_CODE"
    record.replay(again, found)
    assert again.digest() == found.end.digest
    for each in (machine, again):
        close(each)


def test_going_back_gives_the_inputs_again(guest):
    machine = guest(SLEEP)[0]()
    machine.console_input(b"b", 30_000_000)
    machine.press(b"\x1e", 50_000_000)
    early = take(machine)
    machine.run(max_cycles=40_000_000)
    late = take(machine)
    machine.run()
    ended = machine.digest(), machine.clock
    for snapshot in (late, early, late):
        restore(machine, snapshot)
        assert machine.run().reason == "EXIT_CODE" and (machine.digest(), machine.clock) == ended


def test_unmodelled_end_is_replayed():
    machine, *others = made = [named("task_switch_refused") for _ in range(3)]
    recorder = record.Recorder(machine)
    with pytest.raises(Unmodelled):
        machine.run()
    found = recorder.finish()
    assert found.end.reason == "UNMODELLED"
    with pytest.raises(Unmodelled):
        record.replay(others[0], found)
    found.end.digest = "0" * 64
    with pytest.raises(ReplayError, match="the digest of its end was 0000"):
        record.replay(others[1], found)
    for each in made:
        close(each)


# ---- what differs is named -------------------------------------------------------------------------------------------
def changed(found, **changes):
    return msgspec.structs.replace(found, **changes)


def test_what_differs_is_named(echo):
    found = recorded(echo(), (2_000_000, b"a."))
    end = found.end
    for wrong, said in (
        (changed(found, inputs=[record.InputRow(2_500_000, "console", b"a.")]), "the clocks of its processors was"),
        (changed(found, end=changed(end, exit_code=3)), "the exit code was 3, and is 0"),
        (changed(found, end=changed(end, digest="f" * 64)), "the digest of its end was fff"),
        (changed(found, end=changed(end, reason="IDLE")), "the reason of its end was IDLE, and is EXIT_CODE"),
        (changed(found, end=changed(end, cycles=[5])), "the reason of its end was EXIT_CODE, and is BUDGET"),
        (changed(found, start="0" * 64), "does not start as the recorded one did"),
        (changed(found, config=found.config | {"seed": 2}), "the machine has seed = 1, the recorded one 2"),
    ):
        with pytest.raises(ReplayError, match=said) as error:
            record.replay(echo(), wrong)
        assert error.value.exit_code == 1


def test_changed_file_is_named(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"one")
    source = record.Source(record.file_row(path), "bare", 1, 16 << 20)
    record.check_files(source)
    path.rename(tmp_path / "b.bin")
    record.check_files(source, tmp_path / "b.bin")
    with pytest.raises(ConfigError, match="cannot be read"):
        record.check_files(source)
    path.write_bytes(b"two")
    with pytest.raises(ReplayError, match="a.bin is not the file that was recorded"):
        record.check_files(source)


def test_recording_begins_at_the_beginning(echo):
    machine = echo()
    machine.run(max_cycles=1_000)
    with pytest.raises(ConfigError, match="begins before the first instruction, this machine is at cycle"):
        record.Recorder(machine)
    with pytest.raises(ReplayError, match="does not start"):
        record.replay(machine, recorded(echo(), until=10))


@pytest.mark.parametrize("change, said", [
    (lambda m: m.update(schema="hvlab.recording.9"), "schema 'hvlab.recording.9'; this program replays hvlab.recording.1"),
    (lambda m: m.pop("end"), "missing required field `end`"),
    (lambda m: m.update(more=1), "unknown field `more`"),
    (lambda m: m["inputs"].append(dict(cycle=1, kind="mouse", data="YQ==")), "not 'mouse'"),
    (lambda m: m["config"].update(threads=1), "'threads'"),
    (lambda m: m["config"].update(processors=9), "processors must be 1 to 8"),
])
def test_file_that_is_not_a_recording(echo, tmp_path, change, said):
    path = tmp_path / "a.hvr"
    record.save(recorded(echo(), until=1_000), path)
    body = msgspec.json.decode(path.read_bytes())
    change(body)
    path.write_bytes(msgspec.json.encode(body))
    with pytest.raises(SnapshotError, match=said):
        record.load(path)


def test_truncated_recording(echo, tmp_path):
    path = tmp_path / "a.hvr"
    record.save(recorded(echo(), until=1_000), path)
    data = path.read_bytes().rstrip()
    for n in range(0, len(data), max(1, len(data) // 50)):
        path.write_bytes(data[:n])
        with pytest.raises(SnapshotError, match="not a recording of hvlab"):
            record.load(path)
    with pytest.raises(SnapshotError, match="cannot be read"):
        record.load(tmp_path / "none.hvr")
