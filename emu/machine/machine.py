"""The machine: processors, memory and devices put together, and what a program does with them.

    machine = Machine(Config(memory_bytes=64 << 20))
    machine.load(image)
    result = machine.run()

Not here: how instructions run (`emu.core`), what hardware does (`emu.model`).
"""
import hashlib
import mmap
import time
from dataclasses import dataclass

import numpy as np

from emu.bits import ALL_ONES, name_of
from emu.board.board import Board, BoardConfig
from emu.board.inputs import Inputs
from emu.core import build, engine, rows
from emu.core.state import BLOCK, CORE, ENGINES
from emu.errors import ConfigError
from emu.image import of_assembly
from emu.machine import endings, failure, partition, restart, standing
from emu.machine.host import cells, host
from emu.machine.result import Result, exit_rows, raise_unmodelled
from emu.machine.trace_ring import ExitFile, Watch
from emu.model.memory.memory import PAGE
from emu.model.observe import monitor
from emu.spec.cpu import GPR, SEG
from emu.spec.outcome import ON_RESET, STOP
from emu.spec.platform import MEMORY
from emu.spec.profile import LEAST_BITS, MOST_BITS, PHYSICAL_BITS, PROCESSORS
from emu.spec.vmx import REASON
from emu.state import CPU, INSN, LOCAL_APIC, MACHINE, STALE_PAGES, TLB

