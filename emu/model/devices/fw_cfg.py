"""QEMU's firmware configuration: selector 0x510, data 0x511, without DMA.

Items are bytes that the owner of the machine prepared; reading past an item, or one that is not there, gives 0.
Source: QEMU documentation, "QEMU Firmware Configuration (fw_cfg) Device"
"""
from emu.bits import U64
from emu.jit import kernel, octets
from emu.spec.platform import DEVICE, PORT
from emu.state import FW_ITEMS, fw_cfg_at

FW_ITEMS = U64(FW_ITEMS)
ITEM_KEY = U64(0x3FFF)                                         # bit 14 asks for writing, bit 15 for the architecture's items


@kernel
def select(m, value):
    """Select item `value` (16 bits) and go to its first byte."""
    r = fw_cfg_at(m.devices[DEVICE.FW_CFG])[0]
    r.selector = value
    r.position = 0


@kernel
def read(m, port):
    """Return the next byte of the selected item; the selector itself reads 0."""
    r = fw_cfg_at(m.devices[DEVICE.FW_CFG])[0]
    if port != PORT.FW_DATA or r.selector & ~ITEM_KEY or r.selector >= FW_ITEMS or r.position >= r.length[r.selector]:
        return 0
    byte = octets(r.blob, r.blob_bytes)[r.offset[r.selector] + r.position]
    r.position += 1
    return U64(byte)
