"""Decode instructions: length, prefixes, operands, kind and timing class of one, or of a run of them.

Every opcode that the manual's opcode maps define has a length here, whatever its form; a form that is reserved
(group extension, mandatory prefix, VEX field) is refused by what executes it.  UNDEFINED with a length is what
takes no LOCK and is locked, VEX and EVEX instructions that this processor has not, and reserved group members that the
engine takes for others.  In 64-bit mode near branches have 32-bit displacements whatever
the prefixes (SDM 2D, superscript f64); AMD's 16-bit form is not modelled, nor are XOP and 3DNow!.
"""
from emu.bits import U64, get, put
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
    LONGEST_INSTRUCTION,
    MAP_64,
    MAP_VEX,
    MODIFIES,
    MODRM,
    NEARS,
    PREFIX,
    RESERVES,
    REX,
    REX_PREFIX,
    SIB,
    SIZE,
    SIZES,
    SLOTS,
    STEP,
    VEX_FORMS,
)
from emu.spec.simd import OPERAND, OPERANDS
from emu.spec.timing import CLASS, CLASS_CYCLES, CLASSES, GROUP_CLASSES, GROUP_SLOTS

MOVSXD = U64(0x63)                                        # ARPL outside 64-bit mode
NO_REGISTER, RIP_BASE = U64(16), U64(17)
OP_0F, OP_38, OP_3A, OP_EVEX, OP_VEX3, OP_VEX2 = (U64(n) for n in (0x0F, 0x38, 0x3A, 0x62, 0xC4, 0xC5))
VEX_ANY = PREFIX.VEX | PREFIX.EVEX
BEFORE_VEX = PREFIX.LOCK | PREFIX.REP | PREFIX.REPNE | PREFIX.OPERAND | PREFIX.REX
PP_OPERAND, PP_REP, PP_REPNE = U64(1), U64(2), U64(3)
MAP_64, MAP_VEX = U64(MAP_64), U64(MAP_VEX)
SEGMENT_PREFIX, TEST_GROUP_LAST = U64(0x26), U64(1)             # TEST is /0 and /1 of its group
IS_64 = U64(64)


@kernel
def _byte(code, at, end):
    """Return code[at], or 0 past the end."""
    return U64(code[at]) if at < end else 0


@kernel
def _little(code, at, size, end):
    """Return `size` bytes at `at`, zero-extended."""
    value, shift = 0, 0
    while shift < size * 8:
        value |= _byte(code, at, end) << shift
        at += 1
        shift += 8
    return value


@kernel
def _signed(value, size):
    """Return the low `size` bytes of `value`, sign-extended to 64 bits."""
    sign = 1 << (size * 8 - 1)
    return ((value & (sign + sign - 1)) ^ sign) - sign


@kernel
def _prefix(byte, mode, insn):
    """Note a legacy prefix; return whether `byte` is one."""
    if byte == 0x66:
        insn.prefixes |= PREFIX.OPERAND
    elif byte == 0x67:
        insn.prefixes |= PREFIX.ADDRESS
    elif byte == 0xF0:
        insn.prefixes |= PREFIX.LOCK
        insn.lock = 1
    elif byte == 0xF2 or byte == 0xF3:
        insn.prefixes |= PREFIX.REPNE if byte == 0xF2 else PREFIX.REP
        insn.rep = byte
    elif byte == 0x64 or byte == 0x65:
        insn.prefixes |= PREFIX.SEGMENT
        insn.segment = byte - 0x60
    elif byte & 0xE7 == SEGMENT_PREFIX:
        if mode != IS_64:
            insn.prefixes |= PREFIX.SEGMENT
            insn.segment = byte >> 3 & 3
    else:
        return False
    return True


@kernel
def _prefixes(code, at, end, mode, insn):
    """Read legacy and REX prefixes; return where the opcode begins."""
    row = MAP_64 if mode == IS_64 else 0
    while at < end and U64(FORMS[row, code[at]]) == IMM.PREFIX:
        byte = U64(code[at])
        if _prefix(byte, mode, insn):
            insn.rex = 0
        elif mode == IS_64 and byte & REX.FIXED == REX_PREFIX:
            insn.rex = byte
        else:
            break
        at += 1
    if insn.rex != 0:
        insn.prefixes |= PREFIX.REX
    return at