ROM_BYTES = 128 << 10
ROM_BASE = (1 << 32) - ROM_BYTES
LOW_LIMIT, MEMORY_LIMIT = int(MEMORY.HOLE), 64 << 30
NORESERVE = 0x4000                                        # of mmap, Linux: nothing is set aside for pages that are never written
LAST_TIME = 253_402_300_799                                # the end of the year 9999: the clock counts centuries to 99
DIRTY, CODE_HELD = np.uint64(int(PAGE.DIRTY)), np.uint64(int(PAGE.CODE))
FOREVER = 1 << 62                                         # cycles
PAUSE_CYCLES = 20_000_000
NO_STOP = int(STOP.NONE)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a machine is made of.  Times are in cycles of 1 ns; sizes in bytes."""

    memory_bytes: int = 256 << 20
    processors: int = 1
    quantum_cycles: int = 10_000
    seed: int = 1
    start_time: int = 1_767_225_600                       # seconds since 1970 that the real-time clock starts at
    on_reset: str = "fail"                                # what a guest's reset is: one of emu.spec.outcome.ON_RESET
    physical_bits: int = PHYSICAL_BITS                    # MAXPHYADDR

    def __post_init__(self):
        if not 2 << 20 <= self.memory_bytes <= MEMORY_LIMIT or self.memory_bytes % 4096:
            raise ConfigError(f"memory_bytes must be a multiple of 4096 from 2 MiB to 64 GiB, not {self.memory_bytes}")
        if not LEAST_BITS <= self.physical_bits <= MOST_BITS:
            raise ConfigError(f"physical_bits must be {LEAST_BITS} to {MOST_BITS}, not {self.physical_bits}")
        if self.top > 1 << self.physical_bits:
            raise ConfigError(f"memory_bytes of {self.memory_bytes} needs addresses up to {self.top:#x}: physical_bits must be "
                              f"at least {(self.top - 1).bit_length()}, not {self.physical_bits}")
        if not 1 <= self.processors <= PROCESSORS:
            raise ConfigError(f"processors must be 1 to {PROCESSORS}, not {self.processors}")
        for name, least, most in (("quantum_cycles", 1, 1 << 60), ("seed", 0, (1 << 64) - 1), ("start_time", 0, LAST_TIME)):
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{name} must be {least} to {most}, not {getattr(self, name)}")
        if self.on_reset not in ON_RESET:
            raise ConfigError(f"on_reset must be one of {', '.join(ON_RESET)}, not {self.on_reset!r}")

    @property
    def low_bytes(self):
        """Return how much RAM lies from address 0 on."""
        return min(self.memory_bytes, LOW_LIMIT)

    @property
    def top(self):
        """Return the end of RAM as an address: memory beyond the hole lies from 4 GiB on."""
        return self.memory_bytes if self.memory_bytes <= LOW_LIMIT else int(MEMORY.ABOVE) + self.memory_bytes - LOW_LIMIT

    @property
    def pieces(self):
        """Return [(first address, end)] of the pieces of RAM."""
        above = int(MEMORY.ABOVE)
        return [(0, self.low_bytes), (above, self.top)] if self.top > above else [(0, self.low_bytes)]


def _pages(size):
    """Return `size` zero bytes, page-aligned, as a uint8 array over an anonymous mapping that holds what is written to it."""
    return np.frombuffer(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE), np.uint8)


def vectors(e):
    """Return the XMM registers of an ENV as its field holds them (uint8[2048]), with zeros where a processor without AVX has nothing.

    The engine leaves there what was on the host's stack when some instructions (MPSADBW, PHADDW) copy whole registers.
    """
    found = np.frombuffer(e["xmm"].tobytes(), np.uint8).reshape(-1, 64).copy()
    found[:, 16:] = 0
    return found.reshape(-1)


def floats(e):
    """Return the x87 registers of an ENV as its field holds them (uint8[128]): 10 bytes each, and zeros in the 6 that follow."""
    found = np.frombuffer(e["fpregs"].tobytes(), np.uint8).reshape(-1, 16).copy()
    found[:, 10:] = 0
    return found.reshape(-1)


def _aligned(dtype, count=1):
    """Return `count` zeroed records whose address is a multiple of 64."""
    raw = np.zeros(dtype.itemsize * count + 64, np.uint8)
    shift = -raw.ctypes.data % 64
    return raw[shift:shift + dtype.itemsize * count].view(dtype)


class Processor:
    """One logical processor: its records and two engines; `worlds`: {address: cells of an ENV}."""

    def __init__(self, number, machine, entries):
        self.record, self.core, self.insn, self.kept = _aligned(CPU), _aligned(CORE), _aligned(INSN, 2), _aligned(BLOCK)
        self.tlbs = [_aligned(TLB), _aligned(TLB)]
        self.cells = cells(self.record)
        self.apic, self.spare, self.failed, self.far = _aligned(LOCAL_APIC), _pages(4096), _pages(4096), _pages(4096)
        self.buffers: list[np.ndarray] = [np.zeros(64, np.uint64), np.zeros(1024, np.uint8), np.zeros(32, np.uint8)]
        self.engines = [engine.Engine(machine.ram, machine.rom, self.record.ctypes.data, entries) for _ in (0, 1)]
        self.worlds = {unit.env_address: cells(unit.env) for unit in self.engines}
        self._wire(number, machine, entries)

    def _wire(self, number, machine, entries):
        c, k = self.record[0], self.core[0]
        c.id, c.self_address, c.machine, c.core = number, self.record.ctypes.data, machine.record.ctypes.data, self.core.ctypes.data
        c.root_env, c.guest_env = (e.env_address for e in self.engines)
        c.root_tlb, c.guest_tlb = (t.ctypes.data for t in self.tlbs)
        c.env, c.tlb, c.apic, c.vmcs = c.root_env, c.root_tlb, self.apic.ctypes.data, self.spare.ctypes.data
        c.spare_vmcs, c.failure_vmcs, c.far_state = (page.ctypes.data for page in (self.spare, self.failed, self.far))
        c.insn, c.code_bytes = self.insn.ctypes.data, self.buffers[2].ctypes.data
        for world, unit in enumerate(self.engines):
            index = 2 * number + world
            k.uc[world], k.cs[world], k.env[world], k.bit[world] = unit.handle, unit.cs, unit.env_address, 1 << index
            machine.every_uc[index], machine.every_cs[index] = unit.handle, unit.cs
        k.every_uc, k.every_cs = machine.every_uc.ctypes.data, machine.every_cs.ctypes.data
        k.rom_offset, k.rom_window = machine.ram.nbytes, engine.ROM_WINDOW
        k.void_page, k.device_window = engine.VOID_PAGE, engine.DEVICE_WINDOW
        k.void_offset, k.void = machine.ram.nbytes + machine.rom.nbytes, engine.VOID.ctypes.data
        k.blocks[:], k.kept = rows.LAST, self.kept.ctypes.data
        k.steps, k.code_buffer = (b.ctypes.data for b in self.buffers[:2])
        k.scratch = self.insn.ctypes.data + INSN.itemsize
        for name in ("f_exec", "f_exit_restore", "f_set_page", "f_flush", "f_flush_page", "f_invalidate", "f_forget", "f_block_of",
                     "f_flags", "f_restore", "f_model", "f_processor"):
            setattr(k, name, entries[name])


class Machine:
    """An x86-64 computer: `cpu[i]` are its processors' records, `ram` its memory, `board` its devices."""

    def __init__(self, config=None, progress=None):
        self.config = config = config or Config()
        entries = build.entries(progress)
        self.ram, self.rom = _pages(config.top), _pages(ROM_BYTES)      # by address: the hole's pages are never touched
        self.record = _aligned(MACHINE)
        self.host = host(self.record[0])                  # the record as Python numbers
        self.cells, self._at = cells(self.record), self.record.ctypes.data
        self.ledger = np.zeros(config.top >> 12, np.uint64)
        self.every_uc, self.every_cs = np.zeros(ENGINES, np.uint64), np.zeros(ENGINES, np.uint64)
        m = self.record[0]
        m.ram, m.ledger = self.ram.ctypes.data, self.ledger.ctypes.data
        m.ram_bytes, m.high_bytes = config.low_bytes, config.memory_bytes - config.low_bytes
        m.rom, m.rom_base, m.rom_bytes = self.rom.ctypes.data, ROM_BASE, ROM_BYTES
        m.address_mask, m.cpu_count = (1 << config.physical_bits) - 1, config.processors
        m.seed, m.quantum, m.next_event = config.seed, config.quantum_cycles, ALL_ONES
        self.processors = [Processor(i, self, entries) for i in range(config.processors)]
        for i, processor in enumerate(self.processors):
            m.cpus[i] = processor.record.ctypes.data
        self.board = Board(BoardConfig(ram_bytes=config.memory_bytes, cpu_count=config.processors, start_seconds=config.start_time), m)
        self._consoles = [cells(self.board.records()[name]) for name in ("UART", "CONSOLE")]
        self.cpu = [processor.record[0] for processor in self.processors]
        self._run, self._console, self.wall_seconds = entries["call_run"], [], 0.0
        self.watching, self._exit_file = Watch(m), None
        self.partitions: list = []
        self._shown: dict[str, int] = {}
        self._quiet: tuple = ()                            # `_output` after it was drained last
        self.edits = 0                                    # times that registers, memory or inputs were changed from outside
        self.inputs, self.image, self.symbols, self.placed = Inputs(), None, None, restart.Placed()
        self.interrupted = 0                              # the signal by which a person asked `run` to stop between slices
        self.limit = FOREVER                              # the cycle that no run goes beyond: a recording's end
        self.cut = 0                                      # the budget that stopped it last, in cycles
        self.resets = 0                                   # times that a guest's reset started it again
        self.base = None                                  # the Snapshot that RAM equals but for pages marked DIRTY; None: zeros
        self.reset()

    def reset(self):
        """Bring processors and devices to the state after power-up; memory stays."""
        from emu.model import reset
        from emu.model.interrupts import apic
        self.record[0].stop = 0
        for c in self.cpu:
            apic.reset.plain(c, False)
            reset.power_up.plain(c)
        self.board.reset()

    def in_ram(self, address, size):
        """Return whether `size` bytes from a physical address on lie in one piece of RAM."""
        return any(start <= address and address + size <= end for start, end in self.config.pieces)

    def _check_ram(self, address, size):
        if not self.in_ram(address, size):
            pieces = " and ".join(f"{start:#x}..{end:#x}" for start, end in self.config.pieces)
            raise ConfigError(f"{size} bytes at {address:#x} do not lie in RAM, which is {pieces}")

    def write(self, address, data):
        """Write bytes to physical memory (RAM), as a debugger or loader does; translated code there is dropped."""
        self._check_ram(address, len(data))
        self.ram[address:address + len(data)] = np.frombuffer(bytes(data), np.uint8)
        if self.record[0].monitors:
            monitor.stored(self.record[0], ALL_ONES, np.uint64(address), np.uint64(len(data)))
        m, pages = self.record[0], range(address >> 12, (address + max(len(data), 1) - 1 >> 12) + 1)
        self.ledger[pages.start:pages.stop] |= DIRTY
        for page in pages:
            if self.ledger[page] & CODE_HELD and m.stale_count < STALE_PAGES:
                m.stale[m.stale_count] = page
                m.stale_count += 1
            elif self.ledger[page] & CODE_HELD:
                m.stale_count += 1

    def read(self, address, size):
        """Return bytes of physical memory (RAM)."""
        self._check_ram(address, size)
        return self.ram[address:address + size].tobytes()

    def peek(self, address, size):
        """Return bytes of RAM or of the boot ROM at a physical address, or None where other things answer."""
        if self.in_ram(address, size):
            return self.ram[address:address + size].tobytes()
        if ROM_BASE <= address and address + size <= ROM_BASE + ROM_BYTES:
            return self.rom[address - ROM_BASE:address - ROM_BASE + size].tobytes()
        return None

    def load(self, image):
        """Place an image (emu.image.load) in memory; the boot ROM starts it after power-on."""
        if image.memory_bytes > self.config.memory_bytes:
            raise ConfigError(f"the image was placed in {image.memory_bytes} bytes of memory, the machine has {self.config.memory_bytes}")
        rom = partition.assembled("firmware/boot")
        self.rom[rom.base - ROM_BASE:rom.base - ROM_BASE + len(rom.code)] = np.frombuffer(rom.code, np.uint8)
        self.placed = restart.of_image(image)
        self.place()
        self.image = image
        self.symbols = image.symbols

    def place(self):
        """Write what the machine starts with to its memory, and start a program that needs no boot ROM."""
        self.placed.put(self)
        if self.placed.entry is not None:
            self._enter(self.placed.entry)

    def _enter(self, entry):
        """Start the first processor in an Entry's state at once, without the boot ROM: a real-address mode program."""
        from emu.model import cpu
        e = self.env(0)
        for name, value in entry.registers.items():
            e.regs[int(getattr(GPR, name))] = value
        for name, segment in entry.segments.items():
            values = (segment.selector, segment.base, segment.limit, segment.attributes)
            cpu.set_segment(e, getattr(SEG, name), *map(np.uint64, values))
        e.rip, e.cr[0], e.cr[3], e.cr[4], e.efer = entry.rip, entry.cr0, entry.cr3, entry.cr4, entry.efer
        cpu.set_rflags(e, np.uint64(entry.rflags))
        cpu.refresh_hflags(e, np.uint64(0))

    def load_partitions(self, partitions, hv=None):
        """Place the hypervisor and its partitions (emu.machine.partition.Partition) in memory; hv: folder of other sources of it.

        Raises ConfigError for partitions that do not fit, and for a machine that is to start again when a guest resets it.
        """
        if self.config.on_reset == "reboot":
            raise ConfigError("on_reset is \"reboot\", but a partition of the hypervisor ends when its guest resets it: "
                              "it must be \"fail\" or \"stop\"")
        self.load(of_assembly(partition.hypervisor(hv), self.config.memory_bytes))
        for address, data in partition.layout(partitions, self.config.low_bytes):
            self.write(address, data)
            self.placed.segments.append((address, data))
        self.partitions = list(partitions)

    def load_partition(self, image, enlightened=True, hv=None, copies=1, processors=1):
        """Place an image as the one partition of the hypervisor, or as `copies` of it, each with so many virtual processors.

        hv: as of `load_partitions`.
        """
        names = ["guest"] if copies == 1 else [f"guest {n}" for n in range(1, copies + 1)]
        self.load_partitions([partition.Partition(name=name, image=image, enlightened=enlightened, processors=processors)
                              for name in names], hv)

    def load_demo(self):
        """Place the two partitions of the demonstration."""
        self.load_partitions(partition.demo())

    def env(self, number=0):
        """Return the ENV record of the world that processor `number` is in now."""
        processor = self.processors[number]
        return processor.engines[0 if self.cpu[number].env == self.cpu[number].root_env else 1].env[0]

    def on_console(self, callback):
        """Call `callback(source, data)` with console output: source is "serial", "debug" or "partition N"."""
        self._console.append(callback)

    def forget_output(self):
        """Hand on console output from here on, also what was handed on before the machine was taken back."""
        self._shown.clear()
        self._quiet = ()

    def _output(self):
        """Return how much console output there was, and how much of it was drained: equal while nothing new came."""
        uart, console = self._consoles
        return uart.sent, uart.drained, console.sent, console.drained, console.tagged_sent, console.tagged_drained

    def _drain(self):
        """Hand new console output on; what was handed on before the machine was taken back is not handed on again."""
        if self._output() == self._quiet:
            return
        for ring, (end, runs) in self.board.drain_all().items():
            start = end - sum(len(data) for _, data in runs)
            known, self._shown[ring] = max(0, self._shown.get(ring, 0) - start), max(self._shown.get(ring, 0), end)
            for source, data in runs:
                fresh, known = data[known:], max(0, known - len(data))
                for callback in self._console if fresh else ():
                    callback(source, fresh)
        self._quiet = self._output()

    def advance(self, until=FOREVER, pause=0):
        """Run until the machine stops, reaches cycle `until`, or a processor's turn ends after cycle `pause`.

        Returns a STOP code; NONE: it pauses between turns, to have its console drained or an input delivered.  Where a run is
        cut changes nothing in it.
        """
        m, fed, until = self.cells, self.inputs.next_cycle, min(until, self.limit)
        if m.stop == STOP.BUDGET:
            m.stop = NO_STOP
        stop = self._run(self._at, min(until, fed), pause)
        self._drain()
        self.watching.drain()
        if stop == STOP.OUTPUT:                           # the ring was full, and has been drained
            stop = m.stop = self.cpu[m.stop_cpu].stop = NO_STOP
        if stop == STOP.RESET and self.config.on_reset == "reboot":
            restart.restart(self)
            stop = int(STOP.NONE)
        if stop in (STOP.BUDGET, STOP.IDLE) and fed <= until:
            m.now = max(m.now, fed)                          # a processor that sleeps wakes now, not when it fell asleep
            self.inputs.deliver(self.board, self.write)
            stop = m.stop = NO_STOP
        elif stop == STOP.IDLE and self.inputs.next_cycle <= FOREVER:
            stop = m.stop = int(STOP.BUDGET)              # it waits for an input after the budget
        if stop == STOP.BUDGET:
            self.cut = until
        return stop

    @property
    def clock(self):
        """Return the largest clock of a processor, in cycles."""
        return max(self.clocks)

    @property
    def clocks(self):
        """Return the clock of each processor, in cycles."""
        return [host(c).cycles for c in self.cpu]

    def console_input(self, data, cycle=None):
        """Send bytes to the UART's receiver, one per character time from cycle `cycle` on; None: from now on.

        Raises ConfigError when the cycle has passed.
        """
        self.inputs.add(cycle, "console", data, self.clock)
        self.edits += 1

    def place_input(self, address, data, cycle=None):
        """Let a device of the host write bytes to physical memory at a cycle, recorded as an input; None: as soon as it can be."""
        self._check_ram(address, len(data))
        self.inputs.add(cycle, "memory", address.to_bytes(8, "little") + bytes(data), self.clock)
        self.edits += 1

    def press(self, scancodes, cycle=None):
        """Let the keyboard send scan codes (set 1, bytes) at cycle `cycle`; None: now."""
        self.inputs.add(cycle, "keys", scancodes, self.clock)
        self.edits += 1

    def run(self, max_cycles=None, pause=None):
        """Run until the guest ends the run, something stops the machine, or `max_cycles` have passed in all.

        pause: called between slices; returning True leaves the machine paused.
        Returns a Result.  Raises Unmodelled when the machine met what it does not model.
        """
        until, started = int(max_cycles) if max_cycles is not None else FOREVER, time.perf_counter()
        while True:
            stop = self.advance(until, self.host.now + PAUSE_CYCLES)
            if stop or self.interrupted or pause and pause():
                break
        self.wall_seconds += time.perf_counter() - started
        return self.result(stop)

    def result(self, stop):
        """Return the Result of the run so far for a STOP code."""
        if stop == STOP.UNMODELLED:
            raise_unmodelled(self)
        cpus, m = [host(c) for c in self.cpu], self.host
        reason = "INTERRUPTED" if self.interrupted and stop == STOP.NONE else name_of(STOP, stop)
        partitions = endings.counted(self, partition.results(self.partitions, self.read))
        explanation = standing.explain(self, reason)
        end = endings.of(partitions, m.exit_code, self.config.on_reset) if reason == "EXIT_CODE" else None
        if end:
            explanation += endings.halted(self, partitions)
        explanation += restart.counted(self)
        return Result(
            reason=end.reason if end else reason, exit_code=end.exit_code if end else m.exit_code, ended=end.text if end else "",
            cycles=self.clock, instructions=sum(c.instructions for c in cpus),
            wall_seconds=self.wall_seconds, exits=exit_rows(self.cpu),
            entries=sum(c.entries for c in cpus), hypercalls=sum(c.exits[REASON.VMCALL] for c in cpus),
            injected=sum(sum(c.injected) for c in cpus), ept_violations=sum(c.ept_violations for c in cpus),
            partitions=partitions,
            entry_failed=failure.entry_is_to_blame(self, reason, m.exit_code), explanation=explanation,
            on_reset=self.config.on_reset, resets=self.resets)

    def trace_exits(self, path):
        """Write every VM exit from now on to a file, one JSON object a line; `close_trace` puts it in its place."""
        self._exit_file = ExitFile(self.watching, path)

    def close_trace(self):
        """Finish the file of `trace_exits`: it gets its name only now.  Returns how many exits it holds."""
        file, self._exit_file = self._exit_file, None
        return file.close() if file else 0

    def disturb(self, seed):
        """For tests: make the engines forget, and find their buffers full, at arbitrary moments; nothing may change by it.

        seed: of the moments; 0: no more; 2**64 - 1: at each instruction, which is then translated from memory.
        """
        self.record[0].disturb = seed

    def digest(self):
        """Return a SHA-256 over architectural registers, memory and clocks: equal in every run, on every machine."""
        from emu.model.cpu import rflags
        h = hashlib.sha256()
        for c, processor in zip(self.cpu, self.processors, strict=True):
            for unit in processor.engines:
                e = unit.env[0]
                for value in (e.regs, e.seg, e.cr, e.dr, e.rip, e.efer, e.star, e.lstar, e.cstar, e.fmask, e.kernel_gs_base,
                              e.sysenter_cs, e.sysenter_esp, e.sysenter_eip):
                    h.update(np.ascontiguousarray(value).tobytes())
                h.update(int(rflags(e)).to_bytes(8, "little"))
            e = processor.engines[processor.core[0].owner].env[0]
            for value in (floats(e), vectors(e), e.fptags, e.fpstt, e.fpuc, e.fpus, e.mxcsr):
                h.update(np.ascontiguousarray(value).tobytes())
            h.update(f"{c.cycles} {c.instructions} {c.activity} {c.vmx_mode} {list(c.exits)} {c.walks}".encode())
        for start in self._written(1 << 20):
            chunk = self.ram[start:start + (1 << 20)]
            if chunk.any():
                h.update(start.to_bytes(8, "little"))
                h.update(chunk.tobytes())
        return h.hexdigest()

    def _written(self, size):
        """Return the starts of the chunks of RAM that may hold more than zeros, by the page ledger: the others are not touched."""
        marked = self.ledger != 0
        if self.base is not None:
            marked |= self.base.table[:len(marked)] != 0
        return [int(n) * size for n in np.unique(np.flatnonzero(marked) // (size >> 12))]

    def screen(self):
        """Return the VGA text screen as 25 lines."""
        return self.board.screen(self.ram)
