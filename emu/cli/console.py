"""Console output of the guests: raw bytes of one source, or lines with the name of their source."""

import re
import sys

import click
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from emu.files import plain, printable

STYLES = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan", "bright_green")

_ABOUT = re.compile(rb"hv: (?:partition \d+ \((\w+)\): )?(.*)")


class _Plain(Console):
    """A console that shows control characters of what it prints as escapes; those that are its own, for colours, it adds later."""

    def render(self, renderable, options=None):
        for each in super().render(renderable, options):
            yield each if each.control else Segment(printable(each.text), each.style)


def made(**more):
    """Return a rich console; it takes text as it is: in names, notes and paths of others "[/x]", ":x:" and escapes mean nothing."""
    return _Plain(highlight=False, markup=False, emoji=False, **more)


def echo(text, err=False):
    """Write a line to standard output, or to standard error: text may be of others, so its control characters come as escapes."""
    click.echo(printable(str(text)), err=err)


def stderr():
    """Return the rich console for messages to the user: standard error."""
    return made(stderr=True)


class Raw:
    """Write the bytes of every source to a binary stream as they come; end_line: end a line that is open when all is written."""

    def __init__(self, stream=None, end_line=False):
        self.stream, self.end_line, self.open = stream or sys.stdout.buffer, end_line, False

    def __call__(self, source, data):
        self.stream.write(data)
        self.stream.flush()
        self.open = not data.endswith(b"\n")

    def close(self):
        """End the last line if that was asked for; nothing else is held back."""
        if self.open and self.end_line:
            self(None, b"\n")


class Prefixed:
    """Write whole lines, each after the name of its source, in a colour of its own; control characters as escapes."""

    def __init__(self, console):
        self.console, self.parts, self.width = console, {}, 0

    def __call__(self, source, data):
        *lines, rest = (self.parts.get(source, b"") + data).split(b"\n")
        self.parts[source] = rest
        for line in lines:
            self._line(source, line)

    def close(self):
        """Write what has no line end yet."""
        for source, rest in self.parts.items():
            if rest:
                self._line(source, rest)
        self.parts.clear()

    def _line(self, source, line):
        self.width = max(self.width, len(source))
        text = plain(line.rstrip(b"\r").decode("utf-8", "replace"))
        style = STYLES[sum(source.encode()) % len(STYLES)]
        self.console.print(Text(f"{source:>{self.width}} | ", style), Text(text), sep="", soft_wrap=True)


class ByPartition(Prefixed):
    """Prefixed lines of the hypervisor's console, each under the name of the partition that it is about."""

    def __init__(self, console):
        super().__init__(console)
        self.width = len("hypervisor")

    def _line(self, source, line):
        found = _ABOUT.fullmatch(line.rstrip(b"\r")) if source == "serial" else None
        if found:
            source, line = (found[1] or b"hypervisor").decode(), found[2]
        super()._line("firmware" if source == "serial" else source, line)


class Split:
    """Send the main source to one writer, all others to another."""

    def __init__(self, main, other, is_main):
        self.main, self.other, self.is_main = main, other, is_main

    def __call__(self, source, data):
        (self.main if self.is_main(source) else self.other)(source, data)

    def close(self):
        """Close both."""
        self.main.close()
        self.other.close()
