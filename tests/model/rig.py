"""A machine without an engine: records, APICs and a board, for tests of interrupt controllers and devices."""
from collections import deque

import numpy as np

from emu.board.board import Board, BoardConfig
from emu.model.devices import ports
from emu.model.interrupts import apic
from emu.spec.platform import DEVICE
from emu.state import CPU, LOCAL_APIC, MACHINE

U = np.uint64
_alive = deque(maxlen=16)


class Rig:
    """Up to eight processors, their local APICs, and all devices.

    Records hold each other's addresses, so the latest rigs live on, also when a test keeps one record only.
    """

    def __init__(self, cpus=1, ram_bytes=16 << 20, **config):
        _alive.append(self)
        self._machine = np.zeros(1, MACHINE)
        self._cpu = [np.zeros(1, CPU) for _ in range(cpus)]
        self._apic = [np.zeros(1, LOCAL_APIC) for _ in range(cpus)]
        self.machine = self._machine[0]
        self.machine.cpu_count, self.machine.ram_bytes = cpus, ram_bytes
        self.machine.address_mask = (1 << 39) - 1
        self.cpu = [array[0] for array in self._cpu]
        self.apic = [array[0] for array in self._apic]
        for i, c in enumerate(self.cpu):
            c.id, c.machine, c.apic = i, self._machine.ctypes.data, self._apic[i].ctypes.data
            self.machine.cpus[i] = self._cpu[i].ctypes.data
        self.board = Board(BoardConfig(ram_bytes=ram_bytes, cpu_count=cpus, **config), self.machine)
        for c in self.cpu:
            apic.reset(c, False)

    def enable(self, *which):
        """Enable the given (or all) APICs by software."""
        for i in which or range(len(self.cpu)):
            apic.write(self.cpu[i], U(0xF), U(0x1FF))
        return self

    def x2apic(self):
        for c in self.cpu:
            apic.set_base(c, U(int(c.apic_base) | 0xC00))
        return self

    def read(self, number, size=1, cpu=0):
        return int(ports.read(self.cpu[cpu], U(number), U(size)))

    def write(self, number, value, size=1, cpu=0):
        ports.write(self.cpu[cpu], U(number), U(size), U(value))

    def unmask_pic(self, lines=0):
        """Initialise both 8259s as PCs do, vectors 0x20 and 0x28; `lines` stay masked (16 bits)."""
        for base, vector, wire in ((0x20, 0x20, 4), (0xA0, 0x28, 2)):
            self.write(base, 0x11)
            for value in (vector, wire, 1):
                self.write(base + 1, value)
        self.write(0x21, lines & 0xFF)
        self.write(0xA1, lines >> 8)
        return self

    def virtual_wire(self, i=0):
        """Let LINT0 of processor `i` take interrupts from the 8259s."""
        apic.write(self.cpu[i], U(0x35), U(0x700))
        return self

    def fields(self, name):
        """Return the record of a device by its DEVICE name."""
        assert name in DEVICE._fields
        return getattr(self.board, name.lower())
