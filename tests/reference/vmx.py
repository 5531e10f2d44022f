"""VMX in plain integers, after SDM volume 3C: what exits, what an exit reports, timers, host segments, field widths."""


def rights_to_descriptor(rights):
    """Return the second descriptor word (no base, no limit) of VMCS access rights; an unusable segment is absent."""
    word = (rights & 0xFF) << 8 | (rights >> 12 & 0xF) << 20
    return word & ~(1 << 15) if rights >> 16 & 1 else word


def descriptor_to_rights(word):
    """Return VMCS access rights of a second descriptor word; an absent segment is unusable, a present code or data segment accessed."""
    rights = word >> 8 & 0xFF | (word >> 20 & 0xF) << 12
    if not rights & 0x80:
        return rights | 1 << 16
    return rights | 1 if rights & 0x10 else rights


def field_width(encoding):
    """Return the width in bits of a VMCS field."""
    return {0: 16, 1: 64, 2: 32, 3: 64}[encoding >> 13 & 3]


def io_exits(use_bitmaps, unconditional, bitmaps, port, size):
    """Return whether an access to `size` ports exits; bitmaps: 8192 bytes, A then B."""
    if not use_bitmaps:
        return unconditional
    if port + size > 0x10000:
        return True
    return any(bitmaps[n // 8] >> n % 8 & 1 for n in range(port, port + size))


def msr_exits(use_bitmaps, bitmaps, index, write):
    """Return whether RDMSR or WRMSR exits; bitmaps: 4096 bytes in the manual's order."""
    if not use_bitmaps:
        return True
    if index <= 0x1FFF:
        at, bit = (0x800 if write else 0), index
    elif 0xC000_0000 <= index <= 0xC000_1FFF:
        at, bit = (0xC00 if write else 0x400), index - 0xC000_0000
    else:
        return True
    return bool(bitmaps[at + bit // 8] >> bit % 8 & 1)


def mov_to_cr_exits(number, value, mask, shadow, targets, cr3_load, cr8_load):
    """Return whether MOV to CR exits; mask and shadow are those of the register."""
    if number in (0, 4):
        return any(mask >> n & 1 and value >> n & 1 != shadow >> n & 1 for n in range(64))
    if number == 3:
        return cr3_load and value not in targets
    return number == 8 and cr8_load


def lmsw_exits(source, mask, shadow):
    """Return whether LMSW exits: it can set CR0.PE but not clear it."""
    if mask & 1 and source & 1 and not shadow & 1:
        return True
    return any(mask >> n & 1 and source >> n & 1 != shadow >> n & 1 for n in (1, 2, 3))


def exception_exits(vector, error, bitmap, pfec_mask, pfec_match):
    """Return whether an exception exits."""
    bit = bitmap >> vector & 1
    if vector == 14 and error & pfec_mask != pfec_match:
        return not bit
    return bool(bit)


def timer_expires(tsc, ticks, rate):
    """Return the TSC at which a VMX-preemption timer loaded with `ticks` at `tsc` is 0."""
    while ticks:
        tsc = (tsc >> rate) + 1 << rate
        ticks -= 1
    return tsc


def timer_left(start, ticks, now, rate):
    """Return the timer's value at TSC `now`."""
    return max(0, ticks - ((now >> rate) - (start >> rate)))


def entry_cr0(field, before):
    """Return CR0 after a transition that loads `field`: ET, NW, CD, 63:32, 28:19, 17 and 15:6 keep their value."""
    kept = 1 << 4 | 1 << 29 | 1 << 30 | 0xFFFF_FFFF << 32 | 0x3FF << 19 | 1 << 17 | 0x3FF << 6
    return field & ~kept | before & kept


def host_segment(name, selector, base, host_64):
    """Return (selector, base, limit, second descriptor word) of a segment register after a VM exit."""
    if name == "CS":
        return selector, 0, 0xFFFF_FFFF, 0xB << 8 | 1 << 12 | 1 << 15 | 1 << 23 | (1 << 21 if host_64 else 1 << 22)
    if name == "TR":
        return selector, base, 0x67, 0xB << 8 | 1 << 15
    if name == "LDTR":
        return 0, 0, 0, 0
    word = 3 << 8 | 1 << 12 | 1 << 15 | 1 << 22 | 1 << 23
    return selector, base, 0xFFFF_FFFF, word if selector else 0


def memory_information(scale, address_bytes, segment, index, base):
    """Return VM-exit instruction information of a memory operand; index and base are None when there is none."""
    value = scale | {2: 0, 4: 1, 8: 2}[address_bytes] << 7 | segment << 15
    value |= 1 << 22 if index is None else index << 18
    return value | (1 << 27 if base is None else base << 23)
