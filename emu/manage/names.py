"""Values of a virtual machine's row: what it may be called, what may be its disk, its state and so on, whoever wrote the row."""
import os

from emu.errors import ConfigError

OFF, RUNNING, PAUSED, FAILED = "off", "running", "paused", "failed"
STATES = (OFF, RUNNING, PAUSED, FAILED)
NAME_LENGTH = 32
VALUE_SHOWN = 64                                          # characters of a value that is none


def is_name(value):
    """Is a value 1 to 32 letters, digits, "-", "_" or ".", and begins with a letter or digit?"""
    if not isinstance(value, str):
        return False
    allowed = value.replace("-", "").replace("_", "").replace(".", "")
    return 0 < len(value) <= NAME_LENGTH and value.isascii() and allowed.isalnum() and value[0].isalnum()


def check_name(name):
    """Return a name, or raise ConfigError that says what is one."""
    if not is_name(name):
        raise ConfigError(f"a virtual machine's name is 1 to {NAME_LENGTH} letters, digits, '-', '_' and '.', not {name!r}")
    return name


def is_path(value):
    """Can a value of the database be a path?  Empty: that of the disk which `create` made."""
    return isinstance(value, bytes | str) and b"\0" not in os.fsencode(value)


def wrong(name, memory, disk, state, note, processors):
    """Return what is wrong with the values of a row, as words; "" when nothing is."""
    if not is_name(name):
        return f"{cut(name)} is not a name of a virtual machine"
    if not is_path(disk):
        return f"the disk of {name} is {cut(disk)}, which is not a path"
    for what, value in (("memory", memory), ("processors", processors)):
        if not isinstance(value, int) or value <= 0:
            return f"{what} of {name} is {cut(value)}"
    if not isinstance(note, str) or state not in STATES:
        return f"state and note of {name} are {cut(state)} and {cut(note)}"
    return ""


def cut(value):
    """Return a value that may be anything as text of limited length."""
    text = repr(value)
    return text if len(text) <= VALUE_SHOWN else text[:VALUE_SHOWN] + "..."
