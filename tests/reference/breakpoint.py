"""Debug registers by the text of SDM 3B, "Debug Registers" and "Breakpoint Field Recognition": sets of bytes, no bit tricks."""
EXECUTE, WRITE, PORT, ACCESS = range(4)
LENGTH = {0: 1, 1: 2, 2: 8, 3: 4}


def _fields(dr7):
    """Yield (number, condition, length in bytes) of each enabled breakpoint."""
    for n in range(4):
        if dr7 >> 2 * n & 3:
            yield n, dr7 >> 16 + 4 * n & 3, LENGTH[dr7 >> 18 + 4 * n & 3]


def _covered(address, length):
    """Return the bytes that a breakpoint covers: low address bits that its length needs are ignored."""
    first = address // length * length
    return range(first, first + length)


def _met(dr, dr7, accessed, conditions, limit):
    result = 0
    for n, condition, length in _fields(dr7):
        covered = _covered(dr[n] % limit, length)
        if condition in conditions and max(covered[0], accessed[0]) <= min(covered[-1], accessed[-1]):
            result |= 1 << n
    return result


def data(dr, dr7, address, size, write, long):
    """Return DR6 bits 3:0 for a data access."""
    return _met(dr, dr7, range(address, address + size), {WRITE, ACCESS} if write else {ACCESS}, 2**64 if long else 2**32)


def port(dr, dr7, number, size, extensions, long):
    """Return DR6 bits 3:0 for an access to ports."""
    return _met(dr, dr7, range(number, number + size), {PORT}, 2**64 if long else 2**32) if extensions else 0


def code(dr, dr7, address, resume, long):
    """Return DR6 bits 3:0 before an instruction; an execution breakpoint has length 1."""
    limit = 2**64 if long else 2**32
    return 0 if resume else sum(1 << n for n, condition, length in _fields(dr7)
                                if condition == EXECUTE and length == 1 and dr[n] % limit == address)

