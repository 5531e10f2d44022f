"""What a block begins with: the charge of its cycles, as host code of its own.

The engine begins each block with a call of `check_exit_request`, our block stub.  Once a block is known, and nothing has to be asked
before it runs, the first bytes of that call become a jump to host code that lies between the block's entry and its code, and
that does what the stub would do, with the block's cost and count in it:

    mov rax, [rbp + owner]              ; the processor (rbp: ENV)
    mov rcx, [rax + cycles]
    add rcx, COST
    cmp rcx, [rax + deadline]
    ja ask
    mov [rax + cycles], rcx
    add qword [rax + instructions], COUNT
    lea rcx, [ENTRY]
    mov [rax + block], rcx
    jmp CODE + 17                       ; after the call
    ask: mov rdi, ENGINE
    xor esi, esi
    jmp CODE + 12                       ; the call

So the return address of the call, by which the engine finds the block, is the same either way.  `forget_test` puts the first bytes back.
Source: SDM 2, instruction pages of the above; Unicorn 2.1.4 `gen_tb_start`
"""
from emu.bits import U64
from emu.core import context as at
from emu.core.native import peek8, peek16, peek64, poke8, poke16, poke32, poke64
from emu.core.state import BLOCK, block_at
from emu.jit import kernel
from emu.state import CPU, ENV

ENTRY_BYTES, HEAD_ROOM = U64(BLOCK.itemsize), U64(at.HEAD_BYTES)    # bytes before the host code; of it, before the block's code
BEGINS, ZERO_ESI, CALL_REL32 = U64(0xBF48), U64(0xF631), U64(0xE8)  # mov rdi, imm64; xor esi, esi; call rel32
ZERO_ESI_TOO = U64(0xF633)                              # the other form of XOR
ENGINE_AT, ZERO_AT, CALL_AT, AFTER = U64(2), U64(10), U64(12), U64(17)
JUMP = U64(0xEB)                                        # jmp rel8, of two bytes
MOST_COST, MOST_COUNT = U64(0x7FFF_FFFF), U64(127)
AT_OWNER = U64(at.offset(ENV, "owner"))
AT_CYCLES, AT_DEADLINE, AT_INSTRUCTIONS, AT_BLOCK = (U64(at.offset(CPU, name)) for name in ("cycles", "deadline", "instructions", "block"))
CODE_BYTES = 60                                         # of the host code below: its jumps are counted by them
assert CODE_BYTES <= at.HEAD_BYTES
assert max(AT_CYCLES, AT_DEADLINE, AT_INSTRUCTIONS, AT_BLOCK) < 128, "the displacements are of one byte"


@kernel
def _is_call(code):
    """Return whether the block's code begins with the call as we know it."""
    zero = peek16(code + ZERO_AT)
    return peek16(code) == BEGINS and (zero == ZERO_ESI or zero == ZERO_ESI_TOO) and peek8(code + CALL_AT) == CALL_REL32


@kernel
def write(slot):
    """Let the block with the entry at host address `slot` charge itself, when it can."""
    b, at, code = block_at(slot)[0], slot + ENTRY_BYTES, slot + ENTRY_BYTES + HEAD_ROOM
    if b.cost > MOST_COST or b.count == 0 or b.count > MOST_COUNT or not _is_call(code):
        return
    poke32(at, 0x00_85_8B_48)                           # mov rax, [rbp + disp32]
    poke32(at + 3, AT_OWNER)
    poke32(at + 7, 0x00_48_8B_48 | AT_CYCLES << 24)     # mov rcx, [rax + disp8]
    poke16(at + 11, 0x81_48)                            # add rcx, imm32
    poke8(at + 13, 0xC1)
    poke32(at + 14, b.cost)
    poke32(at + 18, 0x00_48_3B_48 | AT_DEADLINE << 24)  # cmp rcx, [rax + disp8]
    poke16(at + 22, 0x77 | 22 << 8)                     # ja +22: to `ask`
    poke32(at + 24, 0x00_48_89_48 | AT_CYCLES << 24)    # mov [rax + disp8], rcx
    poke32(at + 28, 0x00_40_83_48 | AT_INSTRUCTIONS << 24)  # add qword [rax + disp8], imm8
    poke8(at + 32, U64(b.count))
    poke16(at + 33, 0x8D_48)                            # lea rcx, [rip + disp32]
    poke8(at + 35, 0x0D)
    poke32(at + 36, U64(0) - (40 + ENTRY_BYTES))
    poke32(at + 40, 0x00_48_89_48 | AT_BLOCK << 24)     # mov [rax + disp8], rcx
    poke16(at + 44, JUMP | (HEAD_ROOM + AFTER - 46) << 8)
    poke16(at + 46, BEGINS)                             # ask: mov rdi, imm64
    poke64(at + 48, peek64(code + ENGINE_AT))
    poke16(at + 56, ZERO_ESI)
    poke16(at + 58, JUMP | (HEAD_ROOM + CALL_AT - 60) << 8)
    poke16(code, JUMP | (U64(0) - (HEAD_ROOM + 2) & 0xFF) << 8)


@kernel
def forget_test(slot):
    """Let the block with the entry at `slot` begin with the call again."""
    code = slot + ENTRY_BYTES + HEAD_ROOM
    if peek8(code) == JUMP:
        poke16(code, BEGINS)
