"""Addresses, registers and segment checks once more, in plain integers."""
ALL = (1 << 64) - 1


def effective(registers, rip, length, base, index, scale, displacement, address_size):
    """Return the effective address; base and index 16 mean none, base 17 means the next instruction."""
    value = displacement
    if base == 17:
        value += rip + length
    elif base != 16:
        value += registers[base]
    if index != 16:
        value += registers[index] * 2 ** scale
    return value % 2 ** (8 * address_size)


def register(registers, n, size, rex):
    """Return the value of a general register operand."""
    if size == 1 and not rex and 4 <= n <= 7:
        return registers[n - 4] // 256 % 256
    return registers[n] % 256 ** size


def with_register(registers, n, size, rex, value):
    """Return the registers after a write of a general register operand."""
    after = list(registers)
    if size == 1 and not rex and 4 <= n <= 7:
        old = after[n - 4]
        after[n - 4] = old - old % 65536 + value % 256 * 256 + old % 256
    elif size == 4:
        after[n] = value % 2 ** 32
    else:
        after[n] = after[n] - after[n] % 256 ** size + value % 256 ** size
    return after


def canonical(address, width):
    """Return whether bits 63:width-1 are alike."""
    return address >> width - 1 in (0, (1 << 65 - width) - 1)


def segment_fault(mode, stack, present, code, bit1, expand_down, big, limit, offset, size, write, linear, width):
    """Return None, or the vector (12 or 13) that an access raises; mode is real, protected or long.

    bit1 is the readable bit of code and the writable bit of data; width: of linear addresses in the paging mode.
    """
    vector = 12 if stack else 13
    if mode == "long":
        return None if canonical(linear, width) and canonical((linear + size - 1) & ALL, width) else vector
    if mode == "protected":
        if not present:
            return vector
        if write and (code or not bit1) or not write and code and not bit1:
            return 13
    last = offset + size - 1
    if expand_down and not code:
        return None if limit < offset and last <= (0xFFFF_FFFF if big else 0xFFFF) else vector
    return None if last <= limit else vector
