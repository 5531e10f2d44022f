"""Answers of commands that were wrong or missing: healthy runs, snapshots as they are, outputs before the run, interrupts, two builds."""
import json
import os
import signal
import subprocess
import sys

import pytest

from emu.cli import loading
from tests.programs import ENTER

M = ("--memory", "16M")
TPR = """
test:   APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_TPR, 0x60
        APIC_WRITE APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | 0x55
        sti
1:      pause
        jmp     1b
"""


def test_check_of_a_run_whose_entries_all_pass_ends_with_0(hvlab, program):
    code, out, err = hvlab("vmcs", "check", program(ENTER), *M)
    assert (code, err) == (0, "") and out == "all 2 VM entries of the run passed every check; it ended by exit code\n"
    body = json.loads(hvlab("vmcs", "check", program(ENTER), *M, "--json")[1])
    assert body["passes"] and body["failures"] == []


def test_several_kinds_are_traced_and_symbols_name_addresses(hvlab, program, tmp_path):
    code, out, _ = hvlab("trace", program(ENTER), *M, "--filter", "exit or entry", "--jsonl", tmp_path / "rows")
    rows = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert code == 0 and [row["kind"] for row in rows] == ["ENTRY", "EXIT", "ENTRY", "EXIT"]
    assert rows[1]["symbol"] == "exits" and "hypercall" not in rows[3] and "rcx" in rows[3]
    code, out, _ = hvlab("break", "exit and rip==after+7", program(ENTER), *M)
    assert code == 0 and out.startswith("hit 1: VMCALL at 0x") and "(after+0x7, " in out
    assert hvlab("break", "exit and rip==nowhere", program(ENTER), *M)[0] == 2


@pytest.mark.parametrize("arguments", [
    ("trace", "{}", "--report"), ("trace", "{}", "-o"), ("trace", "{}", "--perfetto"), ("trace", "{}", "--jsonl"), ("run", "{}", "--save"),
    ("run", "{}", "--record"), ("run", "{}", "--trace-exits"), ("xlate", "0", "{}", "--svg"), ("asm", "{}", "-o"),
])
def test_an_output_that_cannot_be_written_is_reported_before_the_run(hvlab, tmp_path, arguments):
    words = [str(tmp_path / "absent.elf") if word == "{}" else word for word in arguments]
    code, out, err = hvlab(*words, tmp_path / "no" / "where")
    assert (code, out) == (2, "") and "where: cannot be written (No such file or directory)" in err
    assert not list(tmp_path.iterdir())


def test_a_snapshot_is_looked_at_as_it_is(hvlab, program, tmp_path):
    saved = tmp_path / "a.hvz"
    assert hvlab("run", program(ENTER), *M, "--max-cycles", "60K", "--save", saved)[0] == 5
    code, out, err = hvlab("vmcs", saved)
    assert code == 2 and "outside VMX operation" in err
    code, out, err = hvlab("why", "memory", "0x400000", saved)
    assert code == 2 and "a snapshot has no past of its own" in err
    code, out, err = hvlab("why-irq", "0x30", saved, "--at-cycle", "1K")
    assert code == 2 and "already: it cannot be stopped at 1,000" in err


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_reported_as_one_whose_budget_is_used_up(hvlab, program, monkeypatch, number, expected):
    made = loading.machine_with

    def machine_with(*arguments, **options):
        machine = made(*arguments, **options)
        machine.on_console(lambda source, data: os.kill(os.getpid(), number) if not machine.interrupted else None)
        return machine

    monkeypatch.setattr(loading, "machine_with", machine_with)
    code, _, err = hvlab("run", program("test:   jmp     test\n"), *M)
    assert code == expected and "processor 0 runs at RIP 0x" in err and "program.s:3)" in err and "interrupted after" in err


@pytest.mark.parametrize("where", ["emu.cli.loading.load", "emu.cli.loading.machine_with", "emu.cli.group.hvlab.main"])
def test_sigterm_before_the_run_is_reported(where, program):
    module, _, name = where.rpartition(".")
    code = f"import os, signal, emu.cli.group, emu.cli.loading; " \
           f"{module}.{name} = lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM); " \
           "from emu.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "run", program("test:   jmp     test\n"), *M], capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "hvlab: interrupted by SIGTERM\n")


RESETS = """
test:   mov     ebx, 0x800000
        inc     dword ptr [rbx]
        cmp     dword ptr [rbx], {times}
        ja      .done
        mov     al, 0xFE
        out     0x64, al
.wait:  hlt
        jmp     .wait
.done:  PASS
"""


@pytest.mark.parametrize("times, said", [(1, "once"), (3, "3 times")])
def test_resets_after_which_the_machine_starts_again_are_counted(hvlab, program, tmp_path, times, said):
    image, saved = program(RESETS.format(times=times)), tmp_path / "a.hvz"
    code, _, err = hvlab("run", image, *M, "--on-reset", "reboot", "--save", saved)
    assert code == 0 and f"hvlab: the guest reset the machine {said}, and it started again\n" in err
    assert [line.split() for line in err.splitlines() if line.strip().startswith("resets")] == [["resets", str(times)]]
    assert json.loads(hvlab("run", image, *M, "--on-reset", "reboot", "--json")[1])["resets"] == times
    assert json.loads(hvlab("run", saved, "--json")[1])["resets"] == times           # a snapshot keeps the count


