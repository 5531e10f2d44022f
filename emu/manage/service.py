"""VMMS: the process that owns the machine of the virtual machines, starts their workers and answers `hvlab vm`.

It listens on a socket in the state folder, which only its user may open.  A request is a line of JSON, {"do": name, ...} (requests.py); so
is the answer, with "error" when it could not be done.  The machine keeps step with the clock of the host and sleeps while nothing runs.

A failure stays where it happens: that of a worker or a disk in its virtual machine, that of a client in its request; when the machine
with the root stops, all virtual machines have failed.  None of it ends the service.
"""
import base64
import selectors
import signal
import socket
import sys
import time
import traceback

from emu.errors import HvlabError, ManageError
from emu.manage import files, store
from emu.manage.clients import Clients, ask
from emu.manage.requests import Requests, log
from emu.manage.root import Root, RootLost
from emu.manage.running import Running
from emu.manage.store import Store
from emu.spec.root import VDISK

LOOK_EVERY = 5_000_000                                     # cycles between two checks of what else there is
AHEAD = 0.002                                             # seconds that the machine's clock may be past the host's
LOOK, OFTEN = 1.0, 0.02                                   # seconds between two checks of what gives no signal; while somebody waits for it
END_PATIENCE = 15                                         # seconds for all workers at the service's end
LOCK_PATIENCE = 5                                         # seconds for a command that holds the folder's lock


