"""What a person reads when a run ends badly: the real command in a process of its own, whole messages, exit codes."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GUESTS = Path(__file__).resolve().parent.parent / "guests"
LIB, VMX = GUESTS / "lib.s", GUESTS / "vmxlib.s"
BAD_ENTRY = """
test:   call    vmx_start
        GUEST   guest
        mov     eax, 5
        PUT     CR3_TARGET_COUNT, rax
        call    vmx_run
        {end}
guest:  hlt
"""
ENTRY = """\
VM entry failed on processor 0 at cycle N, RIP A (vmx_run+0x56, tests/guests/lib/vmx_run.s:31), VMCS A: error 7 (VM entry with \
invalid control field(s))
  control.cr3_target_count
      CR3_TARGET_COUNT (400AH) = 0x5
      at fault: bits 31:0 of CR3_TARGET_COUNT
      rule: the CR3-target count is at most 4
      source: SDM 3C, "VM-Execution Control Fields"
      repair: set CR3_TARGET_COUNT to 0
"""


@pytest.fixture
def run(tmp_path):
    """Return a function: program text and options -> (exit code, lines of the explanation, standard output)."""
    def call(text, *options, vmx=False):
        path = tmp_path / "program.s"
        path.write_text(f'        .include "{LIB}"\n' + f'        .include "{VMX}"\n' * vmx + text)
        command = [sys.executable, "-c", "from emu.cli import main; main()", "run", str(path), "--memory", "16M", *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=GUESTS.parent.parent,
                              env=os.environ | {"NO_COLOR": "1"})
        said = [line.removeprefix("hvlab: ") for line in done.stderr.splitlines() if line.startswith("hvlab: ")]
        return done.returncode, said, done.stdout

    return call


def plain(lines):
    """Return lines with cycle counts and addresses replaced: they change with the firmware."""
    text = "\n".join(lines)
    text = re.sub(r"(?<=\bcycle )[\d,]*\d|(?<=\bafter )[\d,]*\d(?= cycles)", "N", text)
    text = re.sub(r"/[^ ]*/program\.s", "program.s", text).replace(f"{GUESTS.parent.parent}/", "")
    return re.sub(r"\b0x1[0-9a-f]{5}\b|\b0x28[0-9a-f]{4}\b", "A", text)


def test_triple_fault_is_reported_as_a_chain(run):
    code, said, _ = run("test:   lidt    [rip + .none]\n        ud2\n.none:  .word   0\n        .quad   0\n")
    assert code == 4
    assert plain(said) == """\
triple fault on processor 0 at cycle N:
  1. #UD (invalid opcode), at RIP A (test+0x7, program.s:3)
     IDT entry 6 beyond the limit 0x0 of the IDT at 0x0
  2. #GP (general protection), error code 0x33 while delivering #UD, at RIP A (test+0x7, program.s:3)
     IDT entry 13 beyond the limit 0x0 of the IDT at 0x0
  3. #GP (general protection), error code 0x6b while delivering #GP, at RIP A (test+0x7, program.s:3)
     IDT entry 8 beyond the limit 0x0 of the IDT at 0x0
  4. #GP (general protection), error code 0x43 while delivering #DF, at RIP A (test+0x7, program.s:3)
shutdown after a triple fault"""


def test_jump_to_nowhere_names_the_address_and_the_gates(run):
    code, said, _ = run("test:   and     byte ptr [rip + idt + 16 * VECTOR_PF + 5], 0x7F\n"
                        "        mov     dword ptr [rip + idt + 16 * VECTOR_DF + 4], 0\n"
                        "        mov     rax, 0x12345678000\n        jmp     rax\n")
    assert code == 4
    assert plain(said) == """\
triple fault on processor 0 at cycle N:
  1. #PF (page fault), error code 0x10 (ID), address 0x12345678000, at RIP 0x12345678000
     IDT entry 14 at A: interrupt gate to 0x8:A (stubs+0xe0, tests/guests/lib/events.s:13), DPL 0, not present
  2. #NP (segment not present), error code 0x73 while delivering #PF, at RIP 0x12345678000
     IDT entry 8 at A: type 0, which is not a gate to 0x8:0x1c0, DPL 0, not present
  3. #GP (general protection), error code 0x43 while delivering #DF, at RIP 0x12345678000
