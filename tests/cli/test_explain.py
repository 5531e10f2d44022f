"""`hvlab explain` against what the manual says, written down here by hand: numbers, bit positions, words."""
import json
import re

import pytest

EXPLAINED = [
    # SDM 3D, "Basic VM-Exit Reasons"; 3C, "Exit Qualification for ..."
    (("exit", "48", "0x182"), ["exit 0x30 (48) EPT_VIOLATION", r"1 +WRITE", r"7 +LINEAR", r"8 +FINAL", "not present in EPT"]),
    (("exit", "0x30", "0xb8a"), ["a write", "may be read only", r"3 +READABLE", r"9 +USER", r"11 +GUEST_NX"]),
    (("exit", "28", "0x110"), [r"5:4 +ACCESS +0x1", "MOV RCX, CR0"]),
    (("exit", "cr_acc", "0x00003"), ["MOV CR3, RAX"]),
    (("exit", "28", "0xabcd0030"), [r"LMSW of 0xabcd from a register"]),
    (("exit", "29", "0x317"), ["MOV RBX, DR7"]),
    (("exit", "30", "0x3f80003"), ["OUT, 4 bytes, port 0x3f8"]),
    (("exit", "30", "0x600038"), ["REP INS, 1 byte, port 0x60"]),
    (("exit", "9", "0xc0000028"), [r"15:0 +SELECTOR +0x28", "task gate"]),
    (("exit", "44", "0x1080"), [r"11:0 +OFFSET +0x80", "linear access, data write"]),
    (("exit", "4", "0x9a"), [r"7:0 +VECTOR +0x9a"]),
    (("exit", "36", "1"), [r"0 +ARMED"]),
    (("exit", "10", "0"), ["exit 0xa (10) CPUID", "exits always", "0 for this reason"]),
    (("exit", "hlt"), ["HLT exiting is 1 (PRIMARY_CONTROLS.HLT, bit 7)", "CPL 0"]),
    (("exit", "49", "0x1234"), ["the manual leaves it undefined"]),
    (("exit", "33", "4"), ["ENTRY_GUEST_STATE", "LINK_POINTER", "bit 31"]),
    (("exit", "0x80000022", "3"), ["exit 0x22 (34) ENTRY_MSR_LOAD", r"31 +ENTRY_FAILURE",
                                   r"63:0 +NUMBER +0x3 +entry of the MSR-load area"]),
    (("exit", "41"), ["ENTRY_MACHINE_CHECK", "this machine has no machine-check events"]),
    (("exit", "0", "0x7f00", "--interruption-info", "0x80000b0e"), ["hardware exception, #PF", r"63:0 +ADDRESS +0x7f00", r"11 +ERROR"]),
    (("exit", "0", "0x4000", "--interruption-info", "0x80000301"), ["hardware exception, #DB", r"14 +BS"]),
    (("exit", "1", "0", "--interruption-info", "0x80000041"), ["external interrupt, vector 65"]),
    (("exit", "48", "0", "--vectoring-info", "0x80000480"), ["software interrupt INT n, vector 128"]),
    (("exit", "48", "0", "--vectoring-info", "0x0"), ["bit 31 is 0: not valid"]),
    # SDM 3C, "Information for VM Exits Due to Instruction Execution": scale 2, 64-bit, DS, index RCX, base RBX, second register RDX
    (("exit", "25", "8", "--instruction-info", "0x21858102"), ["operand: ds:[rbx + rcx*4 + displacement]", r"31:28 +REG2 +0x2 .*RDX"]),
    (("exit", "vmread", "0", "--instruction-info", "0x30000438"), ["operand: rdi", r"31:28 +REG2 +0x3 .*RBX"]),
    (("exit", "46", "0", "--instruction-info", "0x38418100"), [r"29:28 +IDENTITY +0x3 +instruction identity: LIDT"]),
    (("exit", "57", "0", "--instruction-info", "0x1018"), [r"6:3 +REG1 +0x3 .*RBX", r"12:11 +OPERAND_SIZE +0x2 .*64-bit"]),
    (("exit", "10", "0", "--instruction-info", "7"), ["undefined for this reason"]),
    # SDM 3D, "Field Encoding in VMCS"
    (("field", "0x6802"), ["GUEST_CR3", "natural", "guest state", "guest.cr3"]),
    (("field", "0x2011"), ["TSC_OFFSET", "64 bits", "asked for here"]),
    (("field", "exit_reason", "0x8000000a"), ["0x4402", "read-only", r"31 +ENTRY_FAILURE", "CPUID"]),
    (("field", "pin_based", "0x16"), ["0x4000", "32 bits", "allowed here"]),
    (("field", "0x4000", "0"), ["bits 4, 2:1 must be 1 here"]),
    (("field", "0x4000", "0x96"), ["bit 7 must be 0 here", "POSTED_INTERRUPTS"]),
    (("field", "guest_activity", "3"), ["WAIT_SIPI"]),
    (("field", "pml_address"), ["0x200e", "this processor lacks it"]),
    # SDM 4; SDM 3D, "VMX Capability Reporting Facility"
    (("msr", "0x48b", "0x000000a200000002"), [r"1 +EPT +0x3 +must be 1", r"5 +VPID +0x1 +0 or 1",
                                              r"7 +UNRESTRICTED +0x1 +0 or 1", r"3 +RDTSCP +0x0 +must be 0"]),
    (("msr", "vmx_basic"), ["0x480", r"30:0 +REVISION", r"44:32 +SIZE +0x1000", r"55 +TRUE"]),
    (("msr", "efer", "0x501"), ["0xc0000080", r"0 +SCE", r"8 +LME", r"10 +LMA"]),
    (("msr", "pat", "0x0007040600070406"), ["0x277", r"7:0 +BYTE0 +0x6 +WB", r"15:8 +BYTE1 +0x4 +WT", r"31:24 +BYTE3 +0x0 +UC"]),
    (("msr", "0x808"), ["IA32_X2APIC_TPR", "offset 0x80"]),
    (("msr", "0x40000001", "0x1234001"), ["HV_X64_MSR_HYPERCALL", r"0 +ENABLE", r"63:12 +GPFN +0x1234"]),
    # SDM 3A
    (("vector", "14"), ["#PF", "page fault", "pushes an error code"]),
    (("vector", "#ud"), ["0x6", "invalid opcode", "pushes no error code"]),
    (("vector", "0x80"), ["free for interrupts"]),
    (("vector", "15"), ["reserved by the manual"]),
    (("cr0", "0x80000021"), [r"0 +PE", r"5 +NE", r"31 +PG", "a value that is allowed"]),
    (("cr0", "0x10"), ["PE, NE, PG must be 1"]),
    (("cr4", "0x801000"), ["LA57", "VMXE must be 1", r"bit 23 \(CET\) must be 0"]),
    (("rflags", "0x202"), [r"9 +IF", r"13:12 +IOPL +0x0"]),
    (("pfec", "0x15"), [r"0 +P ", r"2 +US", r"4 +ID"]),
    (("dr6", "0x4000"), [r"14 +BS"]),
    (("error", "8"), ["HOST_STATE", "invalid host-state", "host.cr0"]),
    (("error", "vmlaunch"), ["0x4 VMLAUNCH_NOT_CLEAR"]),
    # TLFS
    (("hypercall", "0x5c"), ["HvCallPostMessage", "simple", "PostMessages"]),
    (("hypercall", "SignalEvent"), ["0x5d", "fast form"]),
    (("hypercall", "0x42"), ["HvCallFinalizePartition", "parent, CreatePartitions"]),
    (("hypercall", "0x57"), ["HvCallCreatePort", "parent, or itself with CreatePort"]),
    (("hypercall", "0x48"), ["HvCallDepositMemory", "parent or the root itself, AccessMemoryPool"]),
    (("hypercall", "0x4b"), ["HvCallMapGpaPages", "rep", "parent"]),
    (("hypercall", "0x6c"), ["HvCallMapStatsPage", "AccessStats", "INVALID_HYPERCALL_CODE"]),
    (("status", "0x12"), ["HV_STATUS_INVALID_CONNECTION_ID"]),
    (("status", "hv_status_invalid_vp_s"), ["0x15"]),
    (("check", "control.cr3"), ["control.cr3_target_count", "VM-instruction error 7", "at most 4", "set CR3_TARGET_COUNT to 0",
                                'SDM 3C, "VM-Execution Control Fields"']),
]


