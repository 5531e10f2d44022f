"""VMMS: the process that owns the machine of the virtual machines, starts their workers and answers `hvlab vm`.

It listens on a socket in the state folder, which only its user may open.  A request is a line of JSON, {"do": name, ...}; so is the answer,
with "error" when it could not be done.  The machine keeps step with the clock of the host and sleeps while nothing runs.
"""
import base64
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from emu.errors import ConfigError, HvlabError, ManageError
from emu.manage import checkpoint, store
from emu.manage.root import MIB, SLICE, Root
from emu.manage.store import Store
from emu.partition import assembled
from emu.spec.root import ROOTS, VDISK

SOCKET = "service.sock"
MEMORY = 1024 * MIB                                       # for all virtual machines together
STEP = 5_000_000                                          # cycles between two looks at what else there is
AHEAD = 0.002                                             # seconds that the machine may be ahead of the host's clock
LOADER = 0x7C00
TYPED_MOST = 1 << 16
PATIENCE = 5                                              # seconds for a worker to answer


@dataclass
class Running:
    """A virtual machine that has memory: slot, where that lies, its worker, what came from it without a line's end."""

    name: str
    slot: int
    base: int
    memory: int
    processors: int
    worker: subprocess.Popen
    state: str = store.PAUSED
    heard: bytearray = field(default_factory=bytearray)
    disk: tuple | None = None                             # the request under way
    typed: bytearray = field(default_factory=bytearray)


