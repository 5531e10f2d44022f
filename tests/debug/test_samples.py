"""Snapshots and recordings of yesterday: a change of a format, or of what a file holds, shows here before it meets a user."""
import pytest

from emu.debug.history import record, snapshot_file
from emu.errors import SnapshotError
from tests.debug import samples
from tests.machines import close


def said_by(machine):
    said = bytearray()
    machine.on_console(lambda source, data: said.extend(data))
    return said


def test_snapshot_of_an_older_program_goes_on():
    machine = snapshot_file.machine_of(snapshot_file.load(samples.SNAPSHOT))
    said = said_by(machine)
    result = machine.run()
    end = record.load(samples.RECORDING).end
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0)
    assert ([int(c.cycles) for c in machine.cpu], machine.digest()) == (end.cycles, end.digest)
    assert samples.SAID.endswith(bytes(said)) and len(said) >= 6
    close(machine)


def test_recording_of_an_older_program_replays(tmp_path):
    machine = samples.echo(tmp_path)
    said = said_by(machine)
    result = record.replay(machine, record.load(samples.RECORDING))
    assert (result.reason, result.exit_code, bytes(said)) == ("EXIT_CODE", 0, samples.SAID)
    close(machine)


def test_samples_are_small():
    assert max(path.stat().st_size for path in (samples.SNAPSHOT, samples.RECORDING)) < 32 << 10


@pytest.mark.parametrize("number", [2, 10, 99])
def test_file_of_a_later_version_is_refused_with_a_sentence(number, tmp_path):
    path = tmp_path / "later.hvr"
    path.write_text(samples.RECORDING.read_text().replace(record.SCHEMA, f"hvlab.recording.{number}").replace('"start"', '"begin"'))
    with pytest.raises(SnapshotError) as error:
        record.load(path)
    assert str(error.value) == f"{path}: schema 'hvlab.recording.{number}'; this program replays hvlab.recording.1"


@pytest.mark.parametrize("number", [2, 10, 99])
def test_snapshot_of_a_later_version_is_refused_with_a_sentence(number, tmp_path):
    """Whatever else its manifest holds: the schema is checked before all of it."""
    path = tmp_path / "later.hvz"

    def later(manifest):
        manifest["schema"] = f"hvlab.snapshot.{number}"
        del manifest["parts"]
    path.write_bytes(samples.altered(samples.SNAPSHOT.read_bytes(), later))
    with pytest.raises(SnapshotError) as error:
        snapshot_file.load(path)
    assert str(error.value) == f"{path}: schema 'hvlab.snapshot.{number}'; this program reads hvlab.snapshot.1"
