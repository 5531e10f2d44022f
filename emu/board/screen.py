"""Render VGA text memory as text."""
import numpy as np

from emu.spec.platform import MEMORY

TEXT_COLUMNS, TEXT_ROWS = 80, 25


def text(ram, start=0):
    """Return the 80x25 text screen as 25 lines joined by newlines, blanks at line ends removed.

    ram: uint8[n], physical memory from address 0; start: first character, from the CRTC.
    """
    base = int(MEMORY.VGA_TEXT)
    cells = np.asarray(ram[base:base + 0x8000]).view(np.uint8)[::2]
    shown = np.take(cells, range(start, start + TEXT_COLUMNS * TEXT_ROWS), mode="wrap").reshape(TEXT_ROWS, TEXT_COLUMNS)
    lines = [bytes(row).replace(b"\0", b" ").decode("cp437") for row in shown]
    return "\n".join(line.translate(_CONTROL).rstrip() for line in lines)


# What the character generator shows for codes that a decoder takes as control characters.
_CONTROL = str.maketrans({code: glyph for code, glyph in enumerate(
    " \u263a\u263b\u2665\u2666\u2663\u2660\u2022\u25d8\u25cb\u25d9\u2642\u2640\u266a\u266b\u263c"
    "\u25ba\u25c4\u2195\u203c\u00b6\u00a7\u25ac\u21a8\u2191\u2193\u2192\u2190\u221f\u2194\u25b2\u25bc")})
