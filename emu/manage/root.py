"""The machine whose root partition is `firmware/root`: commands to it, what it says, memory of its children.

Layouts: firmware/root/README.md, "Commands", "Channel"; emu/spec/root.py.
"""
import struct
from collections import deque
from dataclasses import dataclass

from emu.bits import MIB, name_of
from emu.errors import HvlabError, ManageError
from emu.image import of_assembly
from emu.machine import Config, Machine
from emu.machine.partition import Partition, assembled, base_of
from emu.spec.outcome import STOP
from emu.spec.root import CHANNEL_TAG, ROOTOP, ROOTS, ROOTSAY, ROOTSTATUS
from emu.spec.tlfs import HVSTATUS

OVERHEAD = 32 * MIB                                       # of the machine, beside the root's memory
ANSWER_CYCLES = 2_000_000_000                              # cycles until an answer
LOOK_CYCLES = 1_000_000                                   # cycles of a look: a tick of the root
CHANNEL = f"partition {int(CHANNEL_TAG.CHANNEL)}"
INPUT_BYTES = 4096 - 4                                    # of a slot's ring


class RootLost(ManageError):
    """The machine of the virtual machines has stopped, or its root does not answer: none of them can go on."""


@dataclass(frozen=True)
class Said:
    """Something that the root reports without being asked; kind: a ROOTSAY name."""

    kind: str
    slot: int
    values: tuple


class Root:
    """A machine with a root partition; `memory`: bytes for virtual machines."""

    def __init__(self, memory):
        size = int(ROOTS.MEMORY) + memory
        self.machine = Machine(Config(memory_bytes=size + OVERHEAD))
        image = of_assembly(assembled("firmware/root"), size)
        self.machine.load_partitions([Partition(name="root", image=image, root=True)])
        self.machine.on_console(self._console)
        self.said: deque[Said] = deque()
        self.serial: deque[tuple[int, bytes]] = deque()
        self.log = bytearray()                            # what the hypervisor and the firmware say
        self._frames, self._sequence, self._fed = bytearray(), 0, [0] * int(ROOTS.SLOTS)
        self._reply = (0, 0, 0)                           # sequence number, status, value
        self._until(lambda: any(each.kind == "READY" for each in self.said), "start")
        self.said.clear()
        self.base = base_of(0, self.machine.read)

    def _console(self, source, data):
        if source == CHANNEL:
            self._frames += data
            self._parse()
        elif source.startswith("partition "):
            self.serial.append((int(source.split()[1]) - 1, data))
        else:
            self.log += data

    def _parse(self):
        while len(self._frames) >= 3 and len(self._frames) >= 3 + self._frames[2]:
            kind, slot, size = self._frames[:3]
            payload = bytes(self._frames[3:3 + size])
            del self._frames[:3 + size]
            if kind == ROOTSAY.REPLY:
                self._reply = struct.unpack("<IIQ", payload)
                continue
            self.said.append(Said(name_of(ROOTSAY, kind), slot, struct.unpack(f"<{size // 8}Q", payload)))

    def run(self, cycles):
        """Run for about so many cycles."""
        try:
            stop = self.machine.advance(self.machine.clock + cycles)
        except HvlabError as error:
            raise RootLost(f"the machine of the virtual machines has stopped ({error})") from error
        except Exception as error:                        # ours: nothing is known of the machine then
            raise RootLost(f"an error of hvlab itself stopped the machine ({type(error).__name__}: {error})") from error
        if stop not in (STOP.BUDGET, STOP.NONE):
            tail = self.log.decode("latin-1").strip().rsplit("\n", 2)
            raise RootLost(f"the machine of the virtual machines has stopped ({name_of(STOP, stop)}): {' / '.join(tail[-2:])}")

    def _until(self, done, what):
        end = self.machine.clock + ANSWER_CYCLES
        while not done():
            if self.machine.clock > end:
                raise RootLost(f"the root partition does not answer ({what})")
            self.run(LOOK_CYCLES)

    def command(self, op, slot=0, first=0, second=0):
        """Let the root carry out a ROOTOP; returns its value.  Raises ManageError with the status when it refuses."""
        self._sequence += 1
        self.place(int(ROOTS.MAILBOX), struct.pack("<IIQQQ", self._sequence, int(getattr(ROOTOP, op)), slot, first, second))
        self._until(lambda: self._reply[0] == self._sequence, op)
        _, status, value = self._reply
        if status:
            table = ROOTSTATUS if status >= 0x1_0000 else HVSTATUS
            names = {int(number): name for name, number in table._asdict().items()}
            raise ManageError(f"the root refuses {op.lower()} of slot {slot}: {names.get(status, hex(status))}")
        return value

    def place(self, address, data):
        """Write into the root's memory, as a recorded input."""
        self.machine.place_input(self.base + address, data)

    def read(self, address, size):
        """Return bytes of the root's memory."""
        return self.machine.read(self.base + address, size)

    def type(self, slot, data):
        """Give bytes to the serial line of a slot; returns how many there was room for."""
        page = int(ROOTS.INPUTS) + 4096 * slot
        head = self._fed[slot]
        data = data[:INPUT_BYTES // 2]
        for start, part in self._split(head, data):
            self.place(page + 4 + start, part)
        self._fed[slot] = (head + len(data)) % INPUT_BYTES
        self.place(page, struct.pack("<I", self._fed[slot]))
        return len(data)

    @staticmethod
    def _split(head, data):
        first = data[:INPUT_BYTES - head]
        return [(start, part) for start, part in ((head, first), (0, data[len(first):])) if part]

    def fresh(self, slot):
        """Forget what was typed: the slot has a new virtual machine."""
        self._fed[slot] = 0
