"""The real command, in this process."""
import pytest

from emu.cli.group import start
from tests.machines import HEAD


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


@pytest.fixture
def program(tmp_path):
    """Return a function: text of a guest program after `test:` with VMX -> the path of its source file."""
    def write(text):
        path = tmp_path / "program.s"
        path.write_text(HEAD + text)
        return path

    return write
