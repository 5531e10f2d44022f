"""Decode instructions: length, prefixes, operands, kind and timing class of one, or of a run of them.

Every opcode that the manual's opcode maps define has a length here, whatever its form; a form that is reserved
(group extension, mandatory prefix, VEX field) is refused by what executes it.  UNDEFINED with a length is what
takes no LOCK and is locked, VEX and EVEX instructions that this processor has not, and reserved group members that the
engine takes for others.  In 64-bit mode near branches have 32-bit displacements whatever
the prefixes (SDM 2D, superscript f64); AMD's 16-bit form is not modelled, nor are XOP and 3DNow!.
"""
from emu.bits import U64
from emu.jit import kernel
from emu.spec.cpu import SEG
from emu.spec.insn import (
    FORM,
    FORMS,
    HOLE,
    IMM,
    INSN,
    KINDS,
    LOCKS,
    MAP_64,
    MAP_VEX,
    MODIFIES,
    NEARS,
    PREFIX,
    RESERVES,
    SIZE,
    SIZES,
    SLOTS,
    STEP,
    VEX_FORMS,
)
from emu.spec.simd import OPERAND, OPERANDS
from emu.spec.timing import CLASS, CLASSES, CYCLES, GROUP_CLASSES, GROUP_SLOTS

ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT = (U64(n) for n in range(9))
SIXTEEN, FIFTEEN, SIXTY_FOUR = U64(16), U64(15), U64(64)
MOVSXD = U64(0x63)                                        # ARPL outside 64-bit mode
NO_REGISTER, RIP = U64(16), U64(17)
REX_W, REX_R, REX_X, REX_B = U64(8), U64(4), U64(2), U64(1)
OP_0F, OP_38, OP_3A, OP_EVEX, OP_VEX3, OP_VEX2 = (U64(n) for n in (0x0F, 0x38, 0x3A, 0x62, 0xC4, 0xC5))
MOD_3 = U64(0xC0)
VEX_ANY = PREFIX.VEX | PREFIX.EVEX
BEFORE_VEX = PREFIX.LOCK | PREFIX.REP | PREFIX.REPNE | PREFIX.OPERAND | PREFIX.REX
PP_OPERAND, PP_REP, PP_REPNE = ONE, TWO, THREE
ROW_64, ROW_VEX = U64(MAP_64), U64(MAP_VEX)
SEGMENT_BITS = U64(0x26)
IS_64 = U64(64)


@kernel
def _byte(code, at, end):
    """Return code[at], or 0 past the end."""
    return U64(code[at]) if at < end else ZERO


@kernel
def _little(code, at, size, end):
    """Return `size` bytes at `at`, zero-extended."""
    value, shift = ZERO, ZERO
    while shift < size * EIGHT:
        value |= _byte(code, at, end) << shift
        at += ONE
        shift += EIGHT
    return value


@kernel
def _signed(value, size):
    """Return the low `size` bytes of `value`, sign-extended to 64 bits."""
    sign = ONE << (size * EIGHT - ONE)
    return ((value & (sign + sign - ONE)) ^ sign) - sign


@kernel
def _prefix(byte, mode, insn):
    """Note a legacy prefix; return whether `byte` is one."""
    if byte == U64(0x66):
        insn.prefixes |= PREFIX.OPERAND
    elif byte == U64(0x67):
        insn.prefixes |= PREFIX.ADDRESS
    elif byte == U64(0xF0):
        insn.prefixes |= PREFIX.LOCK
        insn.lock = ONE
    elif byte == U64(0xF2) or byte == U64(0xF3):
        insn.prefixes |= PREFIX.REPNE if byte == U64(0xF2) else PREFIX.REP
        insn.rep = byte
    elif byte == U64(0x64) or byte == U64(0x65):
        insn.prefixes |= PREFIX.SEGMENT
        insn.segment = byte - U64(0x60)
    elif byte & U64(0xE7) == SEGMENT_BITS:
        if mode != IS_64:
            insn.prefixes |= PREFIX.SEGMENT
            insn.segment = byte >> THREE & THREE
    else:
        return False
    return True


