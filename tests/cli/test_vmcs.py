"""`hvlab vmcs` and `hvlab vmcs check` through the real command."""
import json
import re

import pytest

THREE = """
test:   call    vmx_start
        GUEST   guest
        call    vmx_run
        SKIP
        PUT     GUEST_RFLAGS, 0x202
        call    vmx_run
        SKIP
        call    vmx_run
        PASS
guest:  cpuid
        vmcall
        hlt
"""
BAD = """
test:   call    vmx_start
        GUEST   guest
        mov     eax, 5
        PUT     CR3_TARGET_COUNT, rax
        mov     rax, 0x400000000000
        PUT     HOST_CR3, rax
        call    vmx_run
        PASS
guest:  hlt
"""
M = ("--memory", "16M")


def test_vmcs_at_an_exit_by_groups(hvlab, program):
    code, out, err = hvlab("vmcs", program(THREE), *M, "--at-exit", 2)
    assert (code, err) == (0, "")
    assert re.match(r"VMCS 0x[0-9a-f]+ of processor 0, launch state launched, right after VM exit 2, at cycle [\d,]+\n", out)
    assert re.findall(r"^[a-z]+$", out, re.MULTILINE) == ["control", "exit", "guest", "host"]
    assert re.search(r"^  4402  EXIT_REASON +0x12 +VMCALL$", out, re.MULTILINE)
    assert re.search(r"^  440c  EXIT_INSTRUCTION_LENGTH +0x3$", out, re.MULTILINE)
    assert re.search(r"^  6820  GUEST_RFLAGS +0x202 +ONE IF$", out, re.MULTILINE)
    assert "PML_ADDRESS" not in out


def test_one_group_alone(hvlab, program):
    out = hvlab("vmcs", "--group", "host", program(THREE), *M, "--at-launch", 1)[1]
    assert re.findall(r"^[a-z]+$", out, re.MULTILINE) == ["host"]
    assert re.search(r"^  6c00  HOST_CR0 +0x80010033 +PE MP ET NE WP PG$", out, re.MULTILINE)
    assert "launch state clear, before VM entry 1" in out


def test_difference_between_two_exits(hvlab, program):
    code, out, _ = hvlab("vmcs", program(THREE), *M, "--diff", 1, 2)
    lines = out.splitlines()
    assert code == 0 and re.fullmatch(r"from exit 1 \(cycle [\d,]+\) to exit 2 \(cycle [\d,]+\): 4 fields changed", lines[0])
    assert [line.split()[1] for line in lines[1:]] == ["EXIT_REASON", "EXIT_INSTRUCTION_LENGTH", "GUEST_RIP", "GUEST_RFLAGS"]
    assert lines[1].endswith("0xa       ->  0x12      CPUID -> VMCALL") and lines[4].endswith("0x2       ->  0x202     +IF")
    body = json.loads(hvlab("vmcs", program(THREE), *M, "--diff", 1, 2, "--group", "exit", "--json")[1])
    assert (body["schema"], body["exits"], [row["name"] for row in body["changes"]]) == \
        ("hvlab.vmcs-diff.1", [1, 2], ["EXIT_REASON", "EXIT_INSTRUCTION_LENGTH"])


def test_json_has_every_field_of_the_group(hvlab, program):
    body = json.loads(hvlab("vmcs", program(THREE), *M, "--at-exit", 1, "--group", "exit", "--json")[1])
    assert (body["schema"], body["launched"], list(body["groups"])) == ("hvlab.vmcs.1", True, ["exit"])
    assert {"name": "EXIT_REASON", "encoding": 0x4402, "value": 10, "text": "CPUID"} in body["groups"]["exit"]


def test_check_reports_every_failing_check_and_ends_with_3(hvlab, program):
    code, out, _ = hvlab("vmcs", "check", program(BAD), *M)
    assert code == 3
    assert re.sub(r"0x28\d+|(?<=cycle )[\d,]+", "N", out) == """\
processor 0, before the first VM entry that fails, at cycle N
VMCS N: VM entry fails by error 7 (VM entry with invalid control field(s))
  control.cr3_target_count
      CR3_TARGET_COUNT (400AH) = 0x5
      at fault: bits 31:0 of CR3_TARGET_COUNT
      rule: the CR3-target count is at most 4
      source: SDM 3C, "VM-Execution Control Fields"
      repair: set CR3_TARGET_COUNT to 0
  host.cr3
      HOST_CR3 (6C02H) = 0x400000000000
      at fault: bit 46 of HOST_CR3
      rule: bits beyond the physical-address width are 0
      source: SDM 3C, "Checks on Host Control Registers, MSRs, and SSP"
      repair: HOST_CR3 = CR3 of the host
"""
    body = json.loads(hvlab("vmcs", "check", program(BAD), *M, "--at-launch", 1, "--json")[1])
    assert (body["schema"], body["passes"], body["error"], body["reason"]) == ("hvlab.vmcs-check.1", False, 7, 0)
    assert [failure["id"] for failure in body["failures"]] == ["control.cr3_target_count", "host.cr3"]


def test_check_of_a_good_vmcs_ends_with_0(hvlab, program):
    code, out, _ = hvlab("vmcs", "check", program(THREE), *M, "--at-launch", 2)
    assert code == 0 and out.endswith(": VM entry passes every check\n")


@pytest.mark.parametrize("options, message", [
    (["--at-exit", 7], r"there is no VM exit 7: the run makes 3 in all and ends by exit code at cycle [\d,]+"),
    (["--at-exit", 1, "--at-launch", 1], "give one place to stop at, not --at-exit and --at-launch"),
    (["--at-exit", 1, "--processor", 3], "the machine has processors 0 to 0, not 3"),
    (["--at-exit", 1, "--max-cycles", "1K"], r"there is no VM exit 1: the run makes 0 in all and ends by budget at cycle [\d,]+"),
    (["--max-cycles", "1K"], "processor 0 has no current VMCS: it is outside VMX operation"),
])
def test_what_cannot_be_shown_ends_with_2_and_a_sentence(hvlab, program, options, message):
    code, out, err = hvlab("vmcs", program(THREE), *M, *options)
    assert (code, out) == (2, "") and re.fullmatch(f"hvlab: {message}\n", err)


def test_vmcs_alone_teaches(hvlab):
    code, out, _ = hvlab("vmcs")
    assert code == 0 and "hvlab vmcs kernel.elf --diff 1 2" in out