@kernel
def _vex(code, at, end, mode, insn):
    """Read a VEX or EVEX prefix whose first byte is at `at`; return where the opcode begins, 0 when it is reserved."""
    first, second = U64(code[at]), _byte(code, at + 1, end)
    refused = insn.prefixes & BEFORE_VEX != 0
    insn.prefixes |= PREFIX.EVEX if first == OP_EVEX else PREFIX.VEX
    rex = 0
    if first == OP_VEX2:
        insn.map, payload, at = 1, second, at + 2
    else:
        payload = _byte(code, at + 2, end)
        rex = payload >> 4 & REX.W | (~second >> 5) & 7
        insn.map = second & (7 if first == OP_EVEX else 31)
        at += 3
        if first == OP_EVEX:
            refused = refused or second & 8 != 0 or payload & 4 == 0
            at += 1
    if first == OP_VEX2:
        rex = ~second >> 5 & REX.R
    insn.rex = rex | REX_PREFIX if mode == IS_64 else 0
    if payload & 3 == PP_OPERAND:
        insn.prefixes |= PREFIX.OPERAND
    elif payload & 3 != 0:
        insn.prefixes |= PREFIX.REP if payload & 3 == PP_REP else PREFIX.REPNE
    if insn.map == 0 or (insn.map > 3 and (first != OP_EVEX or (insn.map != 5 and insn.map != 6))):
        refused = True
    return 0 if refused else at


@kernel
def _opcode(code, at, end, mode, insn):
    """Read escapes and the opcode; return (position after it, its FORM), FORM.UNDEFINED when there is none."""
    byte = _byte(code, at, end)
    row = MAP_64 if mode == IS_64 else 0
    if byte == OP_VEX3 or byte == OP_VEX2 or byte == OP_EVEX:
        if at + 1 >= end:
            return end + 1, 0
        if mode == IS_64 or U64(code[at + 1]) >= MODRM.MOD:
            at = _vex(code, at, end, mode, insn)
            row = MAP_VEX + insn.map - 1
            if at == 0:
                return at, FORM.UNDEFINED
    elif byte == OP_0F:
        at += 1
        row, byte = 1, _byte(code, at, end)
        if byte == OP_38 or byte == OP_3A:
            at += 1
            row = 2 if byte == OP_38 else 3
        insn.map = row
    insn.opcode = _byte(code, at, end)
    return at + 1, (U64(FORMS[row, insn.opcode]) if at < end else 0)


@kernel
def _address_16(code, at, end, insn):
    """Read the displacement of a 16-bit address and note its registers; return the position after it."""
    rm = insn.rm
    insn.base_reg = 3 if rm == 7 or rm < 2 else (5 if rm == 2 or rm == 3 or rm == 6 else rm + 2)
    if rm < 4:
        insn.index_reg = 6 + (rm & 1)
    size = insn.mod
    if insn.mod == 0 and rm == 6:
        insn.base_reg, size = NO_REGISTER, 2
    if insn.base_reg == 5 and not insn.prefixes & PREFIX.SEGMENT:
        insn.segment = SEG.SS
    if size:
        insn.displacement = _signed(_little(code, at, size, end), size)
    return at + size


@kernel
def _address_32(code, at, end, mode, insn):
    """Read SIB and displacement of a 32-bit or 64-bit address; return the position after them."""
    low, size = get(insn.modrm, MODRM.RM), 0 if insn.mod == 0 else (1 if insn.mod == 1 else 4)
    insn.base_reg = insn.rm
    if low == 4:
        sib = _byte(code, at, end)
        at += 1
        low = get(sib, SIB.BASE)
        insn.base_reg = low | get(insn.rex, REX.B) << 3
        index = get(sib, SIB.INDEX) | get(insn.rex, REX.X) << 3
        if index != 4:
            insn.index_reg, insn.scale = index, get(sib, SIB.SCALE)
        if low == 5 and insn.mod == 0:
            insn.base_reg, size = NO_REGISTER, 4
    elif low == 5 and insn.mod == 0:
        insn.base_reg, size = RIP_BASE if mode == IS_64 else NO_REGISTER, 4
    if (insn.base_reg == 4 or insn.base_reg == 5) and not insn.prefixes & PREFIX.SEGMENT:
        insn.segment = SEG.SS
    if size:
        insn.displacement = _signed(_little(code, at, size, end), size)
    return at + size


@kernel
def _modrm(code, at, end, mode, insn):
    """Read ModRM and what belongs to it; return the position after it."""
    insn.modrm = _byte(code, at, end)
    at += 1
    insn.mod = get(insn.modrm, MODRM.MOD)
    insn.reg = get(insn.modrm, MODRM.REG) | get(insn.rex, REX.R) << 3
    insn.rm = get(insn.modrm, MODRM.RM) | get(insn.rex, REX.B) << 3
    if insn.mod == 3:
        return at
    insn.memory = 1
    if insn.address_size == 2:
        return _address_16(code, at, end, insn)
    return _address_32(code, at, end, mode, insn)


