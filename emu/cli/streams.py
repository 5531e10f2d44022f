"""Standard input, output and error as a command may find them: closed, or on a disk that is full."""
import io
import os
import sys

OUTPUT = "standard output"


class _Named(io.FileIO):
    """Standard output, which says so in its errors: those of other files have a name."""

    def write(self, data):
        """Write as FileIO does; an error names standard output."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = OUTPUT
            raise


class _Forgiving(io.FileIO):
    """A file whose writes never fail: messages to people must not change what a command does."""

    def write(self, data):
        """Write what can be written; returns the number of bytes that were given."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


def prepare():
    """Open the null device in the place of streams that are closed, so that no other file takes their numbers.

    Standard error is forgiven, standard output named.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)                      # the lowest number that is free: this one
    sys.stdin = sys.stdin or os.fdopen(0, "r", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    if sys.stdout is sys.__stdout__:
        old, named = sys.stdout, io.BufferedWriter(_Named(1, "w", closefd=False))
        sys.stdout = io.TextIOWrapper(named, encoding=old.encoding, errors=old.errors, line_buffering=old.line_buffering)
    if sys.stderr is sys.__stderr__:
        raw = io.BufferedWriter(_Forgiving(2, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)
