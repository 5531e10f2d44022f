"""What a client may ask of the service: a method `do_NAME` each, with the request's other members as arguments.

A method returns the answer, a dict or None; one that has to wait for a worker is a generator, which the service goes on with in each turn
of its loop, and returns the answer at its end.
"""
import base64
import binascii
import os
import sys
import time
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import GeneratorType

from emu.errors import ConfigError, HvlabError, ManageError
from emu.files import printable
from emu.image.raw import LOAD_ADDRESS
from emu.machine.partition import assembled
from emu.manage import checkpoint, files, store
from emu.manage.link import Link
from emu.manage.root import LOOK_CYCLES, Root, RootLost
from emu.manage.running import Running
from emu.spec.root import ROOTS

TYPED_MOST = 1 << 16
WORKER_SECONDS = 5                                        # seconds for a worker to answer


class Requests:
    """Requests to a service, and those of them that are under way."""

    def __init__(self, service):
        self.service = service
        self.tasks: list = []                             # (client, generator)

    def asked(self, client, request):
        """Do what a client asks for, or begin with it."""
        action = getattr(self, f"do_{request.pop('do')}", None)
        if action is None:
            client.answer({"error": "no such request", "code": 2})
            return
        answer = self._attempt(client, partial(_call, action, request))
        if isinstance(answer, GeneratorType):
            self.tasks.append((client, answer))
        elif answer is not FAILED:
            client.answer(answer or {})

    def _attempt(self, client, function):
        """Return what a function returns, or FAILED when the client got an error as its answer."""
        try:
            return function()
        except RootLost as error:
            self.service.lost(str(error))
            client.answer({"error": str(error), "code": error.exit_code})
        except HvlabError as error:
            client.answer({"error": str(error), "code": error.exit_code})
        except (ValueError, TypeError, LookupError, binascii.Error) as error:
            client.answer({"error": f"not a request: {error}", "code": 2})
        except (OSError, MemoryError) as error:
            client.answer({"error": f"the computer refuses it: {error}", "code": 1})
        except Exception as error:
            log(traceback.format_exc())
            client.answer({"error": f"an error of hvlab itself: {type(error).__name__}: {error}", "code": HvlabError.exit_code})
        return FAILED

    def step(self):
        """Go on with what is under way."""
        for task in list(self.tasks):
            client, generator = task
            answer = self._attempt(client, partial(_step, generator))
            if answer is not None:
                self.tasks.remove(task)
            if answer is not None and answer is not FAILED:
                client.answer(answer)

    def _row(self, name, *states):
        row = self.service.store.row(name)
        vm = self.service.vms.get(name)
        if vm and vm.ending:
            raise ManageError(f"{name} is ending")
        state = self.service.unsaved.get(name, (row.state,))[0]
        if state not in states:
            raise ManageError(f"{name} is {state}, not {' or '.join(states)}")
        return row

    def _vm(self, name, *states):
        self._row(name, *states)
        if name not in self.service.vms:
            raise ManageError(f"{name} does not run")
        return self.service.vms[name]

    def do_start(self, name):
        """Give a virtual machine memory, a worker, and its boot loader."""
        row = self._row(name, store.OFF, store.FAILED)
        vm = self._create(row)
        try:
            self.service.root.place(vm.base + LOAD_ADDRESS, assembled("firmware/loader").code)
            self.service.root.command("START", vm.slot, LOAD_ADDRESS)
        except HvlabError as error:
            self.service.take_down(vm, store.FAILED, f"it cannot be started: {error}")
            raise
        self.service.note(name, store.RUNNING)
        return {"worker": vm.link.pid}

    def do_checkpoint(self, name):
        """Keep a virtual machine's memory, registers, devices and disk as they are now."""
        vm = self._vm(name, store.RUNNING, store.PAUSED)
        if vm.state == store.RUNNING:
            self.service.root.command("PAUSE", vm.slot)
        try:
            end = time.monotonic() + WORKER_SECONDS
            while vm.disk and not vm.ending and time.monotonic() < end:       # its disk's answer belongs to it
                yield
            if vm.disk or vm.ending:
                raise ManageError(f"{name}: its worker does not answer; no checkpoint was made")
            self.service.root.run(2 * LOOK_CYCLES)
            size = checkpoint.write(self.service.root, vm, vm.row.path(files.CHECKPOINT), vm.row.disk)
            vm.row.path(files.CHECKPOINT_DISK).unlink(missing_ok=True)        # of an older version
        finally:
            if self.service.root and vm.state == store.RUNNING and not vm.ending:
                self.service.root.command("RESUME", vm.slot)
        return {"bytes": size}

    def do_apply(self, name):
        """Let a virtual machine that is off go on where its checkpoint was made; its disk is as it was then."""
        row = self._row(name, store.OFF, store.FAILED)
        path = row.path(files.CHECKPOINT)
        if not path.is_file():
            raise ConfigError(f"{name} has no checkpoint; `hvlab vm checkpoint` makes one while it runs")
        head, content, disk = checkpoint.read(path, row)
        target = Path(os.path.realpath(row.disk))
        with files.replaced(target, files.write_part(target, disk)):
            vm = self._create(row)
            try:
                checkpoint.give(self.service.root, vm.slot, vm.base, head, content)
                self.service.root.command("RESUME", vm.slot)
            except HvlabError as error:
                self.service.take_down(vm, store.FAILED, f"its checkpoint cannot be applied: {error}")
                raise
        self.service.note(name, store.RUNNING)

    def _create(self, row):
        """Give a virtual machine a slot, memory and a worker."""
        slots = set(range(int(ROOTS.SLOTS))) - {vm.slot for vm in self.service.vms.values()}
        slot = None
        try:
            if not slots:
                raise ManageError(f"{int(ROOTS.SLOTS)} virtual machines run already: no more can")
            if not Path(row.disk).is_file():
                raise ConfigError(f"{files.shown(row.disk)}: the disk of {row.name} is not there")
            self.service.root = self.service.root or Root(self.service.memory)
            slot, base = min(slots), self.service.root.command("CREATE", min(slots), row.memory, row.processors)
            vm = Running(row, slot, base)
            row.path("").mkdir(parents=True, exist_ok=True, mode=0o700)
            vm.link = Link(self.service.selector, row.disk, str(row.path(files.CONSOLE)),
                           lambda answer: self.service.answered(vm, answer), lambda why: self.service.worker_ended(vm, why))
        except BaseException:
            if slot is not None:
                self.service.root.command("STOP", slot)
            raise
        self.service.vms[row.name] = vm
        self.service.root.fresh(slot)
        return vm

    def do_stop(self, name):
        """Take a virtual machine's processor, memory and devices away at once."""
        vm = self._vm(name, store.RUNNING, store.PAUSED)
        self.service.take_down(vm, store.OFF, "stopped")
        while self.service.vms.get(name) is vm:
            yield

    def do_pause(self, name):
        """Suspend a virtual machine."""
        vm = self._vm(name, store.RUNNING)
        self.service.root.command("PAUSE", vm.slot)
        self.service.note(name, store.PAUSED)

    def do_resume(self, name):
        """Let a suspended one go on."""
        vm = self._vm(name, store.PAUSED)
        self.service.root.command("RESUME", vm.slot)
        self.service.note(name, store.RUNNING)

    def do_type(self, name, data):
        """Give bytes to the serial line of one that runs."""
        vm = self._vm(name, store.RUNNING, store.PAUSED)
        vm.typed += base64.b64decode(data)
        if len(vm.typed) > TYPED_MOST:
            del vm.typed[TYPED_MOST:]
            raise ManageError(f"{name} has not read {TYPED_MOST} bytes that were typed: the rest is lost")

    def do_list(self):
        """List every virtual machine, with the process of its worker."""
        pid = {vm.name: vm.link.pid for vm in self.service.vms.values()}
        rows = [{**each.__dict__, "worker": pid.get(each.name)} for each in self.service.store.rows()]
        for row in rows:
            row["state"], row["note"] = self.service.unsaved.get(row["name"], (row["state"], row["note"]))
        return {"vms": rows, "service": os.getpid(), "free_pages": self.service.root.command("HELLO") if self.service.root else None}

    def do_delete(self, name):
        """Forget one that does not run, with the files in its folder."""
        self._row(name, store.OFF, store.FAILED)
        self.service.store.delete(name)

    def do_shutdown(self):
        """End the service, and with it what runs."""
        self.service.over = True


def log(text):
    """Say something in the service's log, if it takes it."""
    with suppress(OSError, ValueError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {printable(text)}", file=sys.stderr, flush=True)


FAILED = object()                                         # an attempt whose client has its answer


def _call(action, request):
    return action(**request)


def _step(generator):
    """Go on with a request; returns None, or the answer at its end."""
    try:
        next(generator)
    except StopIteration as done:
        return done.value or {}
    return None
