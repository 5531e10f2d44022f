"""PCI configuration mechanism 1."""
from emu.bits import layout

PCIADDRESS = layout("PCIADDRESS", 32, 'PCI Local Bus Specification, "Configuration Mechanism #1"',
    REGISTER=(7, 2, "register"), FUNCTION=(10, 8, "function"), DEVICE=(15, 11, "device"), BUS=(23, 16, "bus"),
    ENABLE=(31, 31, "configuration cycles"))
