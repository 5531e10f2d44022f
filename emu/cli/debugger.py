"""A machine served to gdb, which leads its run."""

import sys

from emu.cli import report
from emu.cli.console import echo
from emu.errors import Unmodelled


def served(make, listen, check=lambda: None):
    """Serve the machine that `make` returns to gdb until it is done, on a port as the option --listen has it.

    check: called when that is a port, before anybody can connect.  The console goes to standard output.
    Returns the exit code of the run, or 0 when gdb killed it.
    """
    from emu.debug.gdb.server import Server, address_of
    from emu.debug.gdb.stub import Stub

    def log(text):
        echo(f"hvlab: {text}", err=True)

    address = address_of(listen)
    check()
    server = Server(address, lambda poll, tell: Stub(lambda: _on_console(make()), poll, tell), log)
    log(f"listening on {server.address[0]}:{server.address[1]}")
    try:
        stub = server.serve()
    finally:
        server.close()
    if isinstance(stub.error, Unmodelled):
        raise stub.error
    return report.exit_code(stub.result) if stub.result and not stub.killed else 0


def _on_console(machine):
    def write(_source, data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    machine.on_console(write)
    return machine
