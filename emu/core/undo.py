"""Branches to where nothing may be fetched from: the engine notices at the target, the fault is the branch's own.

The target is not canonical, or past the limit of CS.  What the branch did is taken back, so that its address is the one that
the fault saves.
Not modelled: far transfers that the engine does by itself fault at their target (JMP and CALL through m16:64, and in real mode).
Source: SDM 2A and 2B, "CALL", "Jcc", "JMP", "LOOP/LOOPcc", "RET", "IRET/IRETD/IRETQ": exceptions of each mode
"""
from emu.bits import ALL_ONES, LOW_16, LOW_32, U64, get
from emu.core import context as at
from emu.core import rows
from emu.core.state import block_at, core_at
from emu.jit import kernel, octets, words
from emu.model import ram
from emu.model.cpu import TR_WORD, base, limit, real_mode
from emu.model.instructions.branch import CALL, GROUP_5, GROUP_CALL, LOOPNE, RET, RET_POP
from emu.model.memory import look
from emu.model.processor import decode
from emu.spec.cpu import RFLAGS, SEG
from emu.spec.engine import HFLAGS
from emu.spec.insn import MODRM
from emu.state import ENV, insn_at

RCX, RSP = U64(1), U64(4)
STATE_FIRST, STATE_BYTES = U64(at.STATE_FIRST), U64(at.STATE_BYTES)
CS_BASE = U64(at.offset(ENV, "seg") + 8 * (3 * int(SEG.CS) + 1) - at.STATE_FIRST)
BUSY_TASK = U64(at.TASK_BUSY << 32)
LOOP = U64(0xE2)
IRET, RET_FAR_IMM, RET_FAR, JMP_FAR, CALL_FAR = U64(0xCF), U64(0xCA), U64(0xCB), U64(0xEA), U64(0x9A)
GROUP_CALL_FAR, GROUP_JMP_FAR = U64(3), U64(5)


@kernel
def busy(e):
    """Make the type of the task register "busy" again, which the stub before a far CALL took from it (`emu.core.far_stubs`)."""
    e.seg[TR_WORD] |= BUSY_TASK


@kernel
def host_of(m, pa):
    """Return the host address of a physical byte that code is fetched from, 0 when it is neither RAM nor ROM."""
    if ram.is_ram(m, pa):
        return m.ram + pa
    if pa - m.rom_base < m.rom_bytes:
        return m.rom + (pa - m.rom_base)
    return 0


@kernel
def code_base(e):
    """Return what has to be added to RIP for a linear address: the base of CS outside 64-bit mode."""
    return 0 if U64(e.hflags) & HFLAGS.CS64 else base(e, SEG.CS)


@kernel
def linear(e, rip):
    """Return the linear address of offset `rip` in the code segment: 32 bits outside 64-bit mode."""
    return rip if U64(e.hflags) & HFLAGS.CS64 else (base(e, SEG.CS) + rip) & LOW_32


@kernel
def past_limit(e, la):
    """Return whether the byte at linear `la` lies past the limit of CS; never in 64-bit mode."""
    return not U64(e.hflags) & HFLAGS.CS64 and (la - base(e, SEG.CS)) & LOW_32 > limit(e, SEG.CS)


@kernel
def last_of(c, k, e, b):
    """Decode the last instruction of the block that ran (entry `b`); returns its linear address."""
    insn, code = insn_at(k.scratch)[0], octets(k.code_buffer, 16)
    at, mode = b.pc, U64(b.mode)
    for i in range(b.count - 1):                           # the last may be longer than what the engine has read of it
        at += rows.length(b, U64(i))
    insn.length = decode.decode(code, look.code(c, at & (ALL_ONES if mode == 64 else LOW_32), code), mode, insn)
    return at


@kernel
def undo_far(c, e, at, wide):
    """Undo the IRET or far RET at linear `at` with the state that its stub kept (emu.core.native); False when that is another's.

    The stub is that of protected mode; wide: it was 64-bit code.
    """
    kept, now = octets(c.far_state, STATE_BYTES), octets(c.env + STATE_FIRST, STATE_BYTES)
    start = 0 if wide else words(c.far_state + CS_BASE, 1)[0]
    if words(c.far_state, 1)[0] != (at - start) & (ALL_ONES if wide else LOW_32) or real_mode(e) or e.eflags & RFLAGS.VM:
        return False
    for i in range(STATE_BYTES):
        now[i] = kept[i]
    e.regs[RSP] = words(c.far_state + STATE_BYTES, 1)[0]
    return True


@kernel
def _mask(size):
    return ALL_ONES if size == 8 else (LOW_32 if size == 4 else LOW_16)


@kernel
def _move(e, n, mask, by):
    """Add to the part of a register that the mask selects."""
    e.regs[n] = e.regs[n] & ~mask | e.regs[n] + by & mask


@kernel
def _far(insn):
    """Return whether the decoded instruction is a far JMP or CALL."""
    reg = get(insn.modrm, MODRM.REG)
    return insn.opcode == JMP_FAR or insn.opcode == CALL_FAR or insn.opcode == GROUP_5 and (reg == GROUP_CALL_FAR or reg == GROUP_JMP_FAR)


@kernel
def undo_branch(c, e):
    """Undo the branch to RIP, the last instruction of the block that ran: the fault is its own.  False: there was none.

    What CALL pushed stays below the stack pointer.
    """
    k, b, target = core_at(c.core)[0], block_at(c.block)[0], linear(e, e.rip)
    insn, at, mode = insn_at(k.scratch)[0], last_of(c, k, e, b), U64(b.mode)
    opcode, wide = insn.opcode, mode == 64
    jcc = insn.map == 1 and opcode >> 4 == 8
    if insn.length == 0 or insn.map != 0 and not jcc or linear(e, at + insn.length - code_base(e)) == target:
        return False
    size = 8 if wide else insn.operand_size
    stack = ALL_ONES if wide else (LOW_32 if U64(e.hflags) & HFLAGS.SS32 else LOW_16)
    if jcc:
        pass
    elif opcode == IRET or opcode == RET_FAR or opcode == RET_FAR_IMM:
        if not undo_far(c, e, at, wide):
            return False
    elif _far(insn):
        return False
    elif opcode == CALL or opcode == GROUP_5 and get(insn.modrm, MODRM.REG) == GROUP_CALL:
        _move(e, RSP, stack, size)
    elif opcode == RET or opcode == RET_POP:
        _move(e, RSP, stack, 0 - size - (insn.immediate & LOW_16 if opcode == RET_POP else 0))
    elif LOOPNE <= opcode <= LOOP:
        _move(e, RCX, _mask(insn.address_size), 1)
    e.rip, e.error_code = (at - code_base(e)) & (ALL_ONES if wide else LOW_32), 0  # the block's charge is given back from here
    return True
