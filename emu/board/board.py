"""The board: allocates the devices' records, wires them into the machine, and is the host's side of them.

Draining output, feeding input, showing the screen and the clock's start time are here; what devices do is
in `emu.model`.
"""
from dataclasses import dataclass

import numpy as np

from emu import state
from emu.bits import U64
from emu.board import firmware_items, screen
from emu.errors import ConfigError
from emu.model.devices import acpi, events, keyboard, pci, pit, ports, rtc, uart, vga
from emu.model.interrupts import ioapic, pic
from emu.spec.platform import ACPI as ACPI_VALUES
from emu.spec.platform import DEVICE, HZ, MEMORY, port_table
from emu.spec.profile import PROCESSORS
from emu.spec.rtc import CMOS, RTCB

# Devices that have a record here: its layout, and the module whose `reset` the reset line calls, None where it changes nothing.
UNITS = dict(
    IOAPIC=(state.IO_APIC, ioapic),
    PIC=(state.PIC, pic),
    PIT=(state.PIT, pit),
    RTC=(state.RTC, rtc),
    UART=(state.UART, uart),
    ACPI=(state.ACPI, acpi),
    KEYBOARD=(state.KEYBOARD, keyboard),
    FW_CFG=(state.FW_CFG, None),
    PCI=(state.PCI, pci),
    VGA=(state.VGA, vga),
    CONSOLE=(state.CONSOLE, None),
)
RECORDS = {name: layout for name, (layout, _) in UNITS.items()}           # what snapshots and comparisons hold of them
HOST_BRIDGE = bytes.fromhex("86803712" "06008002" "02000006" "00000000")   # Intel 82441FX, class 06 00 00


@dataclass(frozen=True, kw_only=True)
class BoardConfig:
    """What the board must know: memory (both pieces together), processors, start time, and what fw_cfg shows."""

    ram_bytes: int
    cpu_count: int = 1
    start_seconds: int = 1_735_689_600                    # calendar time at cycle 0, since 1970: 2025-01-01 00:00:00
    command_line: str = ""
    kernel: bytes = b""

    def __post_init__(self):
        if self.ram_bytes <= 0 or self.ram_bytes % 4096:
            raise ConfigError(f"ram_bytes must be a positive multiple of 4096, not {self.ram_bytes}")
        if not 1 <= self.cpu_count <= PROCESSORS:
            raise ConfigError(f"cpu_count must be 1 to {PROCESSORS}, not {self.cpu_count}")
        if not 0 <= self.start_seconds < 1 << 38:
            raise ConfigError(f"start_seconds must be 0 to 2**38 - 1, not {self.start_seconds}")


