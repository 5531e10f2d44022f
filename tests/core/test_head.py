"""What blocks begin with: host code that charges them; the call of the stub where something has to be asked before."""
import ctypes

import pytest

from emu.core import clock, head, rows
from emu.core.state import block_at
from emu.debug.session.session import Session

LOOP = """
test:   mov     ecx, 1000
.loop:  mov     eax, ecx
        imul    eax, eax, 3
        dec     ecx
        jnz     .loop
.done:  nop
        PASS
"""


def blocks(machine):
    """Yield (entry, whether it begins with host code) of the root engine's blocks that have run."""
    at = int(machine.processors[0].core[0].blocks[0])
    while at != rows.LAST:
        code = at + int(head.ENTRY_BYTES + head.HEAD_ROOM)
        yield block_at(at)[0], ctypes.c_uint8.from_address(code).value == head.JUMP
        at = int(block_at(at)[0].next)


def test_known_blocks_charge_themselves(program):
    unit = program(LOOP)
    assert unit.run().exit_code == 0
    found = list(blocks(unit))
    assert sum(charges for _, charges in found) > 20 and all(charges == (b.cost <= clock.LEFT_MOST and b.count > 0) for b, charges in found)
    assert any(int(b.count) == 4 and int(b.cost) >= 4 for b, charges in found if charges), "the loop"


def test_breakpoint_has_them_ask_again(program):
    unit = program(LOOP.replace("1000", "100000"))
    assert unit.run(max_cycles=100_000).reason == "BUDGET"
    session = Session(unit)
    rip = session.threads()[0].register("rip")
    loop = min(int(b.pc) for b, charges in blocks(unit) if charges and int(b.count) == 4 and 0 <= rip - int(b.pc) < int(b.length))
    session.break_at(loop)
    stop = session.run()
    assert stop.thread.register("rip") == loop and not any(charges for b, charges in blocks(unit) if int(b.pc) == loop)
    left = stop.thread.register("rcx")
    assert session.run().thread.register("rcx") == left - 1


@pytest.mark.parametrize("cost, count, written", [
    (5, 3, True), (int(clock.LEFT_MOST) + 1, 3, False), (300, 200, True), (5, 6, False), (5, 0, False), (int(rows.BY_MODEL), 1, False)])
def test_only_a_block_that_fits_is_written(cost, count, written):
    size = int(head.ENTRY_BYTES + head.HEAD_ROOM) + 64
    memory = (ctypes.c_uint8 * (size + 64))()
    at = (ctypes.addressof(memory) + 63) // 64 * 64
    code = at + int(head.ENTRY_BYTES + head.HEAD_ROOM)
    call = bytes.fromhex("48bf8877665544332211 31f6 e800000000")
    ctypes.memmove(code, call, len(call))
    b = block_at(at)[0]
    b.cost, b.count = cost, count
    head.write(at)
    assert (ctypes.string_at(code, 2) != call[:2]) == written
    head.forget_test(at)
    assert ctypes.string_at(code, len(call)) == call


def test_a_beginning_of_another_form_is_left():
    memory = (ctypes.c_uint8 * 512)()
    at = (ctypes.addressof(memory) + 63) // 64 * 64
    code = at + int(head.ENTRY_BYTES + head.HEAD_ROOM)
    block_at(at)[0].cost, block_at(at)[0].count = 1, 1
    for text in ("488d3d00000000 90 90 90 31f6 e800000000", "48bf8877665544332211 33c0 e800000000", "48bf8877665544332211 31f6 ff15000000"):
        ctypes.memmove(code, bytes.fromhex(text), 17)
        head.write(at)
        assert ctypes.string_at(code, 17) == bytes.fromhex(text)[:17]