@kernel
def _prefixes(code, at, end, mode, insn):
    """Read legacy and REX prefixes; return where the opcode begins."""
    row = ROW_64 if mode == IS_64 else ZERO
    while at < end and U64(FORMS[row, code[at]]) == IMM.PREFIX:
        byte = U64(code[at])
        if _prefix(byte, mode, insn):
            insn.rex = ZERO
        elif mode == IS_64 and byte & U64(0xF0) == U64(0x40):
            insn.rex = byte
        else:
            break
        at += ONE
    if insn.rex != ZERO:
        insn.prefixes |= PREFIX.REX
    return at


@kernel
def _vex(code, at, end, mode, insn):
    """Read a VEX or EVEX prefix whose first byte is at `at`; return where the opcode begins, 0 when it is reserved."""
    first, second = U64(code[at]), _byte(code, at + ONE, end)
    refused = insn.prefixes & BEFORE_VEX != ZERO
    insn.prefixes |= PREFIX.EVEX if first == OP_EVEX else PREFIX.VEX
    rex = ZERO
    if first == OP_VEX2:
        insn.map, payload, at = ONE, second, at + TWO
    else:
        payload = _byte(code, at + TWO, end)
        rex = payload >> FOUR & REX_W | (~second >> FIVE) & SEVEN
        insn.map = second & (SEVEN if first == OP_EVEX else U64(31))
        at += THREE
        if first == OP_EVEX:
            refused = refused or second & EIGHT != ZERO or payload & FOUR == ZERO
            at += ONE
    if first == OP_VEX2:
        rex = ~second >> FIVE & REX_R
    insn.rex = (rex | U64(0x40)) if mode == IS_64 else ZERO
    if payload & THREE == PP_OPERAND:
        insn.prefixes |= PREFIX.OPERAND
    elif payload & THREE != ZERO:
        insn.prefixes |= PREFIX.REP if payload & THREE == PP_REP else PREFIX.REPNE
    if insn.map == ZERO or (insn.map > THREE and (first != OP_EVEX or (insn.map != FIVE and insn.map != SIX))):
        refused = True
    return ZERO if refused else at


@kernel
def _opcode(code, at, end, mode, insn):
    """Read escapes and the opcode; return (position after it, its FORM), FORM.UNDEFINED when there is none."""
    byte = _byte(code, at, end)
    row = ROW_64 if mode == IS_64 else ZERO
    if byte == OP_VEX3 or byte == OP_VEX2 or byte == OP_EVEX:
        if at + ONE >= end:
            return end + ONE, ZERO
        if mode == IS_64 or U64(code[at + ONE]) >= MOD_3:
            at = _vex(code, at, end, mode, insn)
            row = ROW_VEX + insn.map - ONE
            if at == ZERO:
                return at, FORM.UNDEFINED
    elif byte == OP_0F:
        at += ONE
        row, byte = ONE, _byte(code, at, end)
        if byte == OP_38 or byte == OP_3A:
            at += ONE
            row = TWO if byte == OP_38 else THREE
        insn.map = row
    insn.opcode = _byte(code, at, end)
    return at + ONE, (U64(FORMS[row, insn.opcode]) if at < end else ZERO)


@kernel
def _address_16(code, at, end, insn):
    """Read the displacement of a 16-bit address and note its registers; return the position after it."""
    rm = insn.rm
    insn.base_reg = THREE if rm == SEVEN or rm < TWO else (FIVE if rm == TWO or rm == THREE or rm == SIX else rm + TWO)
    if rm < FOUR:
        insn.index_reg = SIX + (rm & ONE)
    size = insn.mod
    if insn.mod == ZERO and rm == SIX:
        insn.base_reg, size = NO_REGISTER, TWO
    if insn.base_reg == FIVE and not insn.prefixes & PREFIX.SEGMENT:
        insn.segment = SEG.SS
    if size:
        insn.displacement = _signed(_little(code, at, size, end), size)
    return at + size


