"""What comes into a machine from outside, each at its cycle: the one thing that a run depends on besides image and options.

An input is delivered when the run is cut at its cycle (as a budget cuts it), so that the same list gives the same run.  The
list keeps what was delivered: it is the recording of a run, and what a run that is repeated is fed with.
"""
from bisect import insort
from dataclasses import dataclass, replace

from emu.errors import ConfigError

NO_INPUT = 1 << 63
RETRY = 1_000_000                                          # cycles until what the UART's ring had no room for is offered again
# Bytes for the UART's receiver; scan codes (set 1) of the keyboard; an address (8 bytes, little-endian) and what goes into memory there.
KINDS = ("console", "keys", "memory")


@dataclass(frozen=True)
class Input:
    """Bytes that reach a device at a cycle; kind: one of KINDS."""

    cycle: int
    kind: str
    data: bytes

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ConfigError(f"an input is one of {', '.join(KINDS)}, not {self.kind!r}")
        if not 0 <= self.cycle < NO_INPUT:
            raise ConfigError(f"the cycle of an input is 0 to 2**63 - 1, not {self.cycle}")
        if not self.data:
            raise ConfigError(f"the input of {self.kind} at cycle {self.cycle:,} has no bytes")
        if self.kind == "memory" and len(self.data) < 9:
            raise ConfigError(f"the input of memory at cycle {self.cycle:,} is an address of 8 bytes and at least one more")


class Inputs:
    """The inputs of a machine in the order of their cycles; the first `done` have been delivered."""

    def __init__(self):
        self.log: list[Input] = []
        self.done = 0

    @property
    def next_cycle(self):
        """Return the cycle of the next input, NO_INPUT when there is none."""
        return self.log[self.done].cycle if self.done < len(self.log) else NO_INPUT

    def add(self, cycle, kind, data, clock):
        """Add an input at a cycle, None: as soon as it can be; `clock`: the largest clock of the machine.

        Inputs of the same cycle are delivered in the order in which they came.
        """
        last = self.log[self.done - 1].cycle if self.done else 0
        if cycle is None:
            cycle = max(clock, last)
        elif cycle < max(clock, last):
            raise ConfigError(f"cycle {cycle:,} has passed: the machine is at cycle {max(clock, last):,}")
        made = Input(int(cycle), kind, bytes(data))
        insort(self.log, made, lo=self.done, key=lambda each: each.cycle)

    def forget_future(self):
        """Drop what has not been delivered."""
        del self.log[self.done:]

    def deliver(self, board, write):
        """Hand the next input to the board, or to `write(address, data)`; what there is no room for comes again RETRY cycles later."""
        each = self.log[self.done]
        if each.kind == "memory":
            write(int.from_bytes(each.data[:8], "little"), each.data[8:])
            taken = len(each.data)
        elif each.kind == "keys":
            board.press(*each.data)
            taken = len(each.data)
        else:
            taken = board.feed(each.data, each.cycle)
        done = [replace(each, data=each.data[:taken])] if taken else []
        later = each.cycle + RETRY
        rest = [replace(each, data=each.data[taken:], cycle=later)] if taken < len(each.data) else []
        after = self.log[self.done + 1:]
        if rest:                                           # nothing overtakes it
            after = [replace(other, cycle=max(other.cycle, later)) for other in after]
        self.log[self.done:] = done + rest + after
        self.done += len(done)