class Board:
    """All devices of one machine; `machine` is its MACHINE record, whose memory the caller keeps alive."""

    def __init__(self, config, machine):
        self.config, self.machine = config, machine
        self._arrays = {name: np.zeros(1, dtype) for name, dtype in RECORDS.items()}
        self._ports = port_table()
        for name, array in self._arrays.items():
            setattr(self, name.lower(), array[0])
            machine.devices[getattr(DEVICE, name)] = array.ctypes.data
        machine.devices[DEVICE.PORTS] = self._ports.ctypes.data
        machine.devices[DEVICE.PORT_READ], machine.devices[DEVICE.PORT_WRITE] = (e.address for e in ports.entries())
        self._fill_firmware_items()
        self._fill_cmos()
        self.pci.config[:len(HOST_BRIDGE)] = np.frombuffer(HOST_BRIDGE, np.uint8)
        self.acpi.timer_bits = int(ACPI_VALUES.TIMER_BITS)
        self.reset()

    def _fill_firmware_items(self):
        config = self.config
        items = firmware_items.items(ram_bytes=config.ram_bytes, cpu_count=config.cpu_count, command_line=config.command_line,
                             kernel=config.kernel)
        blob = b""
        for key, data in items.items():
            assert key < state.FW_ITEMS
            self.fw_cfg.offset[key], self.fw_cfg.length[key] = len(blob), len(data)
            blob += data
        self._blob = np.frombuffer(blob, np.uint8).copy()
        self.fw_cfg.blob, self.fw_cfg.blob_bytes = self._blob.ctypes.data, len(blob)

    def _fill_cmos(self):
        """Set the clock and the memory sizes that firmware looks for."""
        low = min(self.config.ram_bytes, int(MEMORY.HOLE))
        kib, above_4g = low >> 10, min(self.config.ram_bytes - low >> 16, 0xFF_FFFF)
        extended = min(max(kib - 1024, 0), 63 << 10)
        above_16m = min(max(low - (16 << 20), 0) >> 16, 0xFFFF)
        rows = {CMOS.A: 0x26, CMOS.B: int(RTCB.H24), CMOS.EQUIPMENT: 0x24, CMOS.PROCESSORS: self.config.cpu_count - 1}
        for low, high, value in ((CMOS.BASE_LOW, CMOS.BASE_HIGH, min(kib, 640)), (CMOS.EXTENDED_LOW, CMOS.EXTENDED_HIGH, extended),
                                 (CMOS.EXTENDED2_LOW, CMOS.EXTENDED2_HIGH, extended),
                                 (CMOS.ABOVE_16M_LOW, CMOS.ABOVE_16M_HIGH, above_16m)):
            rows[low], rows[high] = value & 0xFF, value >> 8
        for n, index in enumerate((CMOS.ABOVE_4G_LOW, CMOS.ABOVE_4G_MIDDLE, CMOS.ABOVE_4G_HIGH)):
            rows[index] = above_4g >> 8 * n & 0xFF
        for index, value in rows.items():
            self.rtc.ram[index] = value
        self.rtc.seconds = self.config.start_seconds

    def records(self):
        """Return {name: one-element record array} of all devices."""
        return self._arrays

    def reset(self):
        """Reset every device as the reset line does; the clock and CMOS memory, output and input stay."""
        for _, unit in UNITS.values():
            if unit:
                unit.reset.plain(self.machine)
        self._renew()

    def _renew(self):
        self.machine.next_event = events.next_event.plain(self.machine)

    # ---- console -----------------------------------------------------------------------------------------

    @staticmethod
    def _drain(record):
        sent, drained = int(record.sent), int(record.drained)
        if sent - drained > state.RING:
            raise RuntimeError(f"{sent - drained - state.RING} bytes of output were overwritten before they were drained")
        slots = np.arange(drained, sent) % state.RING
        record.drained = sent
        return record.output[slots], record.output_cycle[slots]

    def drain(self):
        """Return the bytes that the UART has sent since the last call."""
        return self._drain(self.uart)[0].tobytes()

    def drain_timed(self):
        """Return [(cycle, byte), ...] that the UART has sent since the last call."""
        data, cycles = self._drain(self.uart)
        return list(zip(cycles.tolist(), data.tolist(), strict=True))

    def drain_debug(self):
        """Return the bytes written to the debug console ports since the last call."""
        return self._drain(self.console)[0].tobytes()

    def drain_partitions(self):
        """Return [("partition N", bytes), ...] written to the partition console, in order, neighbours joined."""
        r, runs = self.console, []
        slots = np.arange(int(r.tagged_drained), int(r.tagged_sent)) % state.RING
        for tagged in r.tagged[slots].tolist():
            source = f"partition {tagged >> 8}"
            if not runs or runs[-1][0] != source:
                runs.append((source, bytearray()))
            runs[-1][1].append(tagged & 0xFF)
        r.tagged_drained = r.tagged_sent
        return [(source, bytes(data)) for source, data in runs]

    def drain_all(self):
        """Return {ring: (bytes it has sent in all, [(source, bytes), ...] since the last call)} of all console output."""
        serial, debug, partitions = self.drain(), self.drain_debug(), self.drain_partitions()
        return {"serial": (int(self.uart.drained), [("serial", serial)]), "debug": (int(self.console.drained), [("debug", debug)]),
                "partitions": (int(self.console.tagged_drained), partitions)}

    def feed(self, data, cycle):
        """Hand bytes to the UART's receiver at `cycle`; returns how many it took (the rest must come later)."""
        u = self.uart
        count = min(len(data), state.RING - (int(u.fed) - int(u.taken)))
        slots = np.arange(int(u.fed), int(u.fed) + count) % state.RING
        u.input[slots] = np.frombuffer(bytes(data[:count]), np.uint8)
        u.fed += U64(count)
        uart.advance(self.machine, U64(cycle))
        self._renew()
        return count

    def press(self, *scancodes):
        """Let the keyboard send scan codes (set 1)."""
        for code in scancodes:
            keyboard.press(self.machine, U64(code))

    # ---- for people ----------------------------------------------------------------------------------------

    def screen(self, ram):
        """Return the VGA text screen as text; `ram` is physical memory as uint8 from address 0."""
        return screen.text(ram, int(self.vga.crtc[0x0C]) << 8 | int(self.vga.crtc[0x0D]))

    def cursor(self):
        """Return the cursor's (row, column), or None when it is off."""
        if self.vga.crtc[0x0A] & 0x20:
            return None
        return divmod(int(self.vga.crtc[0x0E]) << 8 | int(self.vga.crtc[0x0F]), screen.TEXT_COLUMNS)

    def post_code(self):
        """Return the last byte written to port 0x80."""
        return int(self.console.post)

    def clock(self, cycle):
        """Return the calendar seconds that the machine's clock shows at `cycle`, if software has not set it."""
        return self.config.start_seconds + int(cycle) // int(HZ.TSC)
