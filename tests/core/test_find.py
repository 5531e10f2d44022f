"""The table of found blocks: what a slot holds, and that a block which was thrown away is not found."""
import pytest

from emu.core import context
from emu.debug.history import parts
from emu.state import ENV

SLOTS = 1 << context.FOUND_BITS
# A subroutine is called through a register, so that each call and return looks for its block, and is rewritten on the way.
CALLS = """
test:   lea     rbx, [rip + target]
        mov     ecx, 300
        xor     edx, edx
.loop:  call    rbx
        cmp     eax, edx
        jne     .wrong
        test    ecx, 15
        jnz     .next
        inc     edx
        mov     [rip + target + 1], edx
.next:  dec     ecx
        jnz     .loop
        PASS
.wrong: FAIL    1
        .align  4096
target: mov     eax, 0
        ret
"""


def slots(machine):
    """Return (slots, host addresses) of the root engine's table."""
    table = machine.processors[0].engines[0].found
    return table[:4 * SLOTS].reshape(SLOTS, 4), table[4 * SLOTS:]


def thrown(machine):
    """Return how many blocks the root engine has thrown away."""
    return context.word(context.word(machine.processors[0].engines[0].found.ctypes.data - 8))


def test_slot_lies_in_one_line_of_the_cache(program):
    table = program(CALLS).processors[0].engines[0].found
    assert table.ctypes.data % context.FOUND_ALIGNMENT == 0 and len(table) == 5 * SLOTS


def test_block_that_was_thrown_away_is_not_found(program):
    unit = program(CALLS)
    assert unit.run().exit_code == 0
    assert thrown(unit) >= 18, "each change of the subroutine throws its block away"


def test_what_is_kept_is_a_block_with_its_code(program):
    unit = program(CALLS)
    unit.run()
    kept = [slot for slot in slots(unit)[0].tolist() if slot[2]]
    assert len(kept) > 4
    for pc, _, word, kind in kept:
        block = word & (1 << 48) - 1
        assert context.word(block + context.TB_PC) == pc and context.word(block + context.TB_CODE) == block + (word >> 48)
        assert context.word(block + context.TB_FLAGS) & 0xFFFF_FFFF == kind & 0xFFFF_FFFF


@pytest.mark.parametrize("at", [0, (1 << 64) - 2])
def test_epoch_may_have_any_value(program, at):
    unit, other = program(CALLS), program(CALLS)
    unit.processors[0].engines[0].env[0]["epoch"] = at
    assert unit.run().exit_code == 0 and other.run().exit_code == 0
    assert unit.digest() == other.digest()


def test_what_is_an_engine_s_alone_is_in_no_snapshot():
    """Host addresses and counts of one engine must not reach another."""
    for name in context.OURS:
        at = context.offset(ENV, name)
        assert not any(start < at + 8 and at < end for start, end in parts.ENV_PIECES), name