class Service:
    """The virtual machines of a state folder."""

    def __init__(self, folder, memory):
        self.folder, self.memory = files.state_folder(folder), memory
        self.lock = files.Lock(self.folder)
        self._take_lock()
        self.store = Store(self.folder)
        self.store.recover()
        self.root: Root | None = None
        self.vms: dict[str, Running] = {}
        self.unsaved: dict[str, tuple[str, str]] = {}     # states that the database could not take yet
        self.requests = Requests(self)
        self.selector, self.over, self.why = selectors.DefaultSelector(), False, "its service was shut down"
        self.began, self.looked = (0.0, 0), 0.0
        self.clients = Clients(self.folder, self.selector, self.requests.asked)
        self._wait_for_signals()

    def _take_lock(self):
        end = time.monotonic() + LOCK_PATIENCE
        while not self.lock.take():
            if ask(self.folder, do="list") is not None or time.monotonic() > end:
                raise ManageError(f"a service for {files.shown(self.folder)} runs already (process {self.lock.holder()})")
            time.sleep(0.02)

    def _wait_for_signals(self):
        """SIGTERM and its like end the service as `shutdown` does, also while it sleeps."""
        heard, rings = socket.socketpair()
        for end in (heard, rings):
            end.setblocking(False)
        signal.set_wakeup_fd(rings.fileno(), warn_on_full_buffer=False)
        self.selector.register(heard, selectors.EVENT_READ, lambda _: heard.recv(4096))
        self._bell = (heard, rings)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number, _frame):
        self.over, self.why = True, f"its service ended by {signal.Signals(number).name}"

    # ---- the loop ---------------------------------------------------------------------------------------

    def serve(self):
        """Serve until `shutdown` is asked for, or a signal comes."""
        try:
            while not self.over:
                self._once()
        finally:
            self._end()

    def _once(self):
        for key, _ in self.selector.select(self._rest()):
            self._guarded(key.data, key.fileobj)
        if self._busy:
            self._guarded(self._advance)
        self._guarded(self.requests.step)
        if self._waited_for or time.monotonic() - self.looked > LOOK:
            self._guarded(self._look)

    def _guarded(self, function, *arguments):
        """Call what may meet the end of the machine: its virtual machines have failed then, the service goes on."""
        try:
            function(*arguments)
        except RootLost as error:
            log("".join(traceback.format_exception(error)))
            self.lost(str(error))
        except Exception:                                 # an error of ours: it goes into the log, and stops nothing
            log(traceback.format_exc())

    @property
    def _busy(self):
        return any(vm.runs for vm in self.vms.values())

    @property
    def _waited_for(self):
        return bool(self.requests.tasks) or any(vm.link and vm.link.ends for vm in self.vms.values())

    def _rest(self):
        """Return how long to wait for others."""
        most = OFTEN if self._waited_for else LOOK
        if not self._busy:
            self.began = (0.0, 0)
            return most
        if not self.began[0]:
            self.began = (time.monotonic(), self.root.machine.clock)
        ahead = (self.root.machine.clock - self.began[1]) / 1e9 - (time.monotonic() - self.began[0])
        if ahead < -0.1:                                  # the host is too slow: time lost is not made up for
            self.began = (time.monotonic(), self.root.machine.clock)
        return min(most, max(0.0, ahead - AHEAD))

    def _advance(self):
        self.root.run(LOOK_EVERY)
        self.hear()

    def _look(self):
        """Check what gives no signal: workers that end, slow clients, states that wait for the database, the folder."""
        self.looked = time.monotonic()
        for vm in list(self.vms.values()):
            if vm.link:
                vm.link.tick()
        for name, (state, note) in list(self.unsaved.items()):
            self.note(name, state, note)
        if not self.clients.tick():
            self.over, self.why = True, "its state folder was removed"

    def note(self, name, state, note=""):
        """Note a state: here, and in the database as soon as that can be written."""
        if name in self.vms:
            self.vms[name].state = state
        try:
            self.store.note(name, state, note)
            self.unsaved.pop(name, None)
        except ManageError as error:
            if name not in self.unsaved:
                log(str(error))
            self.unsaved[name] = (state, note)

    # ---- what children, root and workers say -------------------------------------------------------------

    def hear(self):
        """Hand on what the children and the root have said."""
        by_slot = {vm.slot: vm for vm in self.vms.values() if vm.ending is None}
        while self.root.serial:
            slot, data = self.root.serial.popleft()
            if slot in by_slot:
                by_slot[slot].link.send({"serial": base64.b64encode(data).decode()})
        while self.root.said:
            said = self.root.said.popleft()
            vm = by_slot.get(said.slot)
            if vm and vm.ending is None:
                self._owned(vm, getattr(self, f"_on_{said.kind.lower()}"), vm, *said.values)
        for vm in by_slot.values():
            if vm.typed and vm.ending is None:
                del vm.typed[:self.root.type(vm.slot, bytes(vm.typed))]

    def _owned(self, vm, function, *arguments):
        """Call what may go wrong for one virtual machine: it has failed then."""
        try:
            function(*arguments)
        except RootLost:
            raise
        except HvlabError as error:
            self.take_down(vm, store.FAILED, str(error))

    def _on_ended(self, vm, code):
        self.take_down(vm, store.OFF, f"ended with {code:#x}")

    def _on_failed(self, vm, message, rip):
        self.take_down(vm, store.FAILED, f"its root cannot answer message {message:#x} at {rip:#x}")

    def _on_disk(self, vm, sector, count, address, writes):
        vm.disk = (sector, count, address, writes)
        request = {"id": vm.slot, "sector": sector, "count": count}
        if writes:
            request["data"] = base64.b64encode(self.root.read(vm.base + address, count * int(VDISK.SECTOR))).decode()
        vm.link.send(request)

    def answered(self, vm, answer):
        """Take an answer of a worker."""
        if "console" in answer:
            self.note(vm.name, vm.state, f"the output of its serial line is lost: {answer['console']}")
        elif "failed" in answer:
            vm.failed = f": {answer['failed']}"
        elif vm.ending is None:
            self._owned(vm, self._disk_done, vm, answer)

    def _disk_done(self, vm, answer):
        try:
            sector, count, address, writes = vm.disk
            data = b"" if writes or "error" in answer else base64.b64decode(answer["data"])
            if data and len(data) != count * int(VDISK.SECTOR):
                raise ValueError(f"{len(data)} bytes for {count} sectors")
        except (TypeError, ValueError, KeyError) as error:
            vm.link.kill(f"it sent a malformed answer: {error}")
            return
        vm.disk = None
        if data:
            self.root.place(vm.base + address, data)
        self.root.command("DISK_DONE", vm.slot, 1 if "error" in answer else 0)

    def worker_ended(self, vm, why):
        """Take down a virtual machine whose worker is gone."""
        try:
            self.take_down(vm, store.FAILED, f"its worker process ended ({why}){vm.failed}")
        finally:                                          # whatever the machine says to that
            state, note = vm.ending
            if self.vms.get(vm.name) is vm:
                del self.vms[vm.name]
            self.note(vm.name, state, note)

    # ---- the end ----------------------------------------------------------------------------------------

    def take_down(self, vm, state, note):
        """Take a virtual machine's processors and memory away; it is in its new state when its worker has done what it was asked."""
        if vm.ending is not None:
            return
        vm.ending = (state, note)
        try:
            if self.root:
                self.root.command("STOP", vm.slot)
        except RootLost:
            raise
        except ManageError as error:
            log(f"{vm.name}: {error}")
        finally:
            self._last_words(vm)
            vm.link.finish()

    def _last_words(self, vm):
        """Send what a virtual machine said last to its worker; what others said stays."""
        if not self.root:
            return
        mine = [data for slot, data in self.root.serial if slot == vm.slot]
        others = [each for each in self.root.serial if each[0] != vm.slot]
        self.root.serial.clear()
        self.root.serial.extend(others)
        if mine:
            vm.link.send({"serial": base64.b64encode(b"".join(mine)).decode()})

    def lost(self, why):
        """The machine has stopped: every virtual machine has failed, and the next one that starts gets another machine."""
        log(why)
        for vm in list(self.vms.values()):
            if vm.ending is None:
                vm.ending = (store.FAILED, why)
                self._last_words(vm)
                vm.link.finish()
        self.root = None

    def _end(self):
        for vm in list(self.vms.values()):
            self._guarded(self.take_down, vm, store.OFF, self.why)
        end = time.monotonic() + END_PATIENCE             # each worker has some seconds: then it is killed
        while self.vms and time.monotonic() < end:
            for key, _ in self.selector.select(OFTEN):
                self._guarded(key.data, key.fileobj)
            for vm in list(self.vms.values()):
                self._guarded(vm.link.tick)
        for name, (state, note) in list(self.unsaved.items()):
            self.note(name, state, note)
        self.clients.close()
        self.selector.close()
        self.lock.leave()


def main(folder, memory):
    """Run a service: `python -m emu.manage.service FOLDER BYTES`."""
    try:
        service = Service(folder, int(memory))
    except HvlabError as error:
        log(str(error))
        sys.exit(error.exit_code)
    service.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