shutdown after a triple fault"""


def test_failed_entry_prints_its_checks_and_ends_with_3(run):
    code, said, _ = run(BAD_ENTRY.format(end="FAIL    7"), vmx=True)
    assert code == 3
    assert plain(said) == ENTRY + "the guest ended the run: failed with exit code 7"


def test_failed_entry_is_reported_but_no_failure_when_the_run_passes(run):
    code, said, _ = run(BAD_ENTRY.format(end="PASS"), vmx=True)
    assert code == 0
    assert plain(said) == ENTRY + "the guest ended the run: passed"


def test_failed_entry_in_a_budget_that_runs_out(run):
    code, said, out = run(BAD_ENTRY.format(end="jmp     ."), "--max-cycles", "1M", "--json", vmx=True)
    body = json.loads(out)
    assert (code, body["command_exit_code"], body["entry_failed"], body["reason"]) == (3, 3, True, "BUDGET")
    assert body["explanation"] == said[:-1]


def test_failed_guest_state_is_an_exit_33(run):
    text = BAD_ENTRY.format(end="FAIL    8").replace("CR3_TARGET_COUNT", "GUEST_ACTIVITY")
    code, said, _ = run(text, vmx=True)
    assert code == 3 and "exit reason 33 (" in said[0] and said[1].startswith("  guest.activity")


def test_failed_msr_load_names_the_entry(run):
    text = BAD_ENTRY.format(end="FAIL    8").replace("CR3_TARGET_COUNT, rax", "ENTRY_MSR_LOAD_COUNT, 2\n"
                                                     "        PUT     ENTRY_MSR_LOAD_ADDRESS, list")
    code, said, _ = run(text + "        .align  16\nlist:   .quad   0xC0000082, 0, 0xC0000101, 7\n", vmx=True)
    assert code == 3 and "exit reason 34 (VM-entry failure: MSR loading)" in said[0]
    assert plain(said[1:]) == """\
  entry_msr_load, entry 2
      at A: MSR 0xc0000101 (IA32_GS_BASE) = 0x7
      rule: the list does not name IA32_FS_BASE or IA32_GS_BASE: the guest-state area has their bases
      source: SDM 3C, "Loading MSRs" (VM entries)
      repair: correct the entry, or lower ENTRY_MSR_LOAD_COUNT
the guest ended the run: failed with exit code 8"""


def test_vmx_abort_names_its_indicator(run):
    text = BAD_ENTRY.format(end="PASS").replace("CR3_TARGET_COUNT, rax", "EXIT_MSR_LOAD_COUNT, rax\n        mov     eax, list\n"
                                                "        PUT     EXIT_MSR_LOAD_ADDRESS, rax")
    code, said, _ = run(text + "        .align  16\nlist:   .quad   0xFFFF, 0\n", vmx=True)
    assert code == 4
    assert plain(said) == """\
VMX abort on processor 0 at cycle N: indicator 4 (loading host MSRs failed), VMCS A
shutdown after a VMX abort"""


def test_what_is_not_modelled_names_its_place(run):
    code, said, _ = run("test:   mov     ebx, 0xFEE00300\n.there: mov     dword ptr [rbx], 0x40200\n        PASS\n")
    assert code == 6
    assert plain(said) == ('not modelled: system-management mode (SDM 3C, "System Management Mode") at RIP '
                           "A (test.there, program.s:3)")


def test_endless_sleep_says_why(run):
    code, said, _ = run("test:   hlt\n        jmp     test\n")
    assert code == 5
    assert plain(said) == """\
processor 0 halted with interrupts off (RFLAGS.IF = 0) before RIP A (test+0x1, program.s:3)
  processor 0 would wake by an NMI or INIT only: interrupts are off
every processor is halted with nothing to wake it"""


def test_sleep_with_interrupts_on_says_that_none_will_come(run):
    code, said, _ = run("test:   mov     al, 0xFF\n        out     PORT_PIC1_DATA, al\n        sti\n.sleep: hlt\n        jmp     .sleep\n",
                        "--max-cycles", "100M")
    assert code == 5
    assert said[0].startswith("processor 0 halted with interrupts on before RIP ")


def test_hypervisor_that_never_enters_a_guest(run):
    code, said, _ = run("test:   call    vmx_start\n        jmp     .\n", "--max-cycles", "2M", vmx=True)
    assert code == 5
    assert plain(said) == """\
processor 0 in VMX root operation runs at RIP A (test+0x5, program.s:4)
no VM entry happened: the hypervisor never ran a guest
the cycle budget is used up after N cycles"""


def test_exits_are_traced_line_by_line(run, tmp_path):
    trace = tmp_path / "exits"
    text = "test:   call    vmx_start\n        GUEST   guest\n        call    vmx_run\n        PASS\nguest:  cpuid\n"
    code, _, out = run(text, "--trace-exits", str(trace), "--json", vmx=True)
    rows = [json.loads(line) for line in trace.read_text().splitlines()]
    assert code == 0 and len(rows) == 1 == sum(row["count"] for row in json.loads(out)["exits"])
    assert {key: rows[0][key] for key in ("cpu", "reason", "number", "qualification", "length")} == \
        dict(cpu=0, reason="CPUID", number=10, qualification=0, length=2)
    assert list(tmp_path.glob(".exits*")) == []


def test_trace_that_cannot_be_written_is_said_before_the_run(run, tmp_path):
    code, said, _ = run("test:   PASS\n", "--trace-exits", str(tmp_path / "no" / "exits"))
    assert code == 2 and said == [f"{tmp_path}/no/exits: cannot be written (No such file or directory)"]
