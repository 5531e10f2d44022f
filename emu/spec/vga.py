"""VGA register ports at their colour addresses."""
from emu.bits import codes

VGAPORT = codes("VGAPORT", 'IBM VGA Technical Reference, "Registers" (colour addresses)',
    ATTRIBUTE=(0x3C0, "index and data by turns"), ATTRIBUTE_READ=(0x3C1, "attribute data"),
    MISC=(0x3C2, "miscellaneous output; input status 0"), SEQUENCER=(0x3C4, "index"), SEQUENCER_DATA=(0x3C5, "data"),
    DAC_MASK=(0x3C6, "palette mask"), DAC_READ=(0x3C7, "read index; state"), DAC_WRITE=(0x3C8, "write index"),
    DAC_DATA=(0x3C9, "palette data"), FEATURE_READ=(0x3CA, "feature control"), MISC_READ=(0x3CC, "miscellaneous"),
    GRAPHICS=(0x3CE, "index"), GRAPHICS_DATA=(0x3CF, "data"), CRTC=(0x3D4, "index"), CRTC_DATA=(0x3D5, "data"),
    STATUS=(0x3DA, "input status 1; feature control"))
