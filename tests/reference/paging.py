"""Paging and EPT once more, in plain integers: no table and no code shared with the model."""

READ, WRITE, FETCH, USER, IMPLICIT, AC = 1, 2, 4, 8, 16, 32


class Fault(Exception):
    """How a translation ended when not with an address: a tuple to compare."""


class Paging:
    """A processor's view of memory; every translation is a fresh walk.

    memory: bytearray; cr0, cr3, cr4, efer, eptp (None: no EPT): ints; pdpte: four ints; width: MAXPHYADDR
    """

    def __init__(self, memory, width=39):
        self.memory, self.width = memory, width
        self.cr0, self.cr3, self.cr4, self.efer, self.eptp, self.pdpte = 0, 0, 0, 0, None, [0] * 4
        self.loads = 0

    def load(self, address, size):
        self.loads += 1
        if address + size > len(self.memory):
            return (1 << 8 * size) - 1
        return int.from_bytes(self.memory[address:address + size], "little")

    def store(self, address, size, value):
        if address + size <= len(self.memory):
            self.memory[address:address + size] = value.to_bytes(size, "little")

    # ---- EPT
    def violate(self, need, allowed, gpa, la, final):
        qualification = need | allowed << 3
        if la is not None:
            qualification |= 0x80 | (0x100 if final else 0)
        raise Fault("violation", qualification, gpa, la or 0)

    def ept(self, gpa, la, need, final):
        """Return (host address, rights, writable now, bytes of the page)."""
        if self.eptp is None:
            return gpa, 7, True, 1 << 30
        keeps_flags = self.eptp >> 6 & 1
        table, allowed = self.eptp >> 12 & 0xFF_FFFF_FFFF, 7
        table = (table << 12) & ((1 << self.width) - 1)
        for level in "4321":
            shift = {"4": 39, "3": 30, "2": 21, "1": 12}[level]
            place = table + 8 * (gpa >> shift & 511)
            entry = self.load(place, 8)
            if entry & 7 == 0:
                self.violate(need, 0, gpa, la, final)
            leaf = level == "1" or (level in "23" and entry >> 7 & 1 == 1)
            bad = entry & 3 == 2 or (entry & ((1 << 52) - 1)) >> self.width
            if leaf:
                bad = bad or entry >> 3 & 7 in (2, 3, 7) or entry & ((1 << shift) - (1 << 12))
            else:
                bad = bad or entry & 0xF8
            if bad:
                raise Fault("misconfiguration", gpa)
            allowed &= entry & 7
            if leaf:
                break
            if keeps_flags:
                self.store(place, 8, entry | 0x100)
            table = entry & 0xF_FFFF_FFFF_F000
        if need & ~allowed:
            self.violate(need, allowed, gpa, la, final)
        dirty = True
        if keeps_flags:
            entry |= 0x300 if need & 2 else 0x100
            dirty = bool(entry & 0x200)
            self.store(place, 8, entry)
        page = 1 << shift
        return (entry & 0xF_FFFF_FFFF_F000) // page * page + gpa % page, allowed, dirty, page

    # ---- guest tables
    def mode(self):
        if not self.cr0 >> 31 & 1:
            return "off"
        if self.efer >> 10 & 1:
            return "5" if self.cr4 >> 12 & 1 else "4"
        return "pae" if self.cr4 >> 5 & 1 else "32"

    def plan(self, la):
        """Return the table to begin with and a list of (shift, index bits, large page allowed)."""
        mode = self.mode()
        if mode == "32":
            return self.cr3 & 0xFFFF_F000, [(22, 10, self.cr4 >> 4 & 1), (12, 10, 0)]
        if mode == "pae":
            return self.pdpte[la >> 30] & 0xF_FFFF_FFFF_F000, [(21, 9, 1), (12, 9, 0)]
        rows = [(39, 9, 0), (30, 9, 1), (21, 9, 1), (12, 9, 0)]
        return self.cr3 & ((1 << self.width) - 1) & ~0xFFF, [(48, 9, 0)] * (mode == "5") + rows

    def reserved(self, entry, shift, leaf):
        mode, result = self.mode(), 0
        if mode == "32":
            return entry & 0x3F_E000 if leaf and shift == 22 else 0
        high = 63 if mode == "pae" else 52
        result |= (entry & ((1 << high) - 1)) >> self.width
        if not self.efer >> 11 & 1:
            result |= entry >> 63
        if shift >= 39:
            result |= entry & 0x80
        if leaf and shift > 12:
            result |= entry & ((1 << shift) - (1 << 13))
        return result

    def page_fault(self, la, access, code):
        user = access & USER and not access & IMPLICIT
        code |= 2 * bool(access & WRITE) | 4 * bool(user)
        wants_fetch_bit = self.cr4 >> 20 & 1 or (self.cr4 >> 5 & 1 and self.efer >> 11 & 1)
        code |= 16 * bool(access & FETCH and wants_fetch_bit)
        raise Fault("exception", 14, code, la)

    def permitted(self, kind, access, writable, user_page, no_execute):
        """Return whether one kind of access is permitted by guest paging."""
        if access & USER and not access & IMPLICIT:
            return user_page and (kind == READ or (kind == WRITE and writable) or (kind == FETCH and not no_execute))
        if kind == FETCH:
            return not no_execute and not (user_page and self.cr4 >> 20 & 1)
        if user_page and self.cr4 >> 21 & 1 and (access & IMPLICIT or not access & AC):
            return False
        return kind == READ or writable or not self.cr0 >> 16 & 1

    def place(self, gpa, la):
        need = READ
        if self.eptp is not None and self.eptp >> 6 & 1:
            need = READ | WRITE
        return self.ept(gpa, la, need, False)

    def update(self, gpa, la, place, rights, size, entry):
        if not rights & 2:
            self.violate(READ | WRITE, rights, gpa, la, False)
        self.store(place, size, entry)

    def translate(self, la, access):
        """Return (physical address, kinds allowed with no side effect); raises Fault."""
        if not self.efer >> 10 & 1:
            la %= 1 << 32
        else:
            bits = 57 if self.cr4 >> 12 & 1 else 48
            if la >> bits - 1 not in (0, (1 << 65 - bits) - 1):
                raise Fault("exception", 13, 0)
        need = access & 7
        if self.mode() == "off":
            pa, rights, dirty, _ = self.ept(la, la, need, True)
            return pa, rights if dirty else rights & ~2
        if self.mode() == "pae" and not self.pdpte[la >> 30] & 1:
            self.page_fault(la, access, 0)
        table, rows = self.plan(la)
        writable, user_page, no_execute = True, True, False
        size = 4 if self.mode() == "32" else 8
        for shift, bits, large in rows:
            gpa = table + size * (la >> shift & (1 << bits) - 1)
            place, rights, *_ = self.place(gpa, la)
            entry = self.load(place, size)
            if not entry & 1:
                self.page_fault(la, access, 0)
            leaf = shift == 12 or (large and entry >> 7 & 1)
            if self.reserved(entry, shift, leaf):
                self.page_fault(la, access, 9)
            writable, user_page = writable and entry >> 1 & 1, user_page and entry >> 2 & 1
            no_execute = no_execute or entry >> 63
            if leaf:
                break
            if not entry & 0x20:
                self.update(gpa, la, place, rights, size, entry | 0x20)
            table = entry & 0xF_FFFF_FFFF_F000
        allowed = sum(k for k in (READ, WRITE, FETCH) if self.permitted(k, access, writable, user_page, no_execute))
        if need & ~allowed:
            self.page_fault(la, access, 1)
        marked = entry | 0x20 | (0x40 if need & WRITE else 0)
        if marked != entry:
            self.update(gpa, la, place, rights, size, marked)
        page = 1 << shift
        gpa = (entry & 0xF_FFFF_FFFF_F000) // page * page + la % page
        pa, rights, dirty, _ = self.ept(gpa, la, need, True)
        if not dirty or not marked & 0x40:
            rights &= ~2
        return pa, allowed & rights
