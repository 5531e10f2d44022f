"""`hvlab vm`: virtual machines under the root partition: created, started, listed, stopped."""

import base64
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

from emu.bits import MIB
from emu.cli.console import echo, made
from emu.cli.values import Input, Memory
from emu.errors import OK, ConfigError, ManageError
from emu.files import plain
from emu.spec.root import VMMOST

SERVICE_MEMORY = 1024 * MIB                               # of the service, for all virtual machines together
DISK_LIMIT = 1 << 40                                      # bytes that a disk has room for in its sector numbers
SERVICE_SECONDS = 10                                      # for a service that begins or ends
START_SECONDS = 120                                       # until a service that was started answers: it may compile kernels

HELP = """Virtual machines under the hypervisor: children of the root partition, each with a worker process for its devices.

A service (one process a state folder) owns the machine on which the hypervisor, the root partition and its children run; it is
started when the first virtual machine is. A virtual machine boots from its disk: a file that `create` makes of a
kernel (a Linux bzImage with its initial RAM disk, or 64-bit code: ELF, raw, assembly), or one of yours. Its serial line goes to a file.

\b
Examples:
  hvlab vm create first --kernel kernel.elf --memory 16M
  hvlab vm create linux --kernel vmlinuz --initrd initrd.img --append console=ttyS0 --memory 256M --processors 2
  hvlab vm start first
  hvlab vm type first 'hello\\n'
  hvlab vm console first                     what its serial line has sent
  hvlab vm checkpoint first && hvlab vm stop first && hvlab vm apply first
  hvlab vm list
  hvlab vm stop first && hvlab vm delete first
  hvlab vm shutdown                          end the service, and all that runs
"""