def test_run_without_a_reset_counts_none(hvlab, program):
    code, out, err = hvlab("run", program("test:   PASS\n"), *M, "--json")
    assert code == 0 and json.loads(out)["resets"] == 0 and "reset" not in err


@pytest.mark.parametrize("place", ["bare", "partition"])
def test_run_from_a_snapshot_reports_source_lines(hvlab, program, tmp_path, place):
    image, saved = program("test:   cli\n        hlt\n        jmp     test\n"), tmp_path / "a.hvz"
    assert hvlab("run", image, *M, "--as", place, "--max-cycles", "1K", "--save", saved)[0] == 5
    runs = hvlab("run", image, *M, "--as", place), hvlab("run", saved)
    sleeps, from_saved = ([line for line in err.splitlines() if line.startswith("hvlab: ") and "halted" in line] for _, _, err in runs)
    assert [code for code, _, _ in runs] == [5, 5] and "program.s:" in sleeps[0] and from_saved == sleeps


def test_what_would_wake_a_processor_is_said(hvlab, program):
    assert "would wake by an NMI or INIT only: interrupts are off" in hvlab("run", program("test:   cli\n        hlt\n"), *M)[2]
    assert "its local APIC timer is masked" in hvlab("run", program("test:   sti\n        hlt\n"), *M)[2]


def test_virtual_task_priority_holds_a_vector_back(hvlab, program):
    code, out, _ = hvlab("why-irq", "0x55", program(TPR), "--as", "partition", *M, "--at-cycle", "20M", "--json")
    assert code == 0 and [reason["id"] for reason in json.loads(out)["reasons"]] == ["virtual_tpr"]


def test_two_builds_part_where_they_do_something_else(hvlab, program, tmp_path):
    recordings = []
    for name, text in (("a", ENTER), ("b", "        .space  64, 0x90\n" + ENTER.replace("        vmcall\n", "        hlt\n"))):
        source = tmp_path / f"{name}.s"
        source.write_text(program(text).read_text())
        recordings.append(tmp_path / f"{name}.hvr")
        hvlab("run", source, *M, "--record", recordings[-1])
    code, out, _ = hvlab("bisect", *recordings)
    assert code == 1 and out.startswith("the images differ: what the runs do is compared")
    assert "HLT" in out.splitlines()[-1] and "VMCALL" in out.splitlines()[-2]
    body = json.loads(hvlab("bisect", *recordings, "--json")[1])
    assert [body["a"], body["b"]] == [str(path) for path in recordings]
    assert [body["event_a"]["name"], body["event_b"]["name"]] == ["VMCALL", "HLT"]


def test_two_builds_that_do_the_same_are_not_called_the_same_run(hvlab, program, tmp_path):
    def recorded(name, text):
        file = tmp_path / f"{name}.hvr"
        (tmp_path / f"{name}.s").write_text(program(f"test:   {text}\n").read_text())
        hvlab("run", tmp_path / f"{name}.s", *M, "--record", file)
        return file

    few, many = recorded("few", "cli\n nop\n hlt"), recorded("many", "cli\n" + " nop\n" * 100 + " hlt")
    code, out, _ = hvlab("bisect", few, many)
    first, second = out.splitlines()
    assert (code, first) == (0, "the images differ: what the runs do is compared, not where their code is")
    ends = [max(json.loads(file.read_text())["end"]["cycles"]) for file in (few, many)]
    assert ends[0] < ends[1]
    assert second == f"all events are the same, and the runs end alike: A at cycle {ends[0]:,}, B at cycle {ends[1]:,}"
    code, out, _ = hvlab("bisect", few, few)
    assert (code, out) == (0, "the runs are the same to their ends\n")
    fault = recorded("fault", "cli\n lidt [rip + none]\n ud2\n .align 8\nnone: .quad 0, 0")
    code, out, _ = hvlab("bisect", few, fault)
    assert code == 1 and out.splitlines()[1] == "all events are the same, but the runs end differently:"
    assert "A" in out.splitlines()[2] and "triple fault" in out.splitlines()[3]
    code, out, _ = hvlab("bisect", few, fault, "--json")
    body = json.loads(out)
    assert code == 1 and not body["same"] and body["images_differ"] and "triple fault" in body["ends"][1]


def test_values_that_a_machine_refuses_are_named_by_their_options(hvlab, program):
    image = program("test:   hlt\n")
    said = [hvlab("run", image, *options) for options in (("--memory", "100G"), ("--memory", "64G", "--physical-bits", "36"))]
    assert [(code, err.splitlines()[-1]) for code, _, err in said] == [
        (2, "hvlab: --memory must be a multiple of 4096 from 2 MiB to 64 GiB, not 107374182400"),
        (2, "hvlab: --memory of 68719476736 needs addresses up to 0x1040000000: --physical-bits must be at least 37, not 36")]
