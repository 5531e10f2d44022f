"""What tests of loaders share: bytes and words of a placed image, and images that are refused."""
import re
import struct

import pytest

from emu.bits import MIB
from emu.errors import ImageError
from emu.image import load

MEMORY = 16 * MIB


def byte_at(image, address, size):
    """Return bytes of the placed image."""
    for start, data in image.segments:
        if start <= address < start + len(data):
            return data[address - start : address - start + size]
    raise AssertionError(f"nothing at {address:#x}")


def words_at(image, address, count):
    return struct.unpack(f"<{count}I", byte_at(image, address, 4 * count))


def text_at(image, address):
    return byte_at(image, address, 4096).split(b"\0")[0].decode()


def refused(path, message, memory=MEMORY, **options):
    with pytest.raises(ImageError) as caught:
        load(path, memory, **options)
    assert re.fullmatch(message, str(caught.value)), str(caught.value)