def default_folder():
    """Return the state folder: $XDG_STATE_HOME/hvlab/vms, or ~/.local/state/hvlab/vms."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hvlab" / "vms"


@click.group("vm", help=HELP)
@click.option("--state", "folder", type=Input(file_okay=False), help="The state folder; each has virtual machines of its own.")
@click.pass_context
def command(context, folder):
    """Hold the commands."""
    context.obj = (folder or default_folder()).absolute()


def _store(folder):
    from emu.manage.store import Store
    return Store(folder)


def _ask(folder, **request):
    from emu.manage.clients import ask
    return ask(folder, **request)


@contextmanager
def _no_service(folder):
    """Hold the folder's lock: no service runs or starts meanwhile, and what an earlier one left is cleaned up.

    Gives the Store, or None when there is a service, which is then the one to ask.
    """
    from emu.manage.files import Lock, state_folder
    lock, end = Lock(state_folder(folder)), time.monotonic() + SERVICE_SECONDS
    while not lock.take():
        if _ask(folder, do="list") is not None:
            yield None
            return
        if time.monotonic() > end:
            raise ManageError(f"the service (process {lock.holder()}) has the state folder, but does not answer")
        time.sleep(0.02)
    try:
        store = _store(folder)
        store.recover()
        yield store
    finally:
        lock.leave()


def _service(folder):
    """Start a service unless there is one; returns when it answers."""
    if _ask(folder, do="list") is not None:
        return
    _store(folder)                                        # what is wrong with the folder is said here
    from emu.manage.files import LOG, shown
    log_path = folder / LOG
    try:
        with open(log_path, "ab") as log:
            command = [sys.executable, "-m", "emu.manage.service", str(folder), str(SERVICE_MEMORY)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    except OSError as error:
        raise ManageError(f"{shown(log_path)}: {error.strerror}; the service does not start") from None
    end = time.monotonic() + START_SECONDS
    while _ask(folder, do="list") is None:
        ended = process.poll() is not None
        if time.monotonic() > end or (ended and _ask(folder, do="list") is None):       # or another command's service won
            raise ManageError(f"the service does not start; {shown(log_path)} says why")
        time.sleep(0.05)


def _needed(folder, **request):
    answer = _ask(folder, **request)
    if answer is None:
        name = request["name"]
        with _no_service(folder) as store:
            if store is None:
                raise ManageError("the service ended while it was asked, and another one runs; ask again")
            raise ManageError(f"no service runs, so {name} does not either ({store.row(name).state})")
    return answer


@command.command("create", short_help="Create a VM, stopped.")
@click.argument("name")
@click.option("--kernel", type=Input(),
              help="A disk is made of this kernel: a Linux bzImage, or 64-bit code from 0x10000 on: ELF, raw image, assembly.")
@click.option("--initrd", type=Input(exists=True, dir_okay=False), help="Initial RAM disk of a Linux kernel.")
@click.option("--append", default="", help="Command line of a Linux kernel, such as console=ttyS0.")
@click.option("--disk", type=Input(dir_okay=False), help="A disk of yours, used as it is.")
@click.option("--disk-size", type=Memory(), default=0, help="Size of the disk that is made, such as 1M; at least what the kernel takes.")
@click.option("--processors", type=click.IntRange(1, int(VMMOST.PROCESSORS)), default=1, show_default=True, help="Its processors.")
@click.option("--memory", type=Memory(), default="16M", show_default=True, help="Its memory, such as 16M: whole 2 MiB.")
@click.pass_obj
def create(folder, name, kernel, initrd, append, disk, disk_size, processors, memory):
    """Make a virtual machine that is off, with a disk made of --kernel, or --disk.

    \b
    Examples:
      hvlab vm create first --kernel kernel.elf --memory 16M --disk-size 1M
      hvlab vm create linux --kernel bzImage --initrd initrd.img --append console=ttyS0 --memory 256M
      hvlab vm create other --disk disk.raw
    """
    from emu.manage import files
    from emu.manage.store import check_name
    check_name(name)
    if (kernel is None) == (disk is None):
        raise ConfigError("a virtual machine boots from --kernel or from --disk: give one of them")
    if disk and (initrd or append):
        raise ConfigError("--initrd and --append go with --kernel: a disk of yours has its own")
    if memory % (2 * MIB):
        raise ConfigError(f"the memory of a virtual machine is whole 2 MiB, not {memory} bytes")
    if memory > DISK_LIMIT or disk_size > DISK_LIMIT:
        raise ConfigError(f"memory and disk of a virtual machine have at most {DISK_LIMIT >> 30} GiB each")
    if disk and not disk.is_file():
        raise ConfigError(f"{files.shown(disk)}: there is no such file")
    if disk and files.is_own(folder, disk):
        raise ConfigError(f"{files.shown(disk)}: the service writes this file itself: it can be the disk of no virtual machine")
    made = _disk_of(kernel, initrd, append, memory) if kernel else None
    store = _store(folder)
    with files.making(store.folder) as own:
        if made is not None:
            files.write_whole(own / files.DISK, [made], disk_size, f"the disk of {name}, {max(len(made), disk_size):,} bytes in "
                              f"{files.shown(store.folder)},")
        row = store.add(name, memory, str(disk.absolute()) if disk else "", processors, own)
    many = "s" if processors > 1 else ""
    echo(f"{name}: {memory // MIB} MiB, {processors} processor{many}, disk {files.shown(row.disk)}", err=True)
    return OK


def _disk_of(kernel, initrd, append, memory):
    from emu import image
    from emu.asm import assemble
    from emu.manage.disk import kernel_disk
    if kernel.suffix == ".s" or kernel.is_dir():
        if initrd or append:
            raise ConfigError("--initrd and --append go with a Linux kernel")
        loaded = image.of_assembly(assemble(kernel), memory, path=kernel)
    else:
        loaded = image.load(kernel, memory, append, (str(initrd),) if initrd else ())
    return kernel_disk(loaded)


def _act(verb, said):
    @command.command(verb, short_help=said[1])
    @click.argument("name")
    @click.pass_obj
    def act(folder, name):
        _store(folder).row(name)
        if verb in ("start", "apply"):
            _service(folder)
        _needed(folder, do=verb, name=name)
        echo(f"{name}: {said[0]}", err=True)
        return OK
    act.help = f"{said[1]}\n\n\b\nExamples:\n  hvlab vm {verb} first"
    return act


for _verb, _said in {"start": ("running", "Start a VM, and the service if none runs."),
                     "stop": ("off", "Power off a VM."),
                     "pause": ("paused", "Suspend a VM."), "resume": ("running", "Resume a suspended VM."),
                     "checkpoint": ("kept as it is now", "Keep the memory, registers, devices and disk of a VM as they are now."),
                     "apply": ("running", "Restore a stopped VM to its checkpoint.")}.items():
    _act(_verb, _said)


@command.command("type", short_help="Type on the serial line of a VM.")
@click.argument("name")
@click.argument("text")
@click.pass_obj
def type_(folder, name, text):
    """Give TEXT to the serial line of a virtual machine; \\n, \\t, \\xNN as in C.

    \b
    Examples:
      hvlab vm type first 'hello\\n'
    """
    try:
        data = os.fsencode(text).decode("unicode_escape").encode("latin-1")
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise ConfigError(f"{text!r} is not text with escapes as in C: {error.reason}") from None
    _needed(folder, do="type", name=name, data=base64.b64encode(data).decode())
    return OK


@command.command("console", short_help="Print what the serial line of a VM has sent.")
@click.argument("name")
@click.pass_obj
def console(folder, name):
    """Print what the serial line of a virtual machine has sent since it was created.

    \b
    Examples:
      hvlab vm console first
    """
    from emu.manage.files import CONSOLE, shown
    path = _store(folder).row(name).path(CONSOLE)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise ManageError(f"{shown(path)}: cannot be read ({error.strerror})") from None
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return OK


def _rows(folder):
    """Return every virtual machine as a dict, and the number of the service's process."""
    from emu.manage.files import shown
    while (answer := _ask(folder, do="list")) is None:
        with _no_service(folder) as store:
            if store is not None:                         # nothing can run
                answer = {"vms": [{**each.__dict__, "worker": None} for each in store.rows()], "service": None}
                break
    return [{**each, "disk": shown(each["disk"]), "folder": shown(each["folder"])} for each in answer["vms"]], answer["service"]


