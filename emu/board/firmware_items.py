"""The items that the firmware configuration device shows, as bytes.

Source: QEMU documentation, "QEMU Firmware Configuration (fw_cfg) Device"
"""
import struct

from emu.bits import codes

ITEM = codes("FW_ITEM", 'QEMU, "Selector (Control) Register"',
             SIGNATURE=(0x00, "QEMU"), ID=(0x01, "bit 0: selector and data ports"), RAM_SIZE=(0x03, "bytes, 64 bits"),
             NOGRAPHIC=(0x04, "16 bits"), NB_CPUS=(0x05, "processors, 16 bits"), KERNEL_SIZE=(0x08, "bytes, 32 bits"),
             BOOT_DEVICE=(0x0C, "16 bits"), BOOT_MENU=(0x0E, "16 bits"), MAX_CPUS=(0x0F, "16 bits"),
             KERNEL_DATA=(0x11, "the kernel image"), CMDLINE_SIZE=(0x14, "bytes with the final zero, 32 bits"),
             CMDLINE_DATA=(0x15, "command line"), FILE_DIR=(0x19, "directory: 32-bit big-endian count, entries"))


def items(*, ram_bytes, cpu_count, command_line="", kernel=b""):
    """Return {item number: bytes} for a machine; the file directory is empty."""
    text = command_line.encode() + b"\0" if command_line else b""
    return {
        int(ITEM.SIGNATURE): b"QEMU",
        int(ITEM.ID): struct.pack("<I", 1),
        int(ITEM.RAM_SIZE): struct.pack("<Q", ram_bytes),
        int(ITEM.NOGRAPHIC): struct.pack("<H", 0),
        int(ITEM.NB_CPUS): struct.pack("<H", cpu_count),
        int(ITEM.KERNEL_SIZE): struct.pack("<I", len(kernel)),
        int(ITEM.BOOT_DEVICE): struct.pack("<H", 0),
        int(ITEM.BOOT_MENU): struct.pack("<H", 0),
        int(ITEM.MAX_CPUS): struct.pack("<H", cpu_count),
        int(ITEM.KERNEL_DATA): kernel,
        int(ITEM.CMDLINE_SIZE): struct.pack("<I", len(text)),
        int(ITEM.CMDLINE_DATA): text,
        int(ITEM.FILE_DIR): struct.pack(">I", 0),
    }
