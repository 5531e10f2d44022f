"""Records as the host reads them: plain Python numbers, so that text and arithmetic about a machine need no conversions."""
from typing import Any


class Host:
    """A record read as Python numbers: `host(c).cycles` is an int, an array a list of ints; each read sees the record as it is then.

    It reads only: assigning raises AttributeError.  Kernels take the `record` itself.
    """

    __slots__ = ("record",)
    record: Any

    def __init__(self, record: Any) -> None:
        object.__setattr__(self, "record", record)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name).tolist()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a host view only reads: {name} is written in the record")


def host(record: Any) -> Host:
    """Return the Host view of a record, such as a CPU or an ENV."""
    return Host(record)
