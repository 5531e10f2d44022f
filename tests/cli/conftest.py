"""The real command, in this process."""
import pytest

from emu.cli.group import start


@pytest.fixture
def hvlab(monkeypatch, capfdbinary):
    """Return a function: command line -> (exit code, standard output, standard error)."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            start([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return ended.value.code, out.decode(), err.decode()

    return call
