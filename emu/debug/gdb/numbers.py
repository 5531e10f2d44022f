"""The numbers, bytes and parts of a packet's text: what is not exactly that is refused."""
import re

from emu.bits import ONES_64

PACKET_SHOWN = 40                                          # characters of a wrong packet that are repeated
DIGITS = re.compile(r"[0-9a-fA-F]+")                       # what int() takes besides, signs, blanks and underscores, no packet has


class Refused(Exception):
    """A packet that is malformed or asks for what cannot be; the text goes to gdb."""


def hexadecimal(text, what):
    """Return the number of up to 64 bits that hexadecimal digits of a packet write; Refused when they are none."""
    if not DIGITS.fullmatch(text):
        raise Refused(f"{what} must be hexadecimal, not {text[:PACKET_SHOWN]!r}")
    digits = text.lstrip("0")
    if len(digits) > 16:
        raise Refused(f"{what} has at most 64 bits, not the {4 * len(digits)} of {text[:PACKET_SHOWN]!r}")
    return int(digits or "0", 16)


def octets(text, what):
    """Return the bytes that pairs of hexadecimal digits of a packet write; Refused when they are none."""
    if text and not DIGITS.fullmatch(text) or len(text) % 2:
        raise Refused(f"{what} must be pairs of hexadecimal digits, not {text[:PACKET_SHOWN]!r}")
    return bytes.fromhex(text)


def place(text):
    """Return (address, length) of `ADDRESS,LENGTH`; Refused for a range that goes beyond the last address."""
    address, _, size = text.partition(",")
    at, size = hexadecimal(address, "an address"), hexadecimal(size, "a length")
    if at + size > ONES_64 + 1:
        raise Refused(f"{size:#x} bytes at {at:#x} end beyond the last address, {ONES_64:#x}")
    return at, size


def parts(text, divider, count, usage):
    """Return the parts of a packet between dividers; Refused when there are not as many as there must be."""
    found = text.split(divider)
    if len(found) != count:
        raise Refused(f"a packet must be {usage}, not {text[:PACKET_SHOWN]!r}")
    return found