@command.command("list", short_help="List every VM and its state.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to standard output.")
@click.pass_obj
def list_(folder, as_json):
    """List the virtual machines of the state folder.

    \b
    Examples:
      hvlab vm list
      hvlab vm --state my-state list --json
    """
    rows, service = _rows(folder)
    if as_json:
        click.echo(msgspec.json.encode({"schema": "hvlab.vms.1", "service": service, "vms": rows}).decode())
        return OK
    table = Table(box=SIMPLE_HEAD)
    for column in ("name", "state", "memory", "processors", "worker", "note"):
        table.add_column(column, justify="left" if column in ("name", "state", "note") else "right")
    for each in rows:
        table.add_row(each["name"], each["state"], f"{each['memory'] // MIB} MiB", str(each["processors"]), str(each["worker"] or ""),
                      plain(each["note"]))
    made().print(table if rows else "there is no virtual machine; `hvlab vm create` makes one")
    return OK


@command.command("show", short_help="Show one VM.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to standard output.")
@click.pass_obj
def show(folder, name, as_json):
    """Show one virtual machine.

    \b
    Examples:
      hvlab vm show first
    """
    rows, service = _rows(folder)
    found = [each for each in rows if each["name"] == name]
    row = found[0] if found else _store(folder).row(name).__dict__                    # raises, naming those there are
    if as_json:
        click.echo(msgspec.json.encode({"schema": "hvlab.vm.1", "service": service, **row}).decode())
        return OK
    row |= {"memory": f"{row['memory'] // MIB} MiB", "service": service}
    for key, value in row.items():
        echo(f"{key:10} {'' if value is None else plain(str(value))}".rstrip())
    return OK


@command.command("delete", short_help="Delete a stopped VM.")
@click.argument("name")
@click.pass_obj
def delete(folder, name):
    """Delete a stopped VM. A disk that `create` made, and its console, are removed; a disk of yours stays.

    \b
    Examples:
      hvlab vm delete first
    """
    _store(folder).row(name)
    while _ask(folder, do="delete", name=name) is None:
        with _no_service(folder) as store:
            if store is not None:
                store.delete(name)
                break
    echo(f"{name}: deleted", err=True)
    return OK


@command.command("shutdown", short_help="End the service, and all that runs.")
@click.pass_obj
def shutdown(folder):
    """End the service of the state folder.

    \b
    Examples:
      hvlab vm shutdown
    """
    if _ask(folder, do="shutdown") is None:
        with _no_service(folder) as store:                # one that ends, or begins, just now is waited for
            if store is not None:
                echo("no service runs", err=True)
                return OK
        _ask(folder, do="shutdown")
    while _ask(folder, do="list") is not None:
        time.sleep(0.02)
    echo("the service has ended", err=True)
    return OK
