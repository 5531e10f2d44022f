"""What a block begins with: the charge of its cycles, as host code of its own.

The engine begins each block with a call of `check_exit_request`, our block stub.  Once a block is known, and nothing has to be asked
before it runs, the first bytes of that call become a jump to host code that lies between the block's entry and its code, and
that does what the stub would do, with the block's cost and count in it:

    mov rcx, COST << 32 | COUNT
    sub [rbp + left], rcx               ; rbp: ENV
    jb ask
    lea rcx, [ENTRY]
    mov [rbp + ran], rcx
    jmp CODE + 17                       ; after the call
    ask: add [rbp + left], rcx
    mov rdi, ENGINE
    xor esi, esi
    jmp CODE + 12                       ; the call

So the return address of the call, by which the engine finds the block, is the same either way.  `forget_test` puts the first bytes back.
Source: SDM 2, instruction pages of the above; Unicorn 2.1.4 `gen_tb_start`
"""
from emu.bits import U64
from emu.core import clock
from emu.core import context as at
from emu.core.native import peek8, peek16, peek64, poke16, poke32, poke64
from emu.core.state import BLOCK, block_at
from emu.jit import kernel
from emu.state import ENV

ENTRY_BYTES, HEAD_ROOM = U64(BLOCK.itemsize), U64(at.HEAD_BYTES)    # bytes before the host code; of it, before the block's code
BEGINS, ZERO_ESI, CALL_REL32 = U64(0xBF48), U64(0xF631), U64(0xE8)  # mov rdi, imm64; xor esi, esi; call rel32
ZERO_ESI_TOO = U64(0xF633)                              # the other form of XOR
ENGINE_AT, ZERO_AT, CALL_AT, AFTER = U64(2), U64(10), U64(12), U64(17)
JUMP = U64(0xEB)                                        # jmp rel8, of two bytes
AT_LEFT, AT_RAN = U64(at.offset(ENV, "left")), U64(at.offset(ENV, "ran"))


@kernel
def _is_call(code):
    """Return whether the block's code begins with the call as we know it."""
    zero = peek16(code + ZERO_AT)
    return peek16(code) == BEGINS and (zero == ZERO_ESI or zero == ZERO_ESI_TOO) and peek8(code + CALL_AT) == CALL_REL32


@kernel
def write(slot):
    """Let the block with the entry at host address `slot` charge itself, when it can."""
    b, at, code = block_at(slot)[0], slot + ENTRY_BYTES, slot + ENTRY_BYTES + HEAD_ROOM
    if b.cost > clock.LEFT_MOST or b.cost < b.count or b.count == 0 or not _is_call(code):
        return
    poke16(at, 0xB9_48)                                 # mov rcx, imm64
    poke64(at + 2, b.cost << 32 | b.count)
    poke32(at + 10, 0x00_8D_29_48)                      # sub [rbp + disp32], rcx
    poke32(at + 13, AT_LEFT)
    poke16(at + 17, 0x72 | 16 << 8)                     # jb +16: to `ask`
    poke32(at + 19, 0x00_0D_8D_48)                      # lea rcx, [rip + disp32]
    poke32(at + 22, U64(0) - (26 + ENTRY_BYTES))
    poke32(at + 26, 0x00_8D_89_48)                      # mov [rbp + disp32], rcx
    poke32(at + 29, AT_RAN)
    poke16(at + 33, JUMP | (HEAD_ROOM + AFTER - 35) << 8)
    poke32(at + 35, 0x00_8D_01_48)                      # ask: add [rbp + disp32], rcx
    poke32(at + 38, AT_LEFT)
    poke16(at + 42, BEGINS)                             # mov rdi, imm64
    poke64(at + 44, peek64(code + ENGINE_AT))
    poke16(at + 52, ZERO_ESI)
    poke16(at + 54, JUMP | (HEAD_ROOM + CALL_AT - 56) << 8)
    poke16(code, JUMP | (U64(0) - (HEAD_ROOM + 2) & 0xFF) << 8)


@kernel
def forget_test(slot):
    """Let the block with the entry at `slot` begin with the call again."""
    code = slot + ENTRY_BYTES + HEAD_ROOM
    if peek8(code) == JUMP:
        poke16(code, BEGINS)
