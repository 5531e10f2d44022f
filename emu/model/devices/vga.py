"""VGA registers as storage: index/data pairs, attribute flip-flop, palette, retrace bits that follow time.

Text is shown from memory at 0xB8000; no register changes the picture except the cursor and start address,
which the host reads.
Not modelled: graphics modes, planes, fonts.
Source: IBM VGA Technical Reference
"""
from emu.bits import LOW_8, U64
from emu.jit import kernel
from emu.spec.platform import DEVICE, HZ
from emu.spec.vga import VGAPORT
from emu.state import vga_at

ATTRIBUTE, SEQUENCER, GRAPHICS, CRTC = U64(0), U64(1), U64(2), U64(3)
PALETTE = U64(768)
FRAME = HZ.TSC // U64(70)
LINE_CYCLES = FRAME // U64(449)
VISIBLE_LINES, RETRACE_FIRST, RETRACE_END = U64(400), U64(412), U64(414)
VISIBLE_PART = U64(5)                                     # a line is visible for 4/5 of its time
BLANK, RETRACE = U64(1), U64(8)


@kernel
def status(cycles):
    """Return input status 1 at a cycle: display disabled, vertical retrace."""
    in_frame = cycles % FRAME
    line, in_line = in_frame // LINE_CYCLES, in_frame % LINE_CYCLES
    if line >= VISIBLE_LINES:
        return BLANK | RETRACE if RETRACE_FIRST <= line < RETRACE_END else BLANK
    return BLANK if in_line * VISIBLE_PART >= LINE_CYCLES * 4 else 0


@kernel
def _next_component(r, position):
    return (position + 1) % PALETTE


@kernel
def read(m, cycles, port):
    """Return a byte from 0x3C0-0x3DF at a cycle."""
    r = vga_at(m.devices[DEVICE.VGA])[0]
    if port == VGAPORT.STATUS:
        r.flip = 0
        return status(cycles)
    if port == VGAPORT.ATTRIBUTE:
        return r.index[ATTRIBUTE]
    if port == VGAPORT.ATTRIBUTE_READ:
        return U64(r.attribute[r.index[ATTRIBUTE] & 0x1F])
    if port == VGAPORT.SEQUENCER:
        return r.index[SEQUENCER]
    if port == VGAPORT.SEQUENCER_DATA:
        return U64(r.sequencer[r.index[SEQUENCER] & 0x7])
    if port == VGAPORT.GRAPHICS:
        return r.index[GRAPHICS]
    if port == VGAPORT.GRAPHICS_DATA:
        return U64(r.graphics[r.index[GRAPHICS] & 0xF])
    if port == VGAPORT.CRTC:
        return r.index[CRTC]
    if port == VGAPORT.CRTC_DATA:
        return U64(r.crtc[r.index[CRTC] & 0x1F])
    return _read_other(r, port)


@kernel
def _read_other(r, port):
    if port == VGAPORT.DAC_MASK:
        return r.dac_mask
    if port == VGAPORT.DAC_WRITE:
        return r.dac // 3
    if port == VGAPORT.DAC_DATA:
        value = U64(r.palette[r.dac_read])
        r.dac_read = _next_component(r, r.dac_read)
        return value
    if port == VGAPORT.MISC_READ:
        return r.misc
    if port == VGAPORT.FEATURE_READ:
        return r.feature
    return 0 if port == VGAPORT.MISC or port == VGAPORT.DAC_READ else LOW_8


@kernel
def _write_attribute(r, value):
    if r.flip:
        r.attribute[r.index[ATTRIBUTE] & 0x1F] = value
    else:
        r.index[ATTRIBUTE] = value & 0x3F
    r.flip ^= 1


@kernel
def write(m, port, value):
    """Write a byte to 0x3C0-0x3DF."""
    r = vga_at(m.devices[DEVICE.VGA])[0]
    if port == VGAPORT.ATTRIBUTE:
        _write_attribute(r, value)
    elif port == VGAPORT.SEQUENCER:
        r.index[SEQUENCER] = value
    elif port == VGAPORT.SEQUENCER_DATA:
        r.sequencer[r.index[SEQUENCER] & 0x7] = value
    elif port == VGAPORT.GRAPHICS:
        r.index[GRAPHICS] = value
    elif port == VGAPORT.GRAPHICS_DATA:
        r.graphics[r.index[GRAPHICS] & 0xF] = value
    elif port == VGAPORT.CRTC:
        r.index[CRTC] = value
    elif port == VGAPORT.CRTC_DATA:
        r.crtc[r.index[CRTC] & 0x1F] = value
    elif port == VGAPORT.MISC:
        r.misc = value
    elif port == VGAPORT.STATUS:
        r.feature = value
    elif port == VGAPORT.DAC_MASK:
        r.dac_mask = value
    elif port == VGAPORT.DAC_READ:
        r.dac_read = value * 3
    elif port == VGAPORT.DAC_WRITE:
        r.dac = value * 3
    elif port == VGAPORT.DAC_DATA:
        r.palette[r.dac] = value & 0x3F
        r.dac = _next_component(r, r.dac)


@kernel
def reset(m):
    """Set what a video BIOS leaves in text mode 3 and software reads: cursor, modes; the rest is zero."""
    r = vga_at(m.devices[DEVICE.VGA])[0]
    r.flip = 0
    r.misc = 0x67
    r.feature = 0
    r.dac_mask = LOW_8
    r.dac = 0
    r.dac_read = 0
    for k in range(4):
        r.index[k] = 0
    r.crtc[0x0A] = 0x0D
    r.crtc[0x0B] = 0x0E
    r.crtc[0x0E] = 0
    r.crtc[0x0F] = 0