@kernel
def _address_32(code, at, end, mode, insn):
    """Read SIB and displacement of a 32-bit or 64-bit address; return the position after them."""
    low, size = insn.modrm & SEVEN, ZERO if insn.mod == ZERO else (ONE if insn.mod == ONE else FOUR)
    insn.base_reg = insn.rm
    if low == FOUR:
        sib = _byte(code, at, end)
        at += ONE
        low = sib & SEVEN
        insn.base_reg = low | (insn.rex & REX_B) << THREE
        index = sib >> THREE & SEVEN | (insn.rex & REX_X) << TWO
        if index != FOUR:
            insn.index_reg, insn.scale = index, sib >> SIX
        if low == FIVE and insn.mod == ZERO:
            insn.base_reg, size = NO_REGISTER, FOUR
    elif low == FIVE and insn.mod == ZERO:
        insn.base_reg, size = RIP if mode == IS_64 else NO_REGISTER, FOUR
    if (insn.base_reg == FOUR or insn.base_reg == FIVE) and not insn.prefixes & PREFIX.SEGMENT:
        insn.segment = SEG.SS
    if size:
        insn.displacement = _signed(_little(code, at, size, end), size)
    return at + size


@kernel
def _modrm(code, at, end, mode, insn):
    """Read ModRM and what belongs to it; return the position after it."""
    insn.modrm = _byte(code, at, end)
    at += ONE
    insn.mod = insn.modrm >> SIX
    insn.reg = insn.modrm >> THREE & SEVEN | (insn.rex & REX_R) << ONE
    insn.rm = insn.modrm & SEVEN | (insn.rex & REX_B) << THREE
    if insn.mod == THREE:
        return at
    insn.memory = ONE
    if insn.address_size == TWO:
        return _address_16(code, at, end, insn)
    return _address_32(code, at, end, mode, insn)


@kernel
def _immediate(code, at, end, form, insn):
    """Read the immediate of a form (IMM code); return the position after it."""
    z = TWO if insn.operand_size == TWO else FOUR
    if form == IMM.ENTER:
        insn.immediate, insn.displacement = _little(code, at, TWO, end), _byte(code, at + TWO, end)
        return at + THREE
    if form == IMM.FAR:
        insn.immediate, insn.displacement = _little(code, at, z, end), _little(code, at + z, TWO, end)
        return at + z + TWO
    if form == IMM.OFFSET:
        insn.memory, insn.displacement = ONE, _little(code, at, insn.address_size, end)
        return at + insn.address_size
    size = ONE if form == IMM.B else (TWO if form == IMM.W else z)
    if form == IMM.V and insn.operand_size == EIGHT:
        size = EIGHT
    value = _little(code, at, size, end)
    insn.immediate = value if form == IMM.W else _signed(value, size)
    return at + size


@kernel
def _sizes(mode, insn):
    """Set address and operand size from mode and prefixes."""
    if mode == IS_64:
        insn.address_size = FOUR if insn.prefixes & PREFIX.ADDRESS else EIGHT
        insn.operand_size = EIGHT if insn.rex & REX_W else (TWO if insn.prefixes & PREFIX.OPERAND else FOUR)
    else:
        insn.address_size = TWO if (mode == SIXTEEN) != (insn.prefixes & PREFIX.ADDRESS != ZERO) else FOUR
        insn.operand_size = TWO if (mode == SIXTEEN) != (insn.prefixes & PREFIX.OPERAND != ZERO) else FOUR


@kernel
def _mandatory(insn):
    """Return the mandatory-prefix number: 0 none, 1 66, 2 F3, 3 F2; the last of F2 and F3 wins over 66."""
    if insn.rep:
        return THREE if insn.rep == U64(0xF2) else TWO
    return insn.prefixes & PREFIX.OPERAND


@kernel
def _vex_prefix(insn):
    """Return the mandatory-prefix number of a VEX instruction."""
    if insn.prefixes & (PREFIX.REP | PREFIX.REPNE):
        return PP_REPNE if insn.prefixes & PREFIX.REPNE else PP_REP
    return insn.prefixes & PREFIX.OPERAND


