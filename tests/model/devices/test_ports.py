"""Port routing and the small devices: fw_cfg, debug ports, PCI, ACPI, keyboard controller, reset, VGA."""
import numpy as np
import pytest

from emu.bits import details
from emu.board.board import UNITS, Board, BoardConfig
from emu.errors import ConfigError
from emu.model.devices import acpi, events, ports
from emu.spec.outcome import STOP
from emu.spec.platform import DEVICE, PORTMAP, port_table
from tests.model.rig import Rig, U


def test_port_table_names_every_port_once():
    table, claimed = port_table(), 0
    for first, last, device, _ in PORTMAP:
        assert (table[first:last + 1] == int(device)).all()
        claimed += last - first + 1
    assert int((table != 0).sum()) == claimed


def test_every_device_with_a_record_has_its_memory_from_the_board():
    rows = details(DEVICE).rows.items()
    assert {name for name, (number, text) in rows if number > DEVICE.PORT_WRITE and not text.startswith("no record")} == UNITS.keys()


@pytest.mark.parametrize("size,value", [(1, 0xFF), (2, 0xFFFF), (4, 0xFFFFFFFF)])
def test_unclaimed_ports_read_all_ones(size, value):
    rig = Rig()
    rig.write(0x278, 0x12345678, size)
    assert rig.read(0x278, size) == value
    assert rig.read(0xFFFF, size) == value


def test_router_as_python_equals_compiled():
    rig, other = Rig(), Rig()
    c, d = rig.cpu[0], other.cpu[0]
    accesses = [(0x3F9, 2, 0x0305), (0x43, 1, 0x36), (0x40, 1, 7), (0x40, 1, 1), (0x70, 1, 0x34), (0x60, 1, 0xED),
                (0xCF8, 4, 0x80000004), (0xCFC, 4, 0xFFFFFFFF), (0x602, 2, 0xFFFF), (0x510, 2, 5), (0x3D4, 2, 0x070E),
                (0x80, 1, 0x55), (0x61, 1, 3), (0x4D0, 2, 0xFFFF)]
    with np.errstate(over="ignore"):
        for number, size, value in accesses:
            ports.write(c, U(number), U(size), U(value))
            ports.route_write.py_func(d, U(number), U(size), U(value))
            c.cycles += U(1000)
            d.cycles += U(1000)
            for read in {number, 0x511, 0x71, 0x608}:
                assert ports.read(c, U(read), U(size)) == ports.route_read.py_func(d, U(read), U(size)), hex(read)


def test_debug_exit_takes_only_32_bits():
    rig = Rig()
    rig.write(0xF4, 1, 1)
    rig.write(0xF4, 1, 2)
    assert rig.machine.stop == STOP.NONE
    rig.write(0xF4, 0xABCD1234, 4)
    assert (rig.machine.stop, rig.machine.exit_code) == (STOP.EXIT_CODE, 0xABCD1234)


def test_debug_consoles_and_post_code():
    rig = Rig()
    rig.write(0xE9, 65)
    rig.write(0x402, 66)
    rig.write(0x80, 0x42)
    assert rig.board.drain_debug() == b"AB"
    assert (rig.read(0xE9), rig.read(0x402), rig.read(0x80), rig.board.post_code()) == (0xE9, 0xE9, 0x42, 0x42)


def item(rig, key, length):
    rig.write(0x510, key, 2)
    return bytes(rig.read(0x511) for _ in range(length))


def test_fw_cfg_items():
    rig = Rig(cpus=2, ram_bytes=32 << 20, command_line="quiet", kernel=b"kernel!")
    assert item(rig, 0, 6) == b"QEMU\0\0"
    assert item(rig, 1, 4) == b"\1\0\0\0"
    assert item(rig, 3, 8) == (32 << 20).to_bytes(8, "little")
    assert (item(rig, 5, 2), item(rig, 15, 2)) == (b"\2\0", b"\2\0")
    assert item(rig, 0x19, 5) == bytes(5)
    assert (item(rig, 0x15, 6), item(rig, 0x14, 4)) == (b"quiet\0", b"\6\0\0\0")
    assert (item(rig, 0x11, 7), item(rig, 0x08, 4)) == (b"kernel!", b"\7\0\0\0")
    assert (item(rig, 0x3E, 2), item(rig, 0x4000, 2), item(rig, 0x8000, 2)) == (bytes(2), bytes(2), bytes(2))


def config(rig, address, size=4):
    rig.write(0xCF8, address, 4)
    return rig.read(0xCFC + (address & 3), size)


def test_pci_has_one_host_bridge():
    rig = Rig()
    assert config(rig, 0x80000000) == 0x12378086
    assert config(rig, 0x80000008) == 0x06000002
    assert config(rig, 0x8000000A, 2) == 0x0600
    assert config(rig, 0x80000800) == 0xFFFFFFFF
    assert config(rig, 0x80010000) == 0xFFFFFFFF
    assert config(rig, 0) == 0xFFFFFFFF
    rig.write(0xCF8, 0x80000010, 4)
    rig.write(0xCFC, 0xFFFFFFFF, 4)
    assert (config(rig, 0x80000010), rig.read(0xCF8, 4)) == (0, 0x80000010)


