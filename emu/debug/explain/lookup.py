"""What a person means by a number or a name: decimal or hexadecimal, or a name's unique beginning in any case."""
import difflib
import re

from emu.errors import ConfigError

_NUMBER = re.compile(r"-?(0[xX](_?[0-9a-fA-F]+)+|0[bB](_?[01]+)+|[0-9]+(_[0-9]+)*)")
DIGITS_LIMIT = 100                                               # of a number at most: no value is that long, and int() takes its time
NAMES_OFFERED = 6                                          # names offered when one is wrong


def number(text):
    """Return the number that `text` writes in decimal, hexadecimal (0x) or binary (0b), or None when it is a name.

    Raises ConfigError for a negative number.
    """
    text = text.strip()
    if text[:1] in "-0123456789" and len(text) > DIGITS_LIMIT:
        raise ConfigError(f"{text[:NAMES_OFFERED]}...: a number or name has at most {DIGITS_LIMIT} characters, not {len(text)}")
    if not _NUMBER.fullmatch(text):
        return None
    if text.startswith("-"):
        raise ConfigError(f"{text}: a number must be 0 or more")
    digits = text.replace("_", "")
    return int(digits, 10 if digits.isdecimal() else 0)


def value(text, what, bits=64):
    """Return the number that `text` writes; ConfigError when it is none or does not fit `bits` bits."""
    found = number(text)
    if found is None:
        raise ConfigError(f"{what} must be a number, such as 12 or 0x182, not {text!r}")
    if found >> bits:
        raise ConfigError(f"{what} has {bits} bits, {found:#x} does not fit")
    return found


def address(text, symbols=None):
    """Return the address that `text` is: a number, or a symbol of `symbols` (emu.image Symbols or None); ConfigError for neither."""
    found = number(text)
    if found is None and symbols:
        found = symbols.address(text)
    if found is None:
        raise ConfigError(f"ADDRESS must be a number, such as 0x100000, or a symbol of the image, not {text!r}")
    return value(str(found), "ADDRESS")


def _plain(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _either(names):
    names = list(names)
    more = f" and {len(names) - NAMES_OFFERED} more" if len(names) > NAMES_OFFERED else ""
    return ", ".join(names[:NAMES_OFFERED]) + more


def name(text, names, what, allowed):
    """Return the one of `names` that `text` is, or is the beginning of, in any case and with any divider between words.

    names: names, or (spelling, name) pairs when a name has more than one spelling; what: the kind of thing, as in
    "exit reason"; allowed: a sentence on what may be given.
    Raises ConfigError naming the nearest ones when there is none or more than one.
    """
    wanted, pairs = _plain(text), [(_plain(each), each) if isinstance(each, str) else (_plain(each[0]), each[1]) for each in names]
    exact = dict.fromkeys(each for plain, each in pairs if plain == wanted)
    begin = list(exact or dict.fromkeys(each for plain, each in pairs if wanted and plain.startswith(wanted)))
    if len(begin) == 1:
        return begin[0]
    if begin:
        raise ConfigError(f"{text!r} {'is' if exact else 'begins'} more than one {what}: {_either(begin)}")
    inside = [each for plain, each in pairs if wanted and wanted in plain]
    close = dict(reversed(pairs))
    near = [close[each] for each in difflib.get_close_matches(wanted, list(close), NAMES_OFFERED, 0.6)]
    offered = list(dict.fromkeys([*near, *inside]))
    meant = f"; nearest: {_either(offered)}" if offered else ""
    raise ConfigError(f"there is no {what} {text!r}{meant}. {allowed}")


def number_or_name(text, numbers, what, allowed):
    """Return the number of `text`, a number of `numbers` {name: number} or a name (see `name`).

    Raises ConfigError for a number that no name has.
    """
    found = number(text)
    if found is None:
        return numbers[name(text, list(numbers), what, allowed)]
    if found not in numbers.values():
        near = sorted(numbers.items(), key=lambda item: (abs(item[1] - found), item[1]))[:3]
        listed = ", ".join(f"{each} ({at:#x})" for each, at in sorted(near, key=lambda item: item[1]))
        raise ConfigError(f"there is no {what} {found:#x} ({found}); nearest: {listed}. {allowed}")
    return found
