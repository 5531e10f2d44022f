"""What a TLB may still hold, with Python sets: 4 KiB and 2 MiB translations by VPID, EPT root, PCID."""


class Tlb:
    """Entries are (vpid, EPT root or None, pcid or "global", first address, bytes).

    Guest-physical mappings have vpid None.
    """

    def __init__(self):
        self.entries, self.pieces = {}, set()

    def fill(self, space, shared, la, size, word, piece):
        owner = (space[0], space[1], "global") if shared and space[0] is not None else space
        self.entries[(*owner, la // size * size, size)] = word
        if piece:
            self.pieces.add(owner)

    def find(self, space, la):
        """Return the words of every translation of `la` that may be used in a space."""
        found = []
        for (vpid, root, pcid, start, size), word in self.entries.items():
            if (vpid, root) == space[:2] and pcid in (space[2], "global") and start <= la < start + size:
                found.append(word)
        return found

    def remove(self, wanted):
        """Remove the entries of which `wanted(vpid, root, pcid, start, size)` holds."""
        self.entries = {entry: word for entry, word in self.entries.items() if not wanted(*entry)}

    def remove_address(self, la, wanted):
        """Remove translations of `la` in the spaces wanted; all of a space that holds pieces of larger pages."""
        self.remove(lambda vpid, root, pcid, start, size: wanted(vpid, pcid) and
                    (start <= la < start + size or (vpid, root, pcid) in self.pieces))
        self.pieces = {space for space in self.pieces if not wanted(space[0], space[2])}