@kernel
def _refused(insn):
    """Return whether the instruction does not exist: a VEX or EVEX form, or LOCK where it may not be."""
    if insn.prefixes & VEX_ANY:
        if insn.prefixes & PREFIX.EVEX or insn.map > THREE:
            return True
        return U64(VEX_FORMS[insn.map, insn.opcode]) >> _vex_prefix(insn) & ONE == ZERO
    if insn.map <= ONE and U64(RESERVES[insn.map, insn.opcode]) >> (insn.modrm >> THREE & SEVEN) & ONE:
        return True
    if insn.map <= THREE:
        holes = U64(HOLE[insn.map, insn.opcode, insn.modrm >> THREE & SEVEN])
        if holes >> (_mandatory(insn) + (FOUR if insn.memory else ZERO)) & ONE:
            return True
    if not insn.lock:
        return False
    return insn.map > ONE or insn.memory == ZERO or not U64(LOCKS[insn.map, insn.opcode]) >> (insn.modrm >> THREE & SEVEN) & ONE


@kernel
def _near(mode, insn):
    """Return whether this is a near branch in 64-bit mode whose operand-size prefix has no effect."""
    if mode != IS_64 or insn.map > ONE or not insn.prefixes & PREFIX.OPERAND or insn.rex & REX_W:
        return False
    return U64(NEARS[insn.map, insn.opcode]) >> (insn.modrm >> THREE & SEVEN) & ONE != ZERO


@kernel
def _kind(mode, insn):
    """Set kind and the operand size that goes with it."""
    if _refused(insn):
        insn.kind = INSN.UNDEFINED
    elif _near(mode, insn):
        insn.kind, insn.operand_size = INSN.NEAR_BRANCH, EIGHT
    if insn.kind != INSN.NONE or insn.prefixes & VEX_ANY or insn.map > THREE:
        return
    slot = U64(SLOTS[insn.map, insn.opcode])
    if slot == ZERO:
        return
    registers = insn.mod == THREE
    if slot == ONE and registers:
        slot = TWO + (insn.modrm & SEVEN)
    kind = U64(KINDS[slot, _mandatory(insn), (insn.modrm >> THREE & SEVEN) + (EIGHT if registers else ZERO)])
    if kind == ZERO or (kind == INSN.PAUSE and insn.rex & REX_B):
        return
    insn.kind = kind
    rule = U64(SIZES[kind])
    if rule == SIZE.D:
        if mode == IS_64 and insn.operand_size == FOUR:
            insn.operand_size = EIGHT
    elif rule == SIZE.Y:
        insn.operand_size = EIGHT if mode == IS_64 else FOUR
    elif rule == SIZE.P:
        insn.operand_size = ONE if insn.opcode & ONE == ZERO else (TWO if insn.operand_size == TWO else FOUR)
    elif rule != SIZE.V:
        insn.operand_size = TWO if rule == SIZE.W else (ONE if rule == SIZE.B else EIGHT)


@kernel
def _clear(insn):
    insn.kind = insn.length = insn.map = insn.opcode = insn.prefixes = insn.rex = insn.modrm = ZERO
    insn.mod = insn.reg = insn.rm = insn.memory = insn.scale = insn.displacement = insn.immediate = ZERO
    insn.rep = insn.lock = ZERO
    insn.segment, insn.base_reg, insn.index_reg = SEG.DS, NO_REGISTER, NO_REGISTER


@kernel
def decode_at(code, start, count, mode, insn):
    """Decode the instruction at code[start] of `count` bytes in all; as `decode`."""
    _clear(insn)
    end = start + FIFTEEN if start + FIFTEEN < count else count
    at = _prefixes(code, start, end, mode, insn)
    at, form = _opcode(code, at, end, mode, insn)
    if form & FORM.UNDEFINED:
        insn.kind = INSN.UNDEFINED
        return ZERO
    _sizes(mode, insn)
    if form & FORM.REGISTERS:
        insn.modrm = _byte(code, at, end) | MOD_3
        at += ONE
        insn.mod = THREE
        insn.reg = insn.modrm >> THREE & SEVEN | (insn.rex & REX_R) << ONE
        insn.rm = insn.modrm & SEVEN | (insn.rex & REX_B) << THREE
    elif form & FORM.MODRM:
        at = _modrm(code, at, end, mode, insn)
    immediate = form & FORM.IMMEDIATE
    if immediate == IMM.J:
        if mode == IS_64:
            insn.operand_size = EIGHT
        immediate = IMM.Z
    if immediate != IMM.NONE and not (form & FORM.TEST and insn.modrm & U64(0x30)):
        at = _immediate(code, at, end, immediate, insn)
    if at > end:
        insn.kind = INSN.TOO_LONG if end < count or end - start == FIFTEEN else INSN.NONE
        return ZERO
    insn.length = at - start
    _kind(mode, insn)
    return insn.length


