"""VMWP: the process that holds the devices of one virtual machine: the file of its disk, the file that its serial line fills.

    python -m emu.manage.worker DISK CONSOLE SERVICE

A request is a line of JSON on standard input: {"serial": base64}; {"id": n, "sector": s, "count": c} to read, the same with "data" to
write.  A disk request is answered by a line: {"id": n, "data": base64}, {"id": n} or {"id": n, "error": text}.  {"console": text} says,
once, that what the serial line said could not be kept; {"failed": text} why the process ends.  The process ends with its input, and with
the process SERVICE.
"""
import base64
import ctypes
import fcntl
import json
import os
import signal
import sys
import time

from emu.manage.disk import SECTOR

PR_SET_PDEATHSIG = 1
DISK_SECONDS = 2                                          # seconds for another process that still has the disk


def disk(file, request):
    """Carry out a disk request; returns its answer."""
    try:
        offset, size = request["sector"] * SECTOR, request["count"] * SECTOR
        end = os.fstat(file.fileno()).st_size
        if offset + size > -(-end // SECTOR) * SECTOR:
            return {"error": f"sectors {request['sector']} to {request['sector'] + request['count'] - 1} of a disk of {-(-end // SECTOR)}"}
        if "data" in request:
            write(lambda data, at: os.pwrite(file.fileno(), data, offset + at), base64.b64decode(request["data"]))
            return {}
        return {"data": base64.b64encode(os.pread(file.fileno(), size, offset).ljust(size, b"\0")).decode()}
    except OSError as error:
        return {"error": error.strerror or str(error)}


def write(some, data):
    """Write all of the data by a function that may write some of it."""
    at = 0
    while at < len(data):
        at += some(data[at:], at)


def say(**answer):
    """Answer the service; its end is ours."""
    try:
        write(lambda data, _: os.write(1, data), json.dumps(answer).encode() + b"\n")
    except OSError:
        sys.exit(0)


def end_with(service):
    """Let this process end when the service does, whatever it is doing then: nothing else would end it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != service:                           # it ended before
        sys.exit(0)


def alone(file):
    """Take the disk for this process; raises OSError when another one keeps it."""
    end = time.monotonic() + DISK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise OSError(None, "the disk of another virtual machine that runs") from None
            time.sleep(0.05)


def serve(file, console):
    """Serve until the input ends."""
    full = False
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "serial" not in request:
            say(id=request["id"], **disk(file, request))
            continue
        try:
            write(lambda data, _: console.write(data), base64.b64decode(request["serial"]))
        except OSError as error:
            if not full:
                say(console=error.strerror or str(error))
            full = True


def main(disk_path, console_path, service):
    """Serve the files until the input or the service ends."""
    end_with(int(service))
    path = disk_path
    try:
        with open(disk_path, "r+b", buffering=0) as file:
            alone(file)
            path = console_path
            with open(console_path, "ab", buffering=0) as console:
                serve(file, console)
    except OSError as error:
        say(failed=f"{path}: {error.strerror or error}")
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
