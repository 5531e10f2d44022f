"""VMWP: the process that holds the devices of one virtual machine: the file of its disk, the file that its serial line fills.

    python -m emu.manage.worker DISK CONSOLE

A request is a line of JSON on standard input: {"serial": base64}; {"id": n, "sector": s, "count": c} to read, the same with "data" to
write.  A disk request is answered by a line: {"id": n, "data": base64}, {"id": n} or {"id": n, "error": text}.  The process ends with
its input.
"""
import base64
import json
import os
import sys

SECTOR = 512


def disk(file, request):
    """Carry out a disk request; returns its answer."""
    try:
        offset, size = request["sector"] * SECTOR, request["count"] * SECTOR
        end = os.fstat(file.fileno()).st_size
        if offset + size > -(-end // SECTOR) * SECTOR:
            return {"error": f"sectors {request['sector']} to {request['sector'] + request['count'] - 1} of a disk of {-(-end // SECTOR)}"}
        if "data" in request:
            os.pwrite(file.fileno(), base64.b64decode(request["data"]), offset)
            return {}
        return {"data": base64.b64encode(os.pread(file.fileno(), size, offset).ljust(size, b"\0")).decode()}
    except OSError as error:
        return {"error": error.strerror or str(error)}


def main(disk_path, console_path):
    """Serve until the input ends."""
    with open(disk_path, "r+b", buffering=0) as file, open(console_path, "ab", buffering=0) as console:
        for line in sys.stdin:
            request = json.loads(line)
            if "serial" in request:
                console.write(base64.b64decode(request["serial"]))
            else:
                print(json.dumps({"id": request["id"], **disk(file, request)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
