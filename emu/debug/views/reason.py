"""A reason why an interrupt is not delivered."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One reason why an interrupt is not delivered now: a short id, a sentence, and where the manual says it."""

    id: str
    text: str
    source: str
