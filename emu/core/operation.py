"""What the engine's load or store is part of: an instruction that writes what it reads, a far transfer's stack or tables.

The engine asks for bytes at a linear address, and says neither.  An instruction that reads a memory operand and writes it
(ADD to memory, XCHG, CMPXCHG, shifts) is one access that needs both rights, and faults as a write; the engine loads first.
Its far transfers use one kind of access for the stack, which the instruction names, and for descriptors and the TSS, which
are read with supervisor privilege whatever the CPL.
Source: SDM 3A, "Page-Fault Exceptions", "Determination of Access Mode"; SDM 3C, "Exit Qualification for EPT Violations"
"""
from emu.bits import ALL_ONES, LOW_32, PAGE_MASK, PAGE_OFFSET, PAGE_SIZE, U64, codes
from emu.core import rows
from emu.core.native import call
from emu.core.state import block_at
from emu.jit import kernel, octets
from emu.model.cpu import attributes, base, code_64, code_bits, limit
from emu.model.memory import look, walk
from emu.model.processor import decode, operand
from emu.spec.cpu import DESCRIPTOR, RFLAGS, SEG
from emu.spec.outcome import ACCESS
from emu.state import insn_at

ANY_MODIFIES = rows.ROW.MODIFIES * U64(0x1_0001_0001_0001)      # of any of the four rows in a word
BTS, BTR, BTC = U64(0xAB), U64(0xB3), U64(0xBB)          # map 0F, the bit number in a register: it reaches beyond the operand

FAR = codes("FAR", "ours: what the helper of a far transfer, or of a segment load, does with the stack",
    TABLES=(0, "nothing"), RETURN=(1, "it pops"), CALL=(2, "it pushes"), GATE=(3, "it pushes on an inner level's stack"))
KNOWN = U64(15)                                          # of the places where answers are kept
PUSHED, PARAMETERS = U64(16), U64(31 * 4)


@kernel
def rip_of(k, cs, e, ra):
    """Return RIP of the instruction whose translation calls from host address `ra`; the state is as it was."""
    rip, flags = e.rip, e.cc_op
    call(k.f_restore, cs, ra, 0, 0, 0, 0)
    found = e.rip
    e.rip, e.cc_op = rip, flags
    return found


@kernel
def operand_start(c, e, insn, rip):
    """Return the linear address of the memory operand of the instruction at `rip`.

    Source: SDM 2A, "BTC", "BTR", "BTS": a bit string that begins at the operand
    """
    kept, e.rip = e.rip, rip
    start = U64(operand.address(c, insn))
    e.rip = kept
    if insn.map == 1 and (insn.opcode == BTS or insn.opcode == BTR or insn.opcode == BTC):
        size, bit = insn.operand_size, U64(operand.get_reg(e, insn, insn.reg, insn.operand_size))
        sign = 1 << size * 8 - 1
        away = (bit ^ sign) - sign                         # sign-extended, in bits
        shift = 3 + (1 if size == 2 else (2 if size == 4 else 3))
        step = away >> shift | (~(ALL_ONES >> shift) if away >> 63 else 0)
        start += step * size
    return start if code_64(e) else start & LOW_32


@kernel
def may_modify(b):
    """Return whether a block holds an instruction that modifies."""
    some = 0
    for i in range(rows.ROW_WORDS):
        some |= b.rows[U64(i)]
    return some & ANY_MODIFIES != 0


@kernel
def _linear(e, rip):
    return rip if code_64(e) else rip + base(e, SEG.CS) & LOW_32


@kernel
def modifies(k, cs, e, b, ra):
    """Return whether the instruction whose translation calls from `ra` modifies; `b`: the entry of its block.

    The answer is kept while nothing is translated: host addresses are used again only after that.
    """
    place = ra >> 2 & KNOWN
    if k.known_ra[place] == ra and k.known_at[place] == k.translations:
        return k.known[place] != 0
    number, begin, _, offset = rows.until(b, _linear(e, U64(rip_of(k, cs, e, ra))))
    found = 0
    if number < b.count and begin == offset:
        found = rows.row(b, number) & rows.ROW.MODIFIES
    k.known_ra[place], k.known_at[place], k.known[place] = ra, k.translations, found
    return found != 0


@kernel
def modified(c, k, cs, e, address, ra):
    """Return ALL_ONES when the load at `address` is of an instruction that only reads; else which byte is translated first.

    That is `address`, but for the second page of an operand: its first page comes first, whatever the engine still holds of it.
    """
    if not modifies(k, cs, e, block_at(c.block)[0], ra):
        return ALL_ONES
    if address & PAGE_OFFSET or not walk.canonical(e, address):
        return address
    rip = U64(rip_of(k, cs, e, ra))
    wrap, la = ALL_ONES if code_64(e) else LOW_32, U64(_linear(e, rip))
    insn, code = insn_at(k.scratch)[0], octets(k.code_buffer, 16)
    if decode.decode(code, look.code(c, la, code), code_bits(e), insn) == 0:
        return address
    start = U64(operand_start(c, e, insn, rip))
    return start if (start & PAGE_MASK) + PAGE_SIZE & wrap == address else address


@kernel
def _in_tables(e, address):
    """Return whether linear `address` is in the GDT or the LDT."""
    return address - base(e, SEG.GDTR) <= limit(e, SEG.GDTR) or \
        attributes(e, SEG.LDTR) & DESCRIPTOR.P != 0 and address - base(e, SEG.LDTR) <= limit(e, SEG.LDTR)


@kernel
def far_access(k, e, address, access):
    """Return the ACCESS bits of an access by the helper of a far transfer or segment load.

    Stores to an inner level's stack are made with its privilege, not with that of the caller.
    """
    kind, write = access & (ACCESS.READ | ACCESS.WRITE), access & ACCESS.WRITE != 0
    away = address - k.far_base if code_64(e) else address - k.far_base & LOW_32
    on_stack = away <= k.far_mask and (away - k.far_sp & k.far_mask) < k.far_bytes
    if k.far_kind == FAR.RETURN and on_stack and not write or k.far_kind == FAR.CALL and on_stack and write:
        return kind | operand.explicit(e)
    if k.far_kind == FAR.GATE:
        if write and not _in_tables(e, address):
            return kind | (ACCESS.AC if e.eflags & RFLAGS.AC else 0)
        if on_stack and not write:
            return kind | operand.explicit(e)
    return kind | ACCESS.IMPLICIT
