"""`hvlab why-irq` through the real command."""
import json
import re

import pytest

HELD = """
test:   APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_TPR, 0x60
        APIC_WRITE APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | 0x50
        jmp     .
"""
M = ("--memory", "16M", "--at-cycle", "200K")


def test_reasons_are_listed_with_their_source(hvlab, program):
    code, out, err = hvlab("why-irq", "0x50", program(HELD), *M)
    assert (code, err) == (0, "")
    assert re.sub(r"(?<=cycle )[\d,]+", "N", out) == """\
vector 0x50 is not delivered to processor 0, stopped, at cycle N:
  tpr: the task priority is 0x60: class 6 holds back class 5 and below
      source: SDM 3A, "Task and Processor Priorities"
  if: RFLAGS.IF is 0
      source: SDM 3A, "Masking Maskable Hardware Interrupts"
"""


def test_nmi_by_name_and_json(hvlab, program):
    assert hvlab("why-irq", "NMI", program(HELD), *M)[1].startswith("NMI is not delivered to processor 0")
    body = json.loads(hvlab("why-irq", "80", program(HELD), *M, "--json")[1])
    assert (body["schema"], body["vector"], body["deliverable"]) == ("hvlab.why-irq.1", 80, False)
    assert [reason["id"] for reason in body["reasons"]] == ["tpr", "if"]


@pytest.mark.parametrize("vector, options, message", [
    ("soon", [], "VECTOR must be a number, such as 12 or 0x182, not 'soon'"),
    ("9", [], "a vector of an interrupt is 16 to 255, or 2 for NMI, not 9"),
    ("0x50", ["--processor", "2"], "the machine has processors 0 to 0, not 2")])
def test_what_cannot_be_asked_ends_with_2_and_a_sentence(hvlab, program, vector, options, message):
    assert hvlab("why-irq", vector, program(HELD), *M, *options) == (2, "", f"hvlab: {message}\n")


IN_PARTITION = """
test:   RDMSR   MSR_APIC_BASE
        or      eax, APICBASE_EXTD
        wrmsr
        WRMSR   X2APIC_FIRST + APIC_SVR, SVR_ENABLE | 0xFF
        mov     eax, 0xF
        mov     cr8, rax
        WRMSR   X2APIC_FIRST + APIC_SELF_IPI, 0x31
        sti
1:      {wait}
        jmp     1b
"""


@pytest.mark.parametrize("wait, vector, ids", [
    ("hlt", "0x31", ["partition_ended", "virtual_tpr"]),
    ("hlt", "0x44", ["partition_ended", "virtual_not_requested", "not_requested"]),
    ("pause", "0x31", ["virtual_tpr"]),
    ("pause", "0x44", ["virtual_not_requested", "not_requested"])])
def test_virtual_controller_of_a_partition_answers_first_and_after_its_end(hvlab, program, wait, vector, ids):
    where = ("--as", "partition", "--memory", "16M", "--at-cycle", "2M", "--json")
    body = json.loads(hvlab("why-irq", vector, program(IN_PARTITION.format(wait=wait)), *where)[1])
    assert [reason["id"] for reason in body["reasons"]] == ids
    if wait == "hlt":
        assert body["reasons"][0]["text"].startswith("partition guest has ended (halted with nothing to wake it)")
