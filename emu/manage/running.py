"""A virtual machine that has memory: what the service keeps of it."""
from dataclasses import dataclass, field

from emu.manage import store
from emu.manage.link import Link
from emu.manage.store import Row


@dataclass
class Running:
    """A virtual machine that has memory: its row, slot, where its memory lies, the link to its worker.

    disk: the disk request under way, as the root said it; typed: bytes that it has not taken; ending: the state it ends in and why, once
    its worker has ended; failed: what its worker said before that.
    """

    row: Row
    slot: int
    base: int
    link: Link | None = None
    state: str = store.PAUSED
    disk: tuple | None = None
    typed: bytearray = field(default_factory=bytearray)
    ending: tuple[str, str] | None = None
    failed: str = ""

    @property
    def name(self):
        return self.row.name

    @property
    def memory(self):
        return self.row.memory

    @property
    def processors(self):
        return self.row.processors

    @property
    def runs(self):
        """Does it take time of the machine?"""
        return self.state == store.RUNNING and self.ending is None