@kernel
def _immediate(code, at, end, form, insn):
    """Read the immediate of a form (IMM code); return the position after it."""
    z = 2 if insn.operand_size == 2 else 4
    if form == IMM.ENTER:
        insn.immediate, insn.displacement = _little(code, at, 2, end), _byte(code, at + 2, end)
        return at + 3
    if form == IMM.FAR:
        insn.immediate, insn.displacement = _little(code, at, z, end), _little(code, at + z, 2, end)
        return at + z + 2
    if form == IMM.OFFSET:
        insn.memory, insn.displacement = 1, _little(code, at, insn.address_size, end)
        return at + insn.address_size
    size = 1 if form == IMM.B else (2 if form == IMM.W else z)
    if form == IMM.V and insn.operand_size == 8:
        size = 8
    value = _little(code, at, size, end)
    insn.immediate = value if form == IMM.W else _signed(value, size)
    return at + size


@kernel
def _sizes(mode, insn):
    """Set address and operand size from mode and prefixes."""
    if mode == IS_64:
        insn.address_size = 4 if insn.prefixes & PREFIX.ADDRESS else 8
        insn.operand_size = 8 if insn.rex & REX.W else (2 if insn.prefixes & PREFIX.OPERAND else 4)
    else:
        insn.address_size = 2 if (mode == 16) != (insn.prefixes & PREFIX.ADDRESS != 0) else 4
        insn.operand_size = 2 if (mode == 16) != (insn.prefixes & PREFIX.OPERAND != 0) else 4


@kernel
def _mandatory(insn):
    """Return the mandatory-prefix number: 0 none, 1 66, 2 F3, 3 F2; the last of F2 and F3 wins over 66."""
    if insn.rep:
        return 3 if insn.rep == 0xF2 else 2
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
        if insn.prefixes & PREFIX.EVEX or insn.map > 3:
            return True
        return U64(VEX_FORMS[insn.map, insn.opcode]) >> _vex_prefix(insn) & 1 == 0
    if insn.map <= 1 and U64(RESERVES[insn.map, insn.opcode]) >> get(insn.modrm, MODRM.REG) & 1:
        return True
    if insn.map <= 3:
        holes = U64(HOLE[insn.map, insn.opcode, get(insn.modrm, MODRM.REG)])
        if holes >> (_mandatory(insn) + (4 if insn.memory else 0)) & 1:
            return True
    if not insn.lock:
        return False
    return insn.map > 1 or insn.memory == 0 or not U64(LOCKS[insn.map, insn.opcode]) >> get(insn.modrm, MODRM.REG) & 1


@kernel
def _near(mode, insn):
    """Return whether this is a near branch in 64-bit mode whose operand-size prefix has no effect."""
    if mode != IS_64 or insn.map > 1 or not insn.prefixes & PREFIX.OPERAND or insn.rex & REX.W:
        return False
    return U64(NEARS[insn.map, insn.opcode]) >> get(insn.modrm, MODRM.REG) & 1 != 0


@kernel
def _kind(mode, insn):
    """Set kind and the operand size that goes with it."""
    if _refused(insn):
        insn.kind = INSN.UNDEFINED
    elif _near(mode, insn):
        insn.kind, insn.operand_size = INSN.NEAR_BRANCH, 8
    if insn.kind != INSN.NONE or insn.prefixes & VEX_ANY or insn.map > 3:
        return
    slot = U64(SLOTS[insn.map, insn.opcode])
    if slot == 0:
        return
    registers = insn.mod == 3
    if slot == 1 and registers:
        slot = 2 + get(insn.modrm, MODRM.RM)
    kind = U64(KINDS[slot, _mandatory(insn), get(insn.modrm, MODRM.REG) + (8 if registers else 0)])
    if kind == 0 or (kind == INSN.PAUSE and insn.rex & REX.B):
        return
    insn.kind = kind
    rule = U64(SIZES[kind])
    if rule == SIZE.D:
        if mode == IS_64 and insn.operand_size == 4:
            insn.operand_size = 8
    elif rule == SIZE.Y:
        insn.operand_size = 8 if mode == IS_64 else 4
    elif rule == SIZE.P:
        insn.operand_size = 1 if insn.opcode & 1 == 0 else (2 if insn.operand_size == 2 else 4)
    elif rule != SIZE.V:
        insn.operand_size = 2 if rule == SIZE.W else (1 if rule == SIZE.B else 8)


@kernel
def _clear(insn):
    insn.kind = insn.length = insn.map = insn.opcode = insn.prefixes = insn.rex = insn.modrm = 0
    insn.mod = insn.reg = insn.rm = insn.memory = insn.scale = insn.displacement = insn.immediate = 0
    insn.rep = insn.lock = 0
    insn.segment, insn.base_reg, insn.index_reg = SEG.DS, NO_REGISTER, NO_REGISTER


