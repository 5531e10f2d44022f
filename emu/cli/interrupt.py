"""Ctrl-C and SIGTERM while a machine runs: the first is reported like a budget that is used up, the second ends the command at once."""
import signal
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FROM_SIGNAL = 128                                          # exit code of a command that a signal ended, less the signal's number


@contextmanager
def heeded(machine):
    """Have a signal stop `machine.run` at the end of its slice of some milliseconds; the second one does what it did before."""
    def ask(number, _frame):
        machine.interrupted = number
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {each: signal.getsignal(each) for each in SIGNALS}
    for each in SIGNALS:
        signal.signal(each, ask)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def exit_code(machine, result, otherwise):
    """Return the exit code of a Result: that of the signal which ended its run, else `otherwise`."""
    return FROM_SIGNAL + machine.interrupted if machine.interrupted and result.reason in ("INTERRUPTED", "IDLE") else otherwise