@pytest.mark.parametrize("arguments, expected", EXPLAINED, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_explanation_says_what_the_manual_says(hvlab, arguments, expected):
    code, out, err = hvlab("explain", *arguments)
    assert (code, err) == (0, "")
    for text in expected:
        assert text in out or re.search(text, out), f"{text!r} is not in\n{out}"


WRONG = [
    (("exit", "35"), "there is no exit reason 0x23 (35); nearest: ENTRY_GUEST_STATE (0x21), ENTRY_MSR_LOAD (0x22), MWAIT (0x24). "
                     "Give exit by number or by the beginning of its name; `hvlab explain exit` lists all 81."),
    (("exit", "epp"), "there is no exit reason 'epp'; nearest: SPP. "
                      "Give exit by number or by the beginning of its name; `hvlab explain exit` lists all 81."),
    (("exit", "vm"), "'vm' begins more than one exit reason: VMCALL, VMCLEAR, VMLAUNCH, VMPTRLD, VMPTRST, VMREAD and 5 more"),
    (("exit", "48", "much"), "QUALIFICATION must be a number, such as 12 or 0x182, not 'much'"),
    (("exit", "48", "0x1ffffffffffffffff"), "QUALIFICATION has 64 bits, 0x1ffffffffffffffff does not fit"),
    (("field", "0x4000", "0x100000000"), "PIN_BASED_CONTROLS has 32 bits, 0x100000000 does not fit"),
    (("exit", "--", "-3"), "-3: a number must be 0 or more"),
    (("msr", "icr"), "'icr' is more than one MSR: HV_X64_MSR_ICR, IA32_X2APIC_ICR"),
    (("vector", "256"), "there is no vector 0x100 (256); nearest: XM (0x13), VE (0x14), CP (0x15)"),
]


@pytest.mark.parametrize("arguments, message", WRONG, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_wrong_names_and_numbers_get_the_nearest(hvlab, arguments, message):
    code, out, err = hvlab("explain", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"hvlab: {message}")


def test_explain_alone_teaches(hvlab):
    code, out, _ = hvlab("explain")
    assert code == 0
    assert "hvlab explain exit 48 0x182" in out and re.search(r"Without\s+a\s+number", out)


@pytest.mark.parametrize("kind, line", [
    ("exit", r"^0x30 +48 +EPT_VIOLATION +EPT violation$"), ("field", r"^0x6802 +26626 +GUEST_CR3"), ("msr", r"^0xc0000080 +\d+ +IA32_EFER"),
    ("hypercall", r"^0x5c +92 +HvCallPostMessage"), ("status", r"^0x5 +5 +INVALID_PARAMETER"), ("check", r"^guest\.cr0 +CR0 is one"),
    ("vector", r"^0xe +14 +PF"), ("error", r"^0x7 +7 +CONTROL_FIELD")])
def test_a_kind_without_a_name_is_listed(hvlab, kind, line):
    code, out, _ = hvlab("explain", kind)
    assert code == 0 and re.search(line, out, re.MULTILINE)
    rows = json.loads(hvlab("explain", kind, "--json")[1])
    assert rows["schema"] == "hvlab.explain-list.1" and len(rows["rows"]) == len(out.splitlines())


def test_every_row_that_is_listed_can_be_explained(hvlab):
    from emu.debug.explain import explain
    for kind in ("exit", "field", "msr", "hypercall", "status", "check", "vector", "error"):
        function = {"field": explain.vmcs_field}.get(kind) or getattr(explain, kind)
        for number, name, _ in explain.listing(kind):
            assert function(name).number == function(name if number is None else str(number)).number
            assert number is None or function(str(number)).number == number


def test_json_has_a_schema_and_decoded_fields(hvlab):
    body = json.loads(hvlab("explain", "exit", "48", "0x182", "--json")[1])
    assert (body["schema"], body["name"], body["number"]) == ("hvlab.explain.1", "EPT_VIOLATION", 48)
    part = body["parts"][0]
    assert [(row["bits"], row["name"], row["value"]) for row in part["rows"]] == [("1", "WRITE", 1), ("7", "LINEAR", 1), ("8", "FINAL", 1)]
    assert "READ" in part["clear"] and part["value"] == 0x182
