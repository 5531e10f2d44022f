"""Every guest program runs from the reset vector to its own verdict."""
import pytest

from emu.errors import Unmodelled
from tests.guests import guests

ALL = guests.guests()


GAP = pytest.mark.xfail(strict=True, reason="the machine is known not to keep this claim")


@pytest.mark.parametrize("guest", [pytest.param(g, marks=GAP if g.gap else (), id=g.name) for g in ALL])
def test_guest(guest, machine):
    unit = machine(guest)
    if guest.stop == "UNMODELLED":
        with pytest.raises(Unmodelled):
            unit.run(max_cycles=guest.cycles)
        return
    result = unit.run(max_cycles=guest.cycles)
    verdict = result.reason, result.exit_code
    said = unit.text.decode("latin1") + guest.check(result.exit_code)
    assert verdict == (guest.stop, 0), f"{said} {result}"
