"""Where the files of virtual machines lie in a state folder, how they are written (whole or not at all), and who may.

    vms.sqlite               the table of virtual machines (store.py)
    vmms.sock                where the service answers
    service.lock .log        it holds the lock as long as it lives
    machines/ID/             of one virtual machine: disk, console, checkpoint.  ID is its number in the table, which is never used again
    machines/making-*        of one that `create` makes just now; its maker holds a lock on the folder

A name that a person chose is never part of a path.
"""
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from emu.errors import ConfigError, ManageError
from emu.files import locked, shown

DATABASE, SOCKET, LOCK, LOG, MACHINES, MAKING = "vms.sqlite", "vmms.sock", "service.lock", "service.log", "machines", "making-"
DISK, CONSOLE, CHECKPOINT, CHECKPOINT_DISK = "disk", "console", "checkpoint", "checkpoint.disk"
PART = ".hvlab-part"                                      # of a file that is being written
COPY_PIECE = 1 << 20
PATH_MOST = 480                                           # bytes: the database takes 512 with the names of its own files


def state_folder(folder):
    """Make a state folder unless it is there; returns its absolute path.  Raises ConfigError that says why it cannot be one."""
    folder = Path(folder).absolute()
    if len(os.fsencode(folder)) > PATH_MOST:
        raise ConfigError(f"the path of the state folder has {len(os.fsencode(folder))} bytes; it can have {PATH_MOST}")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"{shown(folder)}: the state folder cannot be made ({error.strerror})") from None
    check_own(folder)
    return folder


def check_own(folder):
    """Raise ConfigError when the machines of a state folder lie elsewhere: what is of no virtual machine there is removed."""
    machines = folder / MACHINES
    if machines.is_symlink() or machines.exists() and not machines.is_dir():
        what = "a symbolic link" if machines.is_symlink() else "a file"
        raise ConfigError(f"{shown(machines)}: it is {what}: must be a folder, since what is of no virtual machine is removed in it")


def folder_of(folder, ident):
    """Return the folder of the virtual machine with that number."""
    return folder / MACHINES / str(ident)


def is_own(folder, path):
    """Is a file one of a state folder that is written for another purpose than to be a disk?"""
    machines = (folder / MACHINES).glob("*/*")
    own = [folder / DATABASE, folder / LOCK, folder / LOG, *(each for each in machines if each.name != DISK)]
    return any(each.exists() and each.samefile(path) for each in own)


@contextmanager
def socket_path(folder, name=SOCKET):
    """Give a name of a socket in the folder that is short however long the folder's is: an address has 108 bytes."""
    held = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{held}/{name}"
    finally:
        os.close(held)


def pieces(path):
    """Give the bytes of a file, some at a time."""
    with open(path, "rb") as file:
        while data := file.read(COPY_PIECE):
            yield data


def _not_written(path, error, called):
    if called:
        return ManageError(f"{called} cannot be written ({error.strerror}); nothing was made")
    return ManageError(f"{shown(path)}: cannot be written ({error.strerror}); it is as it was")


def write_part(path, data, size=0, called=""):
    """Write the pieces of `data`, with zeros up to `size`, beside a file; returns the path.  When it fails nothing stays of it.

    called: what a file is that is made now, for a person who has asked for that.

    Pieces of zeros are holes, so that a large disk that is empty takes little.
    """
    part = path.with_name(path.name + PART)
    try:
        part.unlink(missing_ok=True)                      # of a process that was killed; a link is not written through
        with open(part, "xb") as file:
            for piece in data:
                if piece.count(0) == len(piece):
                    file.seek(len(piece), os.SEEK_CUR)
                else:
                    file.write(piece)
            file.truncate(max(size, file.tell()))
            with suppress(OSError):
                shutil.copymode(path, part)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _not_written(path, error, called) from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def write_whole(path, data, size=0, called=""):
    """Write a file of the pieces of `data`, with zeros up to `size`, whole or not at all; called: as of `write_part`."""
    part = write_part(path, data, size, called)
    try:
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _not_written(path, error, called) from None


class Lock:
    """The lock of a state folder's service: whoever holds it knows that no virtual machine runs but its own.

    It ends with the process that took it, however that ends.
    """

    def __init__(self, folder):
        self.path, self._held = folder / LOCK, None

    def take(self):
        """Return whether it could be taken."""
        try:
            held = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            if not locked(held):
                os.close(held)
                return False
            with suppress(OSError):                       # a full disk: the number is for a message alone
                os.ftruncate(held, 0)
                os.pwrite(held, str(os.getpid()).encode(), 0)
        except OSError as error:
            raise ConfigError(f"{shown(self.path)}: {error.strerror}") from None
        self._held = held
        return True

    def holder(self):
        """Return the number of the process that took it last, as text."""
        try:
            return self.path.read_bytes()[:16].decode("ascii", "replace") or "?"
        except OSError:
            return "?"

    def leave(self):
        """Let others take it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _new_folder(folder):
    """Return a new folder and the descriptor that holds its lock: between the two another process may have swept it away."""
    while True:
        try:
            (folder / MACHINES).mkdir(exist_ok=True, mode=0o700)
            path = Path(tempfile.mkdtemp(prefix=MAKING, dir=folder / MACHINES))
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ManageError(f"{shown(folder)}: {error.strerror}; no virtual machine was made") from None
        if locked(held) and path.exists():
            return path, held
        os.close(held)


@contextmanager
def replaced(path, part):
    """Put a part in the place of a disk that no virtual machine uses; when the block fails, the disk is as it was."""
    kept = path.with_name(f"{path.name}.old{PART}")
    try:
        old = os.open(path, os.O_RDONLY)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ManageError(f"{shown(path)}: {error.strerror}") from None
    try:
        if not locked(old):
            raise ManageError(f"{shown(path)} is the disk of another virtual machine that runs; nothing was changed")
        kept.unlink(missing_ok=True)
        os.link(path, kept)
        part.replace(path)
        try:
            yield
        except BaseException:
            kept.replace(path)
            raise
        kept.unlink(missing_ok=True)
    finally:
        part.unlink(missing_ok=True)
        os.close(old)


@contextmanager
def making(folder):
    """Give a folder for a virtual machine that is being made; unless it was moved to its place, nothing of it stays."""
    path, held = _new_folder(folder)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(held)


def sweep(folder, idents):
    """Remove the folders of no virtual machine in `idents`, and those that a process that was killed was making.

    The caller holds the table, so that no virtual machine appears meanwhile.  No link is followed.
    """
    check_own(folder)
    for path in list((folder / MACHINES).glob("*")):
        if path.name.startswith(MAKING):
            _sweep_making(path)
        elif path.name.isdecimal() and int(path.name) not in idents:
            shutil.rmtree(path, ignore_errors=True)


def _sweep_making(path):
    with suppress(OSError):                               # another process has just removed it
        held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if locked(held):
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(held)


def sweep_parts(folder, disks):
    """Remove parts of files whose writer is gone: in the folders of virtual machines, and beside `disks`, where these really lie.

    The caller holds the lock.  No link to a folder is followed.
    """
    check_own(folder)
    own = [path for path in (folder / MACHINES).glob(f"*/*{PART}") if not path.parent.is_symlink()]
    beside = [Path(os.path.realpath(disk) + end) for disk in disks for end in (PART, f".old{PART}")]
    for path in own + beside:
        with suppress(OSError):
            path.unlink()
