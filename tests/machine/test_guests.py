"""Every guest program runs from the reset vector to its own verdict."""
import pytest

from tests.machine import guests

ALL = guests.guests()


@pytest.mark.parametrize("guest", ALL, ids=[guest.name for guest in ALL])
def test_guest(guest, machine):
    unit = machine(guest)
    result = unit.run(max_cycles=guest.cycles)
    verdict = result.reason, result.exit_code
    said = unit.text.decode("latin1") + guest.check(result.exit_code)
    assert verdict == (guest.stop, 0), f"{said} {result}"
