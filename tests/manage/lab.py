"""What the tests of virtual machines share: `hvlab vm` with a state folder of its own, and what must be true of such a folder."""
import io
import json
import os
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from emu.cli.group import start
from emu.manage import files, store
from emu.manage.clients import ask

HERE = Path(__file__).resolve().parent
ECHO = HERE / "echo.s"
WAIT = 120
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); "


class Lab:
    """`hvlab vm` with a state folder of its own."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *arguments, fails=0, file_bytes=None):
        """Run a command; returns what it said, on standard error when it `fails` with that code.  file_bytes: no file can have more."""
        code = (LIMITED.format(file_bytes) if file_bytes else "") + "from emu.cli.group import start; start()"
        done = subprocess.run([sys.executable, "-c", code, "vm", "--state", str(self.folder), *arguments], capture_output=True, text=True,
                              errors="surrogateescape", check=False, timeout=WAIT)
        assert done.returncode == fails, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stderr if fails else done.stdout

    def inside(self, *arguments, fails=0):
        """The same in this process, which is quicker."""
        out, err = (io.TextIOWrapper(io.BytesIO(), errors=errors) for errors in ("strict", "backslashreplace"))
        with redirect_stdout(out), redirect_stderr(err):
            try:
                start(["vm", "--state", str(self.folder), *arguments])
            except SystemExit as ended:
                assert (ended.code or 0) == fails, (arguments, ended.code, err.buffer.getvalue())
        for each in (out, err):
            each.flush()
        said = (err if fails else out).buffer.getvalue().decode()
        assert "Traceback" not in said
        return said

    def ask(self, do, **more):
        """Ask the service without a process between."""
        return ask(self.folder, do=do, **more)

    def row(self, name):
        """Return what the service says of one, or what the database does when there is none."""
        answer = self.ask("list")
        if answer is None:
            return json.loads(self("show", name, "--json"))
        return {**next(each for each in answer["vms"] if each["name"] == name), "service": answer["service"]}

    def until(self, done, what):
        end = time.monotonic() + WAIT
        while not done():
            assert time.monotonic() < end, (what, self("list", "--json"), self.log())
            time.sleep(0.05)

    def log(self):
        path = self.folder / "service.log"
        return path.read_text() if path.is_file() else ""

    def file(self, name, what):
        return store.Store(self.folder).row(name).path(what)

    def heard(self, name):
        path = self.file(name, "console")
        return path.read_bytes().decode("latin-1") if path.is_file() else ""

    def created(self, name="one"):
        """Create and start a machine, and wait for its kernel."""
        self("create", name, "--kernel", str(ECHO), "--disk-size", "64K", "--memory", "4M")
        self("start", name)
        self.until(lambda: "ready\n" in self.heard(name), "ready")

    def hears(self, name, text, typed):
        """Type something, and wait until the console ends with the text."""
        self.ask("type", name=name, data=typed)
        self.until(lambda: self.heard(name).endswith(text), text)


def gone(pid):
    """Has a process ended, if only its parent has not noticed?"""
    path = Path(f"/proc/{pid}/stat")
    try:
        return path.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def processes(folder):
    """Return the processes of a state folder: service and workers, by their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"emu.manage." in line and os.fsencode(folder) in line and not gone(path.parent.name):
            found.append(int(path.parent.name))
    return found


def nothing_is_wrong(folder):
    """Assert what must be true of a state folder without service, after whatever happened to it."""
    lock, end = files.Lock(folder), time.monotonic() + 20
    while not lock.take():                                # a process that is killed has its files for a moment yet
        assert time.monotonic() < end, "the lock is held"
        time.sleep(0.02)
    made = store.Store(folder)
    made.recover()
    rows = made.rows()
    assert {row.state for row in rows} <= {store.OFF, store.FAILED}, rows
    expected = {row.folder for row in rows}
    there = {str(path) for path in (folder / files.MACHINES).iterdir()}
    assert there == expected, (there, expected)
    for row in rows:
        names = {path.name for path in Path(row.folder).iterdir()}
        assert names <= {files.DISK, files.CONSOLE, files.CHECKPOINT}, names
        assert Path(row.disk).stat().st_size == 64 << 10
    lock.leave()