@pytest.mark.parametrize("accesses", [[(0xCF9, 2), (0xCF9, 6)], [(0x92, 3)], [(0x64, 0xFE)], [(0x64, 0xD1), (0x60, 2)]])
def test_resets(accesses):
    rig = Rig()
    for number, value in accesses[:-1]:
        rig.write(number, value)
    assert rig.machine.stop == STOP.NONE
    rig.write(*accesses[-1])
    assert rig.machine.stop == STOP.RESET


def test_acpi_soft_off_and_other_sleep_states():
    rig = Rig()
    rig.write(0x604, 1 << 13, 2)
    assert rig.machine.stop == STOP.POWER_OFF
    rig = Rig()
    rig.write(0x604, 1 << 13 | 1 << 10, 2)
    assert rig.cpu[0].stop == STOP.UNMODELLED


def test_acpi_timer_counts_and_raises_sci():
    rig = Rig()
    rig.cpu[0].cycles = 10**9
    assert rig.read(0x608, 4) == 3_579_545
    rig.write(0xB2, 0xF1)
    rig.write(0x602, 1, 2)
    assert (rig.read(0x604, 2), rig.read(0x600, 2)) == (1, 0)
    at = -(-(1 << 23) * 10**9 // 3_579_545)
    assert int(rig.machine.next_event) == at
    rig.cpu[0].cycles = at
    events.advance(rig.machine, U(at))
    assert (rig.read(0x600, 2), int(rig.fields("IOAPIC").lines) >> 9 & 1) == (1, 1)
    rig.write(0x600, 1, 2)
    assert (rig.read(0x600, 2), int(rig.fields("IOAPIC").lines) >> 9 & 1) == (0, 0)


def test_keyboard_controller_self_test_a20_and_keyboard_identity():
    rig = Rig()
    rig.write(0x64, 0xAA)
    assert (rig.read(0x64) & 5, rig.read(0x60), rig.read(0x64) & 1) == (5, 0x55, 0)
    rig.write(0x64, 0xDD)
    assert rig.machine.gated == 1 << 20
    rig.write(0x64, 0xD1)
    rig.write(0x60, 0x03)
    assert (rig.machine.gated, rig.read(0x92) & 2) == (0, 2)
    rig.write(0x60, 0xF2)
    assert [rig.read(0x60) for _ in range(3)] == [0xFA, 0xAB, 0x83]
    rig.write(0x60, 0xFF)
    assert [rig.read(0x60) for _ in range(2)] == [0xFA, 0xAA]


def test_keyboard_interrupt_for_each_scan_code():
    rig = Rig().unmask_pic()
    rig.board.press(0x1E, 0x9E)
    p = rig.fields("PIC")
    assert int(p.irr[0]) & 2
    p.irr[0] = 0
    assert rig.read(0x60) == 0x1E
    assert int(p.irr[0]) & 2, "the second code is an edge of its own"


def test_vga_cursor_palette_and_retrace():
    rig = Rig()
    rig.write(0x3D4, 0x010E, 2)
    rig.write(0x3D4, 0x450F, 2)
    assert rig.board.cursor() == divmod(0x145, 80)
    rig.write(0x3C8, 5)
    for value in (1, 2, 3):
        rig.write(0x3C9, value)
    rig.write(0x3C7, 5)
    assert [rig.read(0x3C9) for _ in range(3)] == [1, 2, 3]
    seen = set()
    for cycle in range(0, 15_000_000, 10_000):
        rig.cpu[0].cycles = cycle
        seen.add(rig.read(0x3DA))
    assert seen == {0, 1, 9}


def test_screen_shows_text_memory():
    rig = Rig(ram_bytes=1 << 20)
    ram = np.zeros(1 << 20, np.uint8)
    ram[0xB8000:0xB8000 + 10:2] = np.frombuffer(b"hello", np.uint8)
    ram[0xB8000 + 160] = 0xDB
    assert rig.board.screen(ram).split("\n")[:3] == ["hello", "\u2588", ""]


@pytest.mark.parametrize("values,message", [
    ({"ram_bytes": 0}, "ram_bytes must be a positive multiple of 4096, not 0"),
    ({"ram_bytes": 4097}, "ram_bytes must be a positive multiple of 4096, not 4097"),
    ({"ram_bytes": 4096, "cpu_count": 9}, "cpu_count must be 1 to 8, not 9")])
def test_impossible_boards_are_refused(values, message):
    with pytest.raises(ConfigError) as error:
        BoardConfig(**values)
    assert str(error.value) == message


def test_reset_keeps_clock_and_output():
    rig = Rig()
    rig.write(0x70, 0x40)
    rig.write(0x71, 0x99)
    rig.write(0x3F8, 65)
    rig.board.reset()
    rig.write(0x70, 0x40)
    assert (rig.read(0x71), rig.board.drain()) == (0x99, b"A")
    assert isinstance(rig.board, Board)
    assert int(acpi.next_event(rig.machine)) == 2**64 - 1
