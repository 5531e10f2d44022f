"""Guest-physical memory while an image is placed in it: what is taken, what is free, and the memory map."""

from bisect import bisect_left, insort

from emu import files
from emu.bits import PAGE_BYTES
from emu.errors import ImageError
from emu.spec.firmware import LOW
from emu.spec.platform import MEMORY

LOWEST_FREE = int(LOW.FREE)  # below lie the real-mode vectors and the BIOS data area
LOW_FREE = 0x1_0000  # what a loader has to place goes from here on, as GRUB's does; images may lie below
LOW_END, HIGH_START = int(LOW.EBDA), int(LOW.HIGH)
USABLE, UNUSABLE = 1, 2  # types of the memory map


def memory_map(memory_bytes):
    """Return [(address, size, type)] of a machine with this much RAM; type 1 is RAM, 2 reserved.

    Source: ACPI, "System Address Map Interfaces"
    """
    bios, ioapic, local, hole, above = (int(each) for each in (LOW.ACPI, MEMORY.IOAPIC, MEMORY.LOCAL_APIC, MEMORY.HOLE, MEMORY.ABOVE))
    rows = [(0, LOW_END, USABLE), (LOW_END, int(MEMORY.VIDEO) - LOW_END, UNUSABLE), (bios, HIGH_START - bios, UNUSABLE)]
    if memory_bytes > HIGH_START:
        rows.append((HIGH_START, min(memory_bytes, hole) - HIGH_START, USABLE))
    rows += [(ioapic, PAGE_BYTES, UNUSABLE), (local, PAGE_BYTES, UNUSABLE)]
    return [*rows, (above, memory_bytes - hole, USABLE)] if memory_bytes > hole else rows


class Space:
    """RAM of `memory_bytes`, all zero, filled piece by piece; nothing is placed beyond the hole below 4 GiB.

    low_bytes: where RAM from address 0 on ends;
    segments: [(address, bytes)] that have been placed; ranges: [(address, size)] that they occupy, zeros included.
    """

    def __init__(self, path, memory_bytes):
        self.path, self.memory_bytes, self.segments, self.ranges = path, memory_bytes, [], []
        self.low_bytes = min(memory_bytes, int(MEMORY.HOLE))
        self._taken = [(0, LOWEST_FREE, "the BIOS data area"), (int(MEMORY.VIDEO), HIGH_START, "video memory and firmware")]

    def without_firmware(self):
        """Let an image that no firmware starts use all memory below the video memory."""
        self._taken = self._taken[1:]

    def read(self, file, what):
        """Return the bytes of a file to be placed; one that memory cannot hold is not read."""
        return files.read(file, self.low_bytes, ImageError, why=f": {what} has to fit into the machine's memory")

    def _last_before(self, end):
        """Return the (start, stop, what) with the highest start below an address, or None: of pieces that do not overlap it ends last."""
        at = bisect_left(self._taken, (end,))
        return self._taken[at - 1] if at else None

    def put(self, address, data, what, size=None, advice=""):
        """Place bytes at an address, reserving `size` (the rest reads as 0); returns the address.

        advice: what to do when the place is taken, the end of the sentence.
        """
        size = len(data) if size is None else size
        end = address + size
        if end > self.low_bytes:
            raise ImageError(
                f"{self.path}: {what} needs memory up to {end:#x}, the machine has {self.low_bytes:#x} bytes"
            )
        clash = self._last_before(end)
        if clash and address < clash[1]:
            start, stop, other = clash
            raise ImageError(f"{self.path}: {what} at {address:#x}..{end:#x} overlaps {other} at {start:#x}..{stop:#x}{advice}")
        if size:
            insort(self._taken, (address, end, what))
            self.segments.append((address, bytes(data)))
            self.ranges.append((address, size))
        return address

    def put_low(self, data, what, align=16):
        """Place bytes in the lowest free place below 1 MiB that the firmware does not use, or else above."""
        for low, high in ((LOW_FREE, LOW_END), (HIGH_START, self.low_bytes)):
            address = self._lowest(low, high, len(data), align)
            if address is not None:
                return self.put(address, data, what)
        raise ImageError(
            f"{self.path}: no room for {what} of {len(data)} bytes in {self.low_bytes:#x} bytes of memory"
        )

    def put_above(self, floor, data, what, align=PAGE_BYTES):
        """Place bytes in the lowest free place at or above `floor`."""
        address = self._lowest(floor, self.low_bytes, len(data), align)
        if address is None:
            raise ImageError(
                f"{self.path}: no room for {what} of {len(data)} bytes in {self.low_bytes:#x} bytes of memory"
            )
        return self.put(address, data, what)

    def put_high(self, data, what, ceiling, align=PAGE_BYTES):
        """Place bytes at the highest aligned free place that ends at or below `ceiling`."""
        top = min(ceiling, self.low_bytes)
        while top - len(data) >= HIGH_START:
            address = (top - len(data)) // align * align
            clash = [start for start, stop, _ in self._taken if address < stop and start < address + len(data)]
            if not clash and address >= HIGH_START:
                return self.put(address, data, what)
            top = min(clash, default=0)
        raise ImageError(
            f"{self.path}: no room for {what} of {len(data)} bytes below {ceiling:#x} in "
            f"{self.low_bytes:#x} bytes of memory"
        )

    def _lowest(self, low, high, size, align):
        address = -(-low // align) * align
        for start, stop, _ in self._taken:
            if start < address + size and address < stop:
                address = -(-stop // align) * align
        return address if address + size <= high else None
