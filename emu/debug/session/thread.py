"""A thread for a debugger: one world of a processor, with its registers and memory as it sees them."""
import numpy as np

from emu.bits import ALL_ONES, PAGE_BYTES
from emu.debug.session.mapping import Mapping
from emu.debug.views import registers
from emu.debug.views.translation import check_range, in_world
from emu.errors import DebugError
from emu.jit import words
from emu.machine.failure import place
from emu.machine.host import Host
from emu.model import cpu
from emu.model.memory import steps
from emu.model.vmx.vmcs import View
from emu.spec.outcome import ACCESS, MODE
from emu.spec.trace import WORLDS
from emu.spec.vmcs import REGION_WORDS
from emu.spec.vmx import PROC, PROC2
from emu.state import env_of

NO_EPT, NONROOT = 0, int(MODE.NONROOT)
DEBUGGER_READ = ACCESS.READ | ACCESS.AC                    # SMAP keeps no debugger out
ROOT_WORLD, GUEST_WORLD = 0, 1


class Thread:
    """World 0 (bare or VMX root) or 1 (VMX non-root) of processor number `processor` of a machine.

    partition: 0 for the root world, else a number that the session gives to each EPT hierarchy in the order it meets them.
    pointer: physical address of the guest's VMCS; it need not be the processor's current one, then the guest waits.
    """

    def __init__(self, machine, processor, world, name, partition=0, pointer=None):
        self.machine, self.processor, self.world, self.name, self.partition = machine, processor, world, name, partition
        self.pointer = self.host.vmcs_pointer if pointer is None else pointer
        self._mapping = None

    def __repr__(self):
        return f"<Thread {self.name}, RIP {self.register('rip'):#x}{'' if self.running else ', not in this world now'}>"

    @property
    def c(self):
        """Return the CPU record."""
        return self.machine.cpu[self.processor]

    @property
    def host(self):
        """Return the CPU record as Python numbers."""
        return Host(self.c)

    @property
    def running(self):
        """Return whether the processor is in this world now."""
        c = self.machine.processors[self.processor].cells
        if self.world == ROOT_WORLD:
            return c.vmx_mode != NONROOT
        return c.vmx_mode == NONROOT and c.vmcs_pointer == self.pointer

    def _region(self):
        return words(self.machine.record[0].ram + self.pointer, REGION_WORDS)

    def vmcs(self):
        """Return the View of the guest's VMCS."""
        return View(self._region())

    @property
    def eptp(self):
        """Return the host-physical address of the EPT PML4 table; 0 without EPT and for the root world."""
        if self.world == ROOT_WORLD:
            return NO_EPT
        if self.running:
            return self.host.eptp & ~(PAGE_BYTES - 1) if steps.ept.active(self.c) else NO_EPT
        vmcs = View(self._region())
        active = vmcs.primary_controls & int(PROC.SECONDARY) and vmcs.secondary_controls & int(PROC2.EPT)
        return vmcs.ept_pointer & ~(PAGE_BYTES - 1) if active else NO_EPT

    # ---- registers ------------------------------------------------------------------------------------------------
    def world_registers(self):
        """Return the view of emu.debug.views.registers that `register` reads: for a caller that reads many."""
        if not self.running and self.world == GUEST_WORLD:
            return registers.Saved(View(self._region()))
        c = self.machine.processors[self.processor].cells
        return registers.Live(self.machine.processors[self.processor], c.env if self.running else c.root_env)

    def register(self, name):
        """Return the value of a register of `registers.NAMES`; None: only the hypervisor knows where it keeps it."""
        return self.world_registers().read(registers.checked(name))

    def registers(self):
        """Return {name: value} of all registers; values as those of `register`."""
        found = self.world_registers()
        return {name: found.read(name) for name in registers.NAMES}

    def set_register(self, name, value):
        """Change a register; DebugError where the processor would refuse the value or the world does not run."""
        name = registers.checked(name, value)
        if self.world == ROOT_WORLD and not self.running:
            raise DebugError(f"processor {self.processor} runs its guest: at the next VM exit {name} is loaded from the VMCS or lost; "
                             "write HOST_... of the VMCS, or stop in the hypervisor")
        self.machine.edits += 1
        self.world_registers().write(name, value)

    @property
    def pc(self):
        """Return the linear address of the next instruction."""
        found = self.world_registers()
        return found.read("rip") if self.bits == 64 else found.read("rip") + found.read("cs_base") & 0xFFFF_FFFF

    def place(self):
        """Return where it is: the linear address, with symbol and source line where they are known."""
        return place(self.machine, self.pc, self.world)

    @property
    def bits(self):
        """Return 16, 32 or 64: the width of the code that runs."""
        if self.running:
            return int(cpu.code_bits(env_of(self.c.env)[0]))
        found = self.world_registers()
        attributes, long_mode = found.read("cs_attributes"), (found.read("efer") or 0) >> 10 & 1
        return 64 if long_mode and attributes >> 21 & 1 else 32 if attributes >> 22 & 1 else 16

    # ---- memory -----------------------------------------------------------------------------------------------------
    def _host(self, copies, linear):
        walk = steps.trace(copies.cpu, np.uint64(linear), DEBUGGER_READ, flags=False)
        if walk[-1].verdict != "DONE":
            return None
        if self._mapping and self.running:
            self._mapping.keep(linear, walk)
        return walk[-1].address

    def _mapped(self):
        """Return a function: linear address -> host-physical, None where nothing is mapped; good until the machine moves."""
        copies = None
        if self._mapping is None:
            self._mapping = Mapping(self.machine, self.processor)
        running, find = self.running, self._mapping.find

        def host(linear):
            nonlocal copies
            found = find(linear) if running else None
            if found is None:
                copies = copies or self._copies()
                found = self._host(copies, linear)
            return found
        return host

    def _copies(self):
        if self.running:
            return in_world(self.machine, self.processor, None)[0]
        return in_world(self.machine, self.processor, WORLDS[self.world], self._region() if self.world == GUEST_WORLD else None)[0]

    def translate(self, linear):
        """Return the host-physical address of a linear one through this world's paging (and EPT); None: not mapped."""
        check_range(linear)
        return self._mapped()(linear)

    def translate_guest(self, address):
        """Return the host-physical address of a guest-physical one; None: EPT does not map it."""
        check_range(address)
        if not self.eptp:
            return address
        copies = self._copies()                            # held: `cpu` is a view of its memory
        return steps.place(copies.cpu, address)

    def _pieces(self, address, size, where):
        """Yield (host-physical address, bytes) of the parts of a range that lie on a page each; stops at the first that is not mapped."""
        check_range(address)                               # the range may go on at 0, as instructions do
        while size:
            here = min(size, PAGE_BYTES - address % PAGE_BYTES)
            yield where(address), here
            address, size = address + here & 0xFFFF_FFFF_FFFF_FFFF, size - here

    def _read(self, address, size, where, what):
        found = b""
        for host, here in self._pieces(address, size, where):
            data = None if host is None else self.machine.peek(host, here)
            if data is None:
                if found:
                    break
                raise DebugError(f"{what} {address:#x} is not mapped" if host is None else
                                 f"{what} {address:#x} is not memory: a device or nothing is at physical {host:#x}")
            found += data
        return found

    def read(self, address, size):
        """Return up to `size` bytes at a linear address: fewer where a page that is not mapped follows, DebugError if the first is."""
        return self._read(address, size, self._mapped(), "linear address")

    def read_physical(self, address, size):
        """Return up to `size` bytes at a physical address: guest-physical for a guest with EPT."""
        return self._read(address, size, self.translate_guest, "guest-physical address" if self.eptp else "physical address")

    def _write(self, address, data, where, what):
        pieces, done = list(self._pieces(address, len(data), where)), 0
        for host, here in pieces:
            if host is None or not self.machine.in_ram(host, here):
                raise DebugError(f"{what} {address:#x} to {address + len(data) - 1:#x} is not all mapped to RAM; nothing was written")
        self.machine.edits += 1
        for host, here in pieces:
            self.machine.write(host, data[done:done + here])
            done += here

    def write(self, address, data):
        """Write bytes at a linear address, read-only pages too; all or, with DebugError, nothing."""
        self._write(address, data, self._mapped(), "linear address")

    def write_physical(self, address, data):
        """Write bytes at a physical address, guest-physical for a guest with EPT; all or, with DebugError, nothing."""
        self._write(address, data, self.translate_guest, "guest-physical address" if self.eptp else "physical address")


def has_guest(c):
    """Return whether a CPU record runs a guest or has a current VMCS that makes one."""
    return c.vmx_mode == MODE.NONROOT or c.vmx_mode == MODE.ROOT and c.vmcs_pointer != ALL_ONES

