"""A guest's reset with `on_reset="reboot"`: the machine starts again, as loaded but for the rest of memory, the same in every run."""
import pytest

from emu.debug.history import record, snapshot, snapshot_file
from emu.machine import Machine
from tests.machines import close

# The first time: leave a mark in memory that the image does not hold, spoil data of the image, reset.  Then: check both.
TWICE = """
        .equ    MARK, 0x800000
test:   mov     rbx, MARK
        lea     rsi, [rip + cell]
        cmp     dword ptr [rbx], 0x1234
        je      .again
        mov     dword ptr [rbx], 0x1234
        mov     qword ptr [rsi], 77
        movd    xmm3, ebx
        mov     ecx, 0x174
        mov     eax, 8
        xor     edx, edx
        wrmsr
        {reset}
.wait:  hlt
        jmp     .wait
.again: cmp     qword ptr [rsi], 5              # the image is loaded again
        jne     .wait
        movd    eax, xmm3
        test    eax, eax
        jnz     .wait
        mov     ecx, 0x174
        rdmsr
        test    eax, eax
        jnz     .wait
        PASS
        .align  8
cell:   .quad   5
"""
CF9 = "mov al, RESETCTL_HARD\n mov dx, PORT_RESET_CONTROL\n out dx, al\n mov al, RESETCTL_HARD | RESETCTL_RESET\n out dx, al"
WAYS = {"reset_control": CF9, "keyboard": "mov al, 0xFE\n out 0x64, al", "fast": "in al, 0x92\n or al, 1\n out 0x92, al"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("processors", [1, 2])
def test_machine_starts_again(program, way, processors):
    unit = program(TWICE.replace("{reset}", WAYS[way]), on_reset="reboot", processors=processors)
    result = unit.run(max_cycles=100_000_000)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0)
    assert unit.text.decode().count("hvlab firmware:") == 2


@pytest.mark.parametrize("policy", ["stop", "fail"])
def test_reset_ends_the_run_when_it_may_not_start_again(program, policy):
    result = program(TWICE.replace("{reset}", CF9), on_reset=policy).run(max_cycles=100_000_000)
    assert (result.reason, result.on_reset) == ("RESET", policy)


def test_run_with_a_reset_is_the_same_whole_in_pieces_recorded_and_from_a_file(program, tmp_path):
    text = TWICE.replace("{reset}", CF9)
    whole, pieces, recorded = (program(text, on_reset="reboot", processors=2) for _ in range(3))
    whole.run()
    at = 0
    while pieces.run(max_cycles=at).reason == "BUDGET":
        at += 30_011
    recorder = record.Recorder(recorded)
    recorded.run()
    assert whole.digest() == pieces.digest() == recorded.digest()
    file = recorder.finish()
    again = program(text, on_reset="reboot", processors=2)
    assert record.replay(again, file).exit_code == 0
    before = program(text, on_reset="reboot", processors=2)
    before.run(max_cycles=100_000)
    snapshot_file.save(snapshot.take(before), tmp_path / "a.hvz")
    loaded = snapshot_file.load(tmp_path / "a.hvz")
    after = Machine(loaded.config)
    snapshot.restore(after, loaded)
    assert after.run().exit_code == 0 and after.digest() == whole.digest()
    close(after)


def test_debugger_goes_back_over_a_reset(program):
    unit = program(TWICE.replace("{reset}", CF9), on_reset="reboot")
    unit.run(max_cycles=100_000)
    early = snapshot.take(unit)
    unit.run()
    digest = unit.digest()
    snapshot.restore(unit, early)
    assert unit.run().reason == "EXIT_CODE" and unit.digest() == digest
