"""`hvlab run --record|--input|--save`, `hvlab replay`, `hvlab bisect`, `hvlab why`: the real commands."""
import json

import pytest

from tests.guests.guests import FOLDER
from tests.programs import ECHO

ENTER = """
test:   call    vmx_start
        GUEST   guest
        RUN     CPUID
        SKIP
        mov     dword ptr [rip + cell], 0x1234
        RUN     VMCALL
        PASS
guest:  cpuid
        mov     ebx, 0x77
        vmcall
        .align  8
cell:   .quad   0
"""


@pytest.fixture
def recorded(hvlab, program, tmp_path):
    """Return a function: (name, bytes typed, cycle) -> the recording of a run of the echo program."""
    image = program(ECHO)

    def record(name, data, cycle, *more):
        (tmp_path / "typed").write_bytes(data)
        code, out, _ = hvlab("run", image, "--memory", "16M", "--input", tmp_path / "typed", "--input-at", cycle,
                             "--record", tmp_path / name, *more)
        assert code == 5 if more else code == 0 and out.endswith(data.decode())
        return tmp_path / name

    return record


def test_recorded_run_is_replayed_and_a_changed_image_is_named(hvlab, recorded, tmp_path):
    file = recorded("a.hvr", b"hello.", "2M")
    code, out, err = hvlab("replay", file, "--hash")
    assert code == 0 and "hello." in out and "sha256:" in out and "the guest ended the run: passed" in err
    code, out, _ = hvlab("replay", file, "--json")
    assert code == 0 and json.loads(out)["kind"] == "recording"
    image = tmp_path / "program.s"
    image.write_text(image.read_text().replace("'.'", "'!'"))
    code, _, err = hvlab("replay", file)
    assert code == 1 and "is not the file that was recorded" in err


def test_where_two_recordings_part(hvlab, recorded):
    first, second = recorded("a.hvr", b"one.", "2M"), recorded("b.hvr", b"two.", "2M")
    assert hvlab("bisect", first, first)[:2] == (0, "the runs are the same to their ends\n")
    code, out, _ = hvlab("bisect", first, second)
    assert code == 1 and "only A gets b'one.' (console) at cycle 2,000,000" in out and "the runs are the same up to cycle" in out
    code, out, _ = hvlab("bisect", first, second, "--json")
    found = json.loads(out)
    assert code == 1 and not found["same"] and found["cycle"] == found["last_equal"] + 1


def test_nothing_is_decided_after_the_budget_cut_a_recording(hvlab, recorded):
    whole, cut = recorded("a.hvr", b"one.", "2M"), recorded("b.hvr", b"two.", "2M", "--max-cycles", "1M")
    code, out, _ = hvlab("bisect", whole, cut)
    assert (code, out) == (5, "no difference up to cycle 1,000,000; the run of B was cut there by the budget: record with a larger "
                              "--max-cycles\n")
    code, out, _ = hvlab("bisect", whole, cut, "--json")
    found = json.loads(out)
    assert code == 5 and (found["same"], found["cycle"], found["cut"]) == (None, 1_000_000, ["B"])


def test_run_goes_on_from_a_saved_snapshot(hvlab, program, tmp_path):
    image, saved = program(ECHO), tmp_path / "early.hvz"
    (tmp_path / "typed").write_bytes(b"later.")
    code, _, _ = hvlab("run", image, "--memory", "16M", "--max-cycles", "1M", "--save", saved)
    assert code == 5 and saved.stat().st_size < 1 << 20
    feed = ("--input", tmp_path / "typed", "--input-at", "3M", "--hash")
    whole, rest = hvlab("run", image, "--memory", "16M", *feed), hvlab("run", saved, *feed)
    assert whole[0] == rest[0] == 0 and whole[1].splitlines()[-1] == rest[1].splitlines()[-1]
    code, _, err = hvlab("run", saved, "--smp", "2")
    assert code == 2 and "--smp goes with an image" in err
    saved.write_bytes(saved.read_bytes()[:-9])
    code, _, err = hvlab("run", saved)
    assert code == 2 and "truncated" in err


def test_who_wrote_it(hvlab, program):
    image = program(ENTER)
    code, out, _ = hvlab("why", "vmcs", "exit_reason", image, "--at-exit", "2")
    assert code == 0 and "value       0xa -> 0x12" in out and "partition 1" in out and "(guest+0x7, " in out
    code, out, _ = hvlab("why", "memory", "cell", image, "--size", "4", "--json")
    found = json.loads(out)
    assert code == 0 and (found["old"], found["new"], found["what"][:7]) == (0, 0x1234, "4 bytes") and "program.s:" in found["place"]
    code, out, _ = hvlab("why", "register", "rbx", image, "--at-exit", "2")
    assert code == 0 and "rbx, right after VM exit 2" in out and "written by" in out
    code, _, err = hvlab("why", "register", "cr3", image, "--at-exit", "2")
    assert code == 2 and "cr3 cannot be followed, only rax" in err
    code, _, err = hvlab("why", "memory", "nowhere", image, "--at-exit", "2")
    assert code == 2 and "a symbol of the image, not 'nowhere'" in err


def test_why_a_failing_entry_has_its_field(hvlab):
    image = FOLDER / "vmx_entry_failure.s"
    code, out, _ = hvlab("why", "vmcs", "guest_rip", image, "--at-entry-failure")
    assert code == 0 and "before the first VM entry that fails" in out and "vmx_entry_failure.s:25)" in out
