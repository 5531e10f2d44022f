"""The `hvlab` command.  Nothing heavy is imported until a command needs it."""
import os
import signal
import sys


class _Terminated(BaseException):
    """SIGTERM came; what is under way is left as an interrupt leaves it."""


def _terminate(_number, _frame):
    raise _Terminated


def main():
    """Run the command line and exit with its code.  A run heeds SIGTERM by itself (`emu.cli.interrupt`); here it comes at other times."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        from emu.cli.streams import prepare

        prepare()
        from emu.cli.group import start

        start()
    except _Terminated:
        try:
            os.write(2, b"hvlab: interrupted by SIGTERM\n")
        except OSError:                                    # standard error is full, or was closed
            pass
        sys.exit(128 + signal.SIGTERM)