@kernel
def decode_at(code, start, count, mode, insn):
    """Decode the instruction at code[start] of `count` bytes in all; as `decode`."""
    _clear(insn)
    end = start + LONGEST_INSTRUCTION if start + LONGEST_INSTRUCTION < count else count
    at = _prefixes(code, start, end, mode, insn)
    at, form = _opcode(code, at, end, mode, insn)
    if form & FORM.UNDEFINED:
        insn.kind = INSN.UNDEFINED
        return 0
    _sizes(mode, insn)
    if form & FORM.REGISTERS:
        insn.modrm = _byte(code, at, end) | MODRM.MOD
        at += 1
        insn.mod = 3
        insn.reg = get(insn.modrm, MODRM.REG) | get(insn.rex, REX.R) << 3
        insn.rm = get(insn.modrm, MODRM.RM) | get(insn.rex, REX.B) << 3
    elif form & FORM.MODRM:
        at = _modrm(code, at, end, mode, insn)
    immediate = form & FORM.IMMEDIATE
    if immediate == IMM.J:
        if mode == IS_64:
            insn.operand_size = 8
        immediate = IMM.Z
    if immediate != IMM.NONE and not (form & FORM.TEST and get(insn.modrm, MODRM.REG) > TEST_GROUP_LAST):
        at = _immediate(code, at, end, immediate, insn)
    if at > end:
        insn.kind = INSN.TOO_LONG if end < count or end - start == LONGEST_INSTRUCTION else INSN.NONE
        return 0
    insn.length = at - start
    _kind(mode, insn)
    return insn.length


@kernel
def decode(code, count, mode, insn):
    """Decode the instruction at code[0] into the INSN record `insn`.

    code:  uint8[n], n >= count
    count: uint64, bytes of `code` that may be read
    mode:  uint64, 16, 32 or 64: the default width of the code segment

    Returns the length (uint64), or 0: then insn.kind is UNDEFINED (no such opcode), TOO_LONG (more than 15 bytes)
    or NONE (`count` bytes do not hold all of it).
    A far pointer leaves its offset in `immediate` and its selector in `displacement`, ENTER its second immediate
    there; `scale` is a shift; a segment override that 64-bit mode ignores is not noted.
    Source: SDM 2A, "Instruction Format"; SDM 2D, "Opcode Map"
    """
    return decode_at(code, 0, count, mode, insn)


@kernel
def timing_class(insn):
    """Return the timing class (code of emu.spec.timing.CLASS) of a decoded instruction."""
    if insn.prefixes & VEX_ANY or insn.map > 3:
        return CLASS.VECTOR
    if insn.lock:
        return CLASS.LOCKED
    if insn.map < 2:
        slot = U64(GROUP_SLOTS[insn.map, insn.opcode])
        if slot:
            form = get(insn.modrm, MODRM.REG) + (8 if insn.mod == 3 else 0)
            return U64(GROUP_CLASSES[slot, form])
    return U64(CLASSES[insn.map, insn.opcode])


@kernel
def cost(number):
    """Return the cycles (uint64) that an instruction of timing class `number` is charged."""
    return CLASS_CYCLES[number]


@kernel
def modifies(insn, mode):
    """Return whether an instruction decoded in `mode` reads a memory operand and writes it, so that it faults as a write."""
    if insn.memory == 0 or insn.map > 1 or insn.prefixes & VEX_ANY or (insn.opcode == MOVSXD and mode == 64):
        return False
    return U64(MODIFIES[insn.map, insn.opcode]) >> get(insn.modrm, MODRM.REG) & 1 != 0


@kernel
def for_flags(kind):
    """Return whether instructions of this kind, which the engine executes, begin a block for the sake of the flags (`emu.core.fill`)."""
    return INSN.SET_CONDITION <= kind <= INSN.COMPARE_PAIR


@kernel
def operand(insn):
    """Return how the memory operand of a decoded instruction is accessed (code of emu.spec.simd.OPERAND)."""
    if insn.memory == 0 or insn.prefixes & VEX_ANY or insn.map > 3:
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
    at, done, room = 0, 0, U64(len(steps))
    while at < count and done < room:
        length = decode_at(code, at, count, mode, insn)
        if length == 0:
            break
        number = timing_class(insn)
        both = STEP.MODIFIES if modifies(insn, mode) else 0
        how = put(put(length | both, STEP.KIND, insn.kind), STEP.OPERAND, operand(insn))
        steps[done] = put(put(how, STEP.CLASS, number), STEP.COST, cost(number))
        done += 1
        at += length
    return done