class Service:
    """The virtual machines of a state folder."""

    def __init__(self, folder, memory=MEMORY):
        self.folder, self.memory, self.store = Path(folder), memory, Store(Path(folder))
        self.store.recover()
        self.root: Root | None = None
        self.vms: dict[str, Running] = {}
        self.selector, self.over, self.began = selectors.DefaultSelector(), False, (0.0, 0)
        self.listener = self._listen()

    def _listen(self):
        path = self.folder / SOCKET
        if _answers(path):
            raise ManageError(f"a service for {self.folder} runs already")
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        finally:
            os.umask(before)
        listener.listen()
        self.selector.register(listener, selectors.EVENT_READ, self._accept)
        return listener

    # ---- the loop ---------------------------------------------------------------------------------------

    def serve(self):
        """Serve until `shutdown` is asked for."""
        try:
            while not self.over:
                for key, _ in self.selector.select(self._rest()):
                    key.data(key.fileobj)
                if self._busy:
                    self._advance()
        finally:
            self._end()

    def _note(self, name, state, note=""):
        self.store.note(name, state, note)
        if name in self.vms:
            self.vms[name].state = state

    @property
    def _busy(self):
        return any(vm.state == store.RUNNING for vm in self.vms.values())

    def _rest(self):
        """Return how long to wait for others: None without end, 0 not at all."""
        if not self._busy:
            self.began = (0.0, 0)
            return None
        if not self.began[0]:
            self.began = (time.monotonic(), self.root.machine.clock)
        ahead = (self.root.machine.clock - self.began[1]) / 1e9 - (time.monotonic() - self.began[0])
        if ahead < -0.1:                                  # the host is too slow: time lost is not made up for
            self.began = (time.monotonic(), self.root.machine.clock)
        return max(0.0, ahead - AHEAD)

    def _advance(self):
        self.root.run(STEP)
        self._hear()

    def _hear(self):
        """Hand on what the children and the root have said."""
        by_slot = {vm.slot: vm for vm in self.vms.values()}
        while self.root.serial:
            slot, data = self.root.serial.popleft()
            if slot in by_slot:
                self._tell(by_slot[slot], {"serial": base64.b64encode(data).decode()})
        while self.root.said:
            said = self.root.said.popleft()
            if vm := by_slot.get(said.slot):
                getattr(self, f"_on_{said.kind.lower()}")(vm, *said.values)
        for vm in self.vms.values():
            if vm.typed:
                del vm.typed[:self.root.type(vm.slot, bytes(vm.typed))]

    def _on_ended(self, vm, code):
        self._take_down(vm, store.OFF, f"ended with {code:#x}")

    def _on_failed(self, vm, message, rip):
        self._take_down(vm, store.FAILED, f"its root cannot answer message {message:#x} at {rip:#x}")

    def _on_disk(self, vm, sector, count, address, writes):
        vm.disk = (sector, count, address, writes)
        request = {"id": vm.slot, "sector": sector, "count": count}
        if writes:
            request["data"] = base64.b64encode(self.root.read(vm.base + address, count * int(VDISK.SECTOR))).decode()
        self._tell(vm, request)

    def _tell(self, vm, request):
        try:
            vm.worker.stdin.write(json.dumps(request).encode() + b"\n")
            vm.worker.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass                                          # its end is noticed where its answers are read

    def _from_worker(self, vm):
        data = os.read(vm.worker.stdout.fileno(), 1 << 20)
        if not data:
            code = vm.worker.wait()
            why = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._take_down(vm, store.FAILED, f"its worker process ended ({why})")
            return
        vm.heard += data
        while b"\n" in vm.heard:
            line, _, rest = bytes(vm.heard).partition(b"\n")
            vm.heard[:] = rest
            self._disk_done(vm, json.loads(line))

    def _disk_done(self, vm, answer):
        sector, count, address, _ = vm.disk
        vm.disk = None
        if "data" in answer:
            self.root.place(vm.base + address, base64.b64decode(answer["data"]))
        self.root.command("DISK_DONE", vm.slot, 1 if "error" in answer else 0)

    # ---- requests ---------------------------------------------------------------------------------------

    def _accept(self, listener):
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            try:
                request = json.loads(connection.makefile().readline())
                action = getattr(self, f"do_{request.pop('do')}", None)
                answer = action(**request) if action else {"error": "no such request"}
            except HvlabError as error:
                answer = {"error": str(error), "code": error.exit_code}
            except (ValueError, TypeError, AttributeError, LookupError, OSError) as error:
                answer = {"error": f"not a request: {error}", "code": 2}
            try:
                connection.sendall(json.dumps(answer or {}).encode() + b"\n")
            except OSError:
                pass

    def _vm(self, name, *states):
        row = self.store.row(name)
        if row.state not in states:
            raise ManageError(f"{name} is {row.state}, not {' or '.join(states)}")
        return self.vms.get(name), row

    def do_start(self, name):
        """Give a virtual machine memory, a worker, and its boot loader."""
        _, row = self._vm(name, store.OFF, store.FAILED)
        vm = self._create(row)
        self.root.place(vm.base + LOADER, assembled("firmware/loader").code)
        self.root.command("START", vm.slot, LOADER)
        self._note(name, store.RUNNING)
        return {"worker": vm.worker.pid}

    def do_checkpoint(self, name):
        """Keep a virtual machine's memory, registers, devices and disk as they are now."""
        vm, row = self._vm(name, store.RUNNING, store.PAUSED)
        if vm.state == store.RUNNING:
            self.root.command("PAUSE", vm.slot)
        end = time.monotonic() + PATIENCE
        while vm.disk and time.monotonic() < end and name in self.vms:        # its disk's answer belongs to it
            self._from_worker(vm)
        if vm.disk or name not in self.vms:
            raise ManageError(f"{name}: its worker does not answer; no checkpoint was made")
        self.root.run(2 * SLICE)
        data = checkpoint.take(self.root, vm)
        _write(self._kept(name), data)
        _write(self._kept(name, ".disk"), Path(row.disk).read_bytes())
        if vm.state == store.RUNNING:
            self.root.command("RESUME", vm.slot)
        return {"bytes": len(data)}

    def do_apply(self, name):
        """Let a virtual machine that is off go on where its checkpoint was made; its disk is as it was then."""
        _, row = self._vm(name, store.OFF, store.FAILED)
        path = self._kept(name)
        if not path.is_file():
            raise ConfigError(f"{name} has no checkpoint; `hvlab vm checkpoint` makes one while it runs")
        head, content = checkpoint.read(path.read_bytes(), path)
        if head["memory"] != row.memory:
            raise ConfigError(f"{path}: the checkpoint is of {head['memory']} bytes of memory, {name} has {row.memory}")
        if head["processors"] != row.processors:
            raise ConfigError(f"{path}: the checkpoint is of {head['processors']} processors, {name} has {row.processors}")
        _write(Path(row.disk), self._kept(name, ".disk").read_bytes())
        vm = self._create(row)
        try:
            checkpoint.give(self.root, vm.slot, vm.base, head, content)
            self.root.command("RESUME", vm.slot)
        except ManageError as error:
            self._take_down(vm, store.FAILED, f"its checkpoint cannot be applied: {error}")
            raise
        self._note(name, store.RUNNING)

    def _kept(self, name, suffix=""):
        return self.folder / f"{name}.checkpoint{suffix}"

    def _create(self, row):
        """Give a virtual machine a slot, memory and a worker."""
        name = row.name
        slots = set(range(int(ROOTS.SLOTS))) - {vm.slot for vm in self.vms.values()}
        if not slots:
            raise ManageError(f"{int(ROOTS.SLOTS)} virtual machines run already, which is all that can")
        if not Path(row.disk).is_file():
            raise ConfigError(f"{row.disk}: the disk of {name} is not there")
        self.root = self.root or Root(self.memory)
        slot = min(slots)
        base = self.root.command("CREATE", slot, row.memory, row.processors)
        worker = subprocess.Popen([sys.executable, "-m", "emu.manage.worker", row.disk, str(self.console(name))],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        vm = self.vms[name] = Running(name, slot, base, row.memory, row.processors, worker)
        self.selector.register(worker.stdout, selectors.EVENT_READ, lambda _: self._from_worker(vm))
        self.root.fresh(slot)
        return vm

    def do_stop(self, name):
        """Take a virtual machine's processor, memory and devices away at once."""
        vm, _ = self._vm(name, store.RUNNING, store.PAUSED)
        self._take_down(vm, store.OFF, "stopped")

    def do_pause(self, name):
        """Suspend a virtual machine."""
        vm, _ = self._vm(name, store.RUNNING)
        self.root.command("PAUSE", vm.slot)
        self._note(name, store.PAUSED)

    def do_resume(self, name):
        """Let a suspended one go on."""
        vm, _ = self._vm(name, store.PAUSED)
        self.root.command("RESUME", vm.slot)
        self._note(name, store.RUNNING)

    def do_type(self, name, data):
        """Give bytes to the serial line of one that runs."""
        vm, _ = self._vm(name, store.RUNNING, store.PAUSED)
        vm.typed += base64.b64decode(data)
        if len(vm.typed) > TYPED_MOST:
            del vm.typed[TYPED_MOST:]
            raise ManageError(f"{name} has not read {TYPED_MOST} bytes that were typed: the rest is lost")

    def do_list(self):
        """Tell every virtual machine, with the process of its worker."""
        pid = {vm.name: vm.worker.pid for vm in self.vms.values()}
        return {"vms": [{**each.__dict__, "worker": pid.get(each.name)} for each in self.store.rows()],
                "service": os.getpid(), "free_pages": self.root.command("HELLO") if self.root else None}

    def do_shutdown(self):
        """End the service, and with it what runs."""
        self.over = True

    # ---- the end ----------------------------------------------------------------------------------------

    def console(self, name):
        """Return the file that the serial line of a virtual machine fills."""
        return self.folder / f"{name}.console"

    def _take_down(self, vm, state, note):
        if vm.name not in self.vms:
            return
        del self.vms[vm.name]
        self.root.command("STOP", vm.slot)
        self._hear_last(vm)
        self.selector.unregister(vm.worker.stdout)
        vm.worker.stdin.close()
        try:
            vm.worker.wait(5)
        except subprocess.TimeoutExpired:
            vm.worker.kill()
            vm.worker.wait()
        vm.worker.stdout.close()
        self._note(vm.name, state, note)

    def _hear_last(self, vm):
        """Its last words go to its worker; those of others stay."""
        mine = [data for slot, data in self.root.serial if slot == vm.slot]
        others = [each for each in self.root.serial if each[0] != vm.slot]
        self.root.serial.clear()
        self.root.serial.extend(others)
        if mine:
            self._tell(vm, {"serial": base64.b64encode(b"".join(mine)).decode()})

    def _end(self):
        for vm in list(self.vms.values()):
            self._take_down(vm, store.OFF, "its service was shut down")
        self.selector.close()
        self.listener.close()
        (self.folder / SOCKET).unlink(missing_ok=True)


def _write(path, data):
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def _answers(path):
    """Is there a service behind a socket?"""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(path))
    except OSError:
        return False
    return True


def ask(folder, **request):
    """Send a request to the service of a state folder; returns its answer, or None when there is no service."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(Path(folder) / SOCKET))
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile().readline()
    except (FileNotFoundError, ConnectionError):          # none, or it ends just now
        return None
    if not line:
        return None
    answer = json.loads(line)
    if "error" in answer:
        raise (ConfigError if answer.get("code") == ConfigError.exit_code else ManageError)(answer["error"])
    return answer


def main(folder, memory):
    """Run a service: `python -m emu.manage.service FOLDER BYTES`."""
    Service(folder, int(memory)).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
