"""Sessions for tests of debugging: closed when the test is over."""
import pytest

from emu.debug.history.history import History
from emu.debug.session.session import Session


@pytest.fixture
def debug(guest):
    """Return a function: program text -> (Session, {symbol: address})."""
    sessions = []

    def of(text, processors=1):
        make, program = guest(text, processors)
        sessions.append(Session(make()))
        return sessions[-1], program.symbols

    yield of
    for session in sessions:
        session.close()


@pytest.fixture
def past(guest):
    """Return a function: program text -> (Session, History, {symbol: address})."""
    sessions = []

    def of(text, processors=1, **options):
        make, program = guest(text, processors)
        sessions.append(Session(make()))
        return sessions[-1], History(sessions[-1], **options), program.symbols

    yield of
    for session in sessions:
        session.close()