@kernel
def decode(code, count, mode, insn):
    """Decode the instruction at code[0] into the INSN record `insn`.

    code:  uint8[n], n >= count
    count: uint64, bytes of `code` that may be looked at
    mode:  uint64, 16, 32 or 64: the default width of the code segment

    Returns the length (uint64), or 0: then insn.kind is UNDEFINED (no such opcode), TOO_LONG (more than 15 bytes)
    or NONE (`count` bytes do not hold all of it).
    A far pointer leaves its offset in `immediate` and its selector in `displacement`, ENTER its second immediate
    there; `scale` is a shift; a segment override that 64-bit mode ignores is not noted.
    Source: SDM 2A, "Instruction Format"; SDM 2D, "Opcode Map"
    """
    return decode_at(code, ZERO, count, mode, insn)


@kernel
def timing_class(insn):
    """Return the timing class (code of emu.spec.timing.CLASS) of a decoded instruction."""
    if insn.prefixes & VEX_ANY or insn.map > THREE:
        return CLASS.VECTOR
    if insn.lock:
        return CLASS.LOCKED
    if insn.map < TWO:
        slot = U64(GROUP_SLOTS[insn.map, insn.opcode])
        if slot:
            form = (insn.modrm >> THREE & SEVEN) + (EIGHT if insn.mod == THREE else ZERO)
            return U64(GROUP_CLASSES[slot, form])
    return U64(CLASSES[insn.map, insn.opcode])


@kernel
def cost(number):
    """Return the cycles (uint64) that an instruction of timing class `number` is charged."""
    return CYCLES[number]


@kernel
def modifies(insn, mode):
    """Return whether an instruction decoded in `mode` reads a memory operand and writes it, so that it faults as a write."""
    if insn.memory == ZERO or insn.map > ONE or insn.prefixes & VEX_ANY or (insn.opcode == MOVSXD and mode == SIXTY_FOUR):
        return False
    return U64(MODIFIES[insn.map, insn.opcode]) >> (insn.modrm >> THREE & SEVEN) & ONE != ZERO


@kernel
def operand(insn):
    """Return how the memory operand of a decoded instruction is accessed (code of emu.spec.simd.OPERAND)."""
    if insn.memory == ZERO or insn.prefixes & VEX_ANY or insn.map > THREE:
        return OPERAND.ANY
    return U64(OPERANDS[insn.map, _mandatory(insn), insn.opcode])


@kernel
def block(code, count, mode, insn, steps):
    """Decode the run of instructions in code[0 .. count) into `steps`.

    insn:  an INSN record, scratch
    steps: uint64[n], one word of layout STEP for each instruction: length, whether it modifies, kind, timing class, cost

    Returns how many instructions were decoded: up to the first that cannot be, to the end, or to the end of `steps`.
    The last decoded one may be less than the run when the run is cut: then lengths add up to less than `count`.
    """
    at, done, room = ZERO, ZERO, U64(len(steps))
    while at < count and done < room:
        length = decode_at(code, at, count, mode, insn)
        if length == ZERO:
            break
        number = timing_class(insn)
        both = STEP.MODIFIES if modifies(insn, mode) else ZERO
        steps[done] = length | both | insn.kind << EIGHT | operand(insn) << U64(22) | number << U64(24) | cost(number) << U64(32)
        done += ONE
        at += length
    return done
