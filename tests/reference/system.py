"""Rules of control registers, MSRs, I/O permission and system calls in plain integers, after the manual."""

PE, NE, WP, NW, CD, PG = 1, 1 << 5, 1 << 16, 1 << 29, 1 << 30, 1 << 31
PAE, PCIDE, VMXE, LA57 = 1 << 5, 1 << 17, 1 << 13, 1 << 12
CR0_BITS = 0xE005003F
CR4_BITS = sum(1 << n for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16, 17, 18, 20, 21))
LME, LMA = 1 << 8, 1 << 10


def cr0(old, new, cr4, efer, cs_long, tss_wide, vmx):
    """Return (CR0, EFER) after MOV to CR0 of `new`, or "gp"."""
    if new >> 32:
        return "gp"
    new = new & CR0_BITS | 0x10
    if new & PG and not new & PE or new & NW and not new & CD:
        return "gp"
    if vmx and new & (PE | NE | PG) != PE | NE | PG:
        return "gp"
    if new & PG and not old & PG and efer & LME:
        if not cr4 & PAE or cs_long or not tss_wide:
            return "gp"
        efer |= LMA
    if old & PG and not new & PG:
        if cs_long and efer & LMA or cr4 & PCIDE:
            return "gp"
        efer &= ~LMA
    return new, efer


def cr4(old, new, cr3, efer, vmx):
    """Return CR4 after MOV to CR4 of `new`, or "gp"."""
    if new & ~CR4_BITS or vmx and not new & VMXE:
        return "gp"
    if efer & LMA and (not new & PAE or (old ^ new) & LA57):
        return "gp"
    if new & PCIDE and not old & PCIDE and (not efer & LMA or cr3 & 0xFFF):
        return "gp"
    return new


def canonical(value, width=48):
    """Return whether bits 63:width-1 are alike."""
    return value >> width - 1 in (0, (1 << 65 - width) - 1)


def _types(value, allowed):
    return all(value >> shift & 255 in allowed for shift in range(0, 64, 8))


def wrmsr(index, old, value, locked=False, paging=False):
    """Return what MSR `index` holds after a write of `value`, or "gp"."""
    ranges = (0, 1, 4, 5, 6)
    if index in (0x175, 0x176, 0xC0000082, 0xC0000083, 0xC0000100, 0xC0000101, 0xC0000102):
        return value if canonical(value, 57) else "gp"             # what the processor has, whatever CR4.LA57
    if index == 0x174:
        return value & 0xFFFFFFFF
    if index in (0xC0000084, 0xC0000103):
        return value if not value >> 32 else "gp"
    if index == 0xC0000081 or index == 0x8B:
        return value
    if index == 0x277:
        return value if _types(value, (*ranges, 7)) else "gp"
    if index in (0x250, 0x258, 0x259) or 0x268 <= index <= 0x26F:
        return value if _types(value, ranges) else "gp"
    if 0x200 <= index <= 0x20F and not index & 1:
        return value if value & 255 in ranges and not value & 0xF00 and not value >> 39 else "gp"
    if 0x200 <= index <= 0x20F:
        return value if not value & 0x7FF and not value >> 39 else "gp"
    if index == 0x2FF:
        return value if value & 255 in ranges and not value & ~0xCFF else "gp"
    if index == 0xC0000080:
        return "gp" if value & ~0xD01 or paging and (value ^ old) & LME else value & ~LMA | old & LMA
    if index == 0x3A:
        return "gp" if locked or value & ~5 else value
    if index == 0x1A0:
        kept = 1 << 3 | 1 << 7 | 1 << 11 | 1 << 12 | 1 << 16 | 1 << 23 | 1 << 38
        return value & ~kept | 0x1800 if not value & ~(0x40001 | 1 << 22 | 1 << 34 | kept) else "gp"
    if index == 0x17A:
        return value if not value & ~7 else "gp"
    if 0x400 <= index <= 0x40F:
        return value if index & 3 == 0 or value == 0 else "gp"
    return "gp"


def port_allowed(cpl, iopl, vm, protected, tss, limit, port, size):
    """Return whether an access to ports is permitted; `tss` gives bytes of the TSS, `limit` its limit."""
    if not protected or not vm and cpl <= iopl:
        return True
    if limit < 103:
        return False
    at = int.from_bytes(tss[0x66:0x68], "little") + port // 8
    if at + 1 > limit:
        return False
    bits = int.from_bytes(tss[at : at + 2], "little") >> port % 8
    return not bits & (1 << size) - 1


def syscall(s):
    """Return the registers after SYSCALL in 64-bit mode from a dict of registers and MSRs, "ud" when EFER.SCE = 0."""
    if not s["sce"]:
        return "ud"
    cs = s["star"] >> 32 & 0xFFFC
    return dict(
        rip=s["lstar"],
        rcx=s["rip"] + 2,
        r11=s["flags"],
        flags=s["flags"] & ~s["fmask"] & ~0x10000 | 2,
        cs=cs,
        ss=cs + 8 & 0xFFFF,
        cpl=0,
    )


def sysret(s, wide):
    """Return the registers after SYSRET at CPL 0 in 64-bit mode, "ud" or "gp"."""
    if not s["sce"]:
        return "ud"
    if wide and not canonical(s["rcx"]):
        return "gp"
    base = s["star"] >> 48
    return dict(
        rip=s["rcx"] if wide else s["rcx"] & 0xFFFFFFFF,
        flags=s["r11"] & 0x3C7FD7 | 2,
        cs=(base + (16 if wide else 0) | 3) & 0xFFFF,
        ss=(base + 8 | 3) & 0xFFFF,
        cpl=3,
    )
