"""The port router, compiled when the other units are; its addresses travel in the machine's record."""
from emu.model.devices.ports import entries

ROUTER = entries()
