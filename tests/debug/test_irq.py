"""Why an interrupt does not come: guest programs that hold one back each in its way, and the machine itself as the judge."""
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.debug.history import run_to
from emu.debug.views import irq
from emu.debug.views.vmcs import Vmcs
from emu.errors import ConfigError

MACROS = """
        .macro  SELF vector
        APIC_WRITE APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | \\vector
        .endm
        .macro  IOAPIC_WRITE register, value
        mov     ebx, MEMORY_IOAPIC
        mov     dword ptr [rbx + IOWINDOW_SELECT], \\register
        mov     dword ptr [rbx + IOWINDOW_DATA], \\value
        .endm
        .macro  PIC mask
        mov     al, 0x11
        out     PORT_PIC1, al
        mov     al, 0x20
        out     PORT_PIC1_DATA, al
        mov     al, 4
        out     PORT_PIC1_DATA, al
        mov     al, 1
        out     PORT_PIC1_DATA, al
        mov     al, \\mask
        out     PORT_PIC1_DATA, al
        mov     al, 0x34                        # counter 0: a tick each millisecond
        out     PORT_PIT_CONTROL, al
        mov     al, 1193 & 0xFF
        out     PORT_PIT0, al
        mov     al, 1193 >> 8
        out     PORT_PIT0, al
        .endm
test:   APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
"""
ENTRY = "IOAPIC_REDIRECTION + 2 * 4"
# (program, vector, ids of the reasons, words of the first)
HELD = [
    ("SELF 0x50", 0x50, ["if"], "RFLAGS.IF is 0"),
    ("APIC_WRITE APIC_TPR, 0x50\n SELF 0x5F", 0x5F, ["tpr", "if"], "task priority is 0x50: class 5"),
    ("APIC_WRITE APIC_TPR, 0x60\n sti\n SELF 0x5F", 0x5F, ["tpr"], "class 6 holds back class 5"),
    ("SELF 0x51\n SELF 0x62", 0x51, ["irr", "if"], "vector 0x62 is requested too"),
    ("ON 0x60, lock\n SELF 0x60\n sti\n jmp .\nlock: SELF 0x61\n jmp .", 0x61, ["isr", "if"], "vector 0x60 is in service"),
    ("ON 0x60, lock\n SELF 0x60\n sti\n jmp .\nlock: jmp .", 0x60, ["in_service"], "has not written EOI"),
    ("ON 0x60, lock\n SELF 0x60\n sti\n jmp .\nlock: sti\n SELF 0x31\n jmp .", 0x31, ["isr"], "vector 0x60 is in service"),
    ("nop", 0x50, ["not_requested"], "not requested anywhere"),
    ("APIC_WRITE APIC_SVR, 0xFF\n SELF 0x50", 0x50, ["not_requested", "apic_software_disabled"], "not requested anywhere"),
    ("APIC_WRITE APIC_LVT_TIMER, LVT_MASKED | 0x40", 0x40, ["lvt_masked"], "LVT entry TIMER"),
    ("APIC_WRITE APIC_LVT_TIMER, 0x40", 0x40, ["timer"], "is not running"),
    ("APIC_WRITE APIC_LVT_TIMER, 0x40\n APIC_WRITE APIC_INITIAL_COUNT, 0xFFFFFFF", 0x40, ["timer"], "fires at cycle"),
    ("APIC_WRITE APIC_LVT_LINT1, 0x41", 0x41, ["lvt_idle"], "LINT1 is set up for it, and its source is quiet"),
    (f"IOAPIC_WRITE {ENTRY}, REDIRECT_MASKED | 0x44", 0x44, ["ioapic_masked"], "I/O APIC pin 4 (UART) is set up for it and masked"),
    (f"IOAPIC_WRITE {ENTRY} + 1, 5 << 24\n IOAPIC_WRITE {ENTRY}, 0x44", 0x44, ["destination"],
     "physical destination 0x5, which no processor has"),
    (f"IOAPIC_WRITE {ENTRY}, 0x44", 0x44, ["line"], "its line is not active: the device does not ask"),
    ("PIC 0xFF", 0x20, ["pic_masked"], "line 0 (PIT) of the 8259 pair is masked"),
    ("PIC 0xFE", 0x21, ["pic_masked"], "line 1 (KEYBOARD) of the 8259 pair is masked; it is not requested"),
    ("PIC 0xF6", 0x23, ["line"], "line 3 of the 8259 pair is not requested"),
    ("PIC 0xFE", 0x20, ["if"], "RFLAGS.IF is 0"),
    ("PIC 0xFE\n APIC_WRITE APIC_LVT_LINT0, LVT_MASKED | put(LVT_MODE, DELIVERY_EXTINT)", 0x20, ["lint0_masked"], "LINT0 is masked"),
    ("PIC 0xFE\n APIC_WRITE APIC_LVT_LINT0, 0x30", 0x20, ["lint0_mode"], "not in ExtINT mode"),
    ("PIC 0xFE\n ON 0x20, lock\n sti\n jmp .\nlock: jmp .", 0x20, ["pic_service"], "lines in service (no EOI yet): 0x01"),
    ("ON VECTOR_NMI, lock\n call nmi\n jmp .\nlock: call nmi\n jmp .\n"
     "nmi: APIC_WRITE APIC_ICR_HIGH, 0\n APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT\n ret", 2, ["nmi_blocking"],
     "blocked until the next IRET"),
    ("nop", 2, ["not_requested"], "no NMI is pending"),
]


@pytest.mark.parametrize("text, vector, ids, words", HELD)
def test_reason_is_found(guest, text, vector, ids, words):
    make, _ = guest(f"{MACROS}        {text}\n        jmp     .\n")
    machine = run_to.run_to_cycle(make, 3_000_000)
    before = machine.digest()
    reasons = irq.why(machine, 0, vector)
    assert [reason.id for reason in reasons] == ids
    assert words in reasons[0].text and all(reason.source for reason in reasons)
    assert machine.digest() == before


def test_shadow_of_sti_holds_for_one_instruction(guest):
    make, _ = guest(f"{MACROS}        ON 0x50, lock\n SELF 0x50\n sti\n nop\n nop\n jmp .\nlock: jmp .\n")
    machine, _ = run_to.before(make, lambda c: int(c.delivered[0x50]), 1, "delivery")
    reasons = irq.why(machine, 0, 0x50)
    assert [reason.id for reason in reasons] == ["shadow"] and reasons[0].text.startswith("STI blocks")


def test_shadow_of_mov_ss_is_distinguished(guest):
    machine = run_to.run_to_cycle(guest(f"{MACROS}        sti\n jmp .\n")[0], 300_000)
    machine.cpu[0].interruptibility = 2                    # SDM 3C, "Format of Interruptibility State": bit 1
    for vector, words in ((0x50, "MOV SS or POP SS blocks interrupts"), (2, "MOV SS or POP SS blocks NMIs")):
        ask_for(machine, 0x50)
        machine.cpu[0].nmi_pending = 1
        reasons = irq.why(machine, 0, vector)
        assert [reason.id for reason in reasons] == ["shadow"] and reasons[0].text.startswith(words)


def ask_for(machine, vector, processor=0):
    """Set a vector in IRR by hand."""
    machine.processors[processor].apic[0].irr[vector >> 6] |= np.uint64(1 << (vector & 63))


GUEST = MACROS + """
        call    vmx_start
        {setup}
        GUEST   guest
        call    vmx_run
        PASS
guest:  {code}
        jmp     .
"""


@pytest.mark.parametrize("setup, code, ids, words", [
    ("nop", "nop", ["if"], "RFLAGS.IF of the guest is 0"),
    ("SET PIN_BASED_CONTROLS, PIN_EXTERNAL_INTERRUPT", "nop", ["exits"], "VM exit with reason 1 instead"),
    ("nop", "sti", [], ""),
])
def test_guest_in_nonroot_operation(guest, setup, code, ids, words):
    machine = run_to.run_to_cycle(guest(GUEST.format(setup=setup, code=code))[0], 300_000)
    assert int(machine.cpu[0].vmx_mode) == 2
    ask_for(machine, 0x50)
    reasons = irq.why(machine, 0, 0x50)
    assert [reason.id for reason in reasons] == ids and (not ids or words in reasons[0].text)
    machine.run(max_cycles=310_000)
    assert int(machine.cpu[0].exits[1]) == (ids == ["exits"]) and int(machine.cpu[0].delivered[0x50]) == (ids == [])


def test_hypervisor_that_runs_with_interrupts_off(guest):
    make, _ = guest(GUEST.format(setup="nop", code="vmcall"))
    machine, _ = run_to.run_to_exit(make, 1)
    ask_for(machine, 0x50)
    assert [reason.text for reason in irq.why(machine, 0, 0x50)] == ["RFLAGS.IF of the hypervisor is 0"]


def test_injection_waits_for_vm_entry_and_is_refused(guest):
    make, _ = guest(GUEST.format(setup="PUT ENTRY_INTERRUPTION_INFO, offset (INTR_VALID | 0x55)", code="nop"))
    machine, _ = run_to.run_to_launch(make, 1)
    reasons = irq.why(machine, 0, 0x55)
    assert [reason.id for reason in reasons] == ["injection", "guest.rflags_if"]
    assert "external interrupt, vector 0x55" in reasons[0].text and "RFLAGS.IF is 1" in reasons[1].text
    Vmcs(machine).guest_rflags = 0x202
    assert [reason.id for reason in irq.why(machine, 0, 0x55)] == ["injection"]
    machine.run(max_cycles=int(machine.cpu[0].cycles) + 10_000)
    assert int(machine.cpu[0].injected[0x55]) == 1


def test_other_processor_waits_for_its_start_up(guest):
    make, _ = guest(f"{MACROS}        jmp     .\n", processors=2)
    machine = run_to.run_to_cycle(make, 100)
    ask_for(machine, 0x50, 1)
    assert [reason.id for reason in irq.why(machine, 1, 0x50)] == ["wait_sipi", "if"]
    reasons = irq.why(machine, 0, 0x50)
    assert (reasons[0].id, reasons[0].text) == ("other", "it is requested at processor 1, not at this one")


@pytest.mark.parametrize("processor, vector, message", [
    (0, 5, "a vector of an interrupt is 16 to 255, or 2 for NMI, not 5"),
    (0, 256, "a vector of an interrupt is 16 to 255, or 2 for NMI, not 256"),
    (1, 0x50, "the machine has processors 0 to 0, not 1")])
def test_what_cannot_be_asked(guest, processor, vector, message):
    with pytest.raises(ConfigError, match=f"^{message}$"):
        irq.why(guest(f"{MACROS} jmp .\n")[0](), processor, vector)


# Every vector leads to a loop with interrupts off; what the registers allow by the manual's rule is what comes, and nothing else.
VECTORS = (0x31, 0x50, 0x5F, 0x72, 0xE0)
SPIN = MACROS + "".join(f"        ON {vector}, lock\n" for vector in VECTORS) + "        jmp     .\nlock:   jmp     .\n"
SOME = st.sampled_from(VECTORS)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(enabled=st.booleans(), tpr=st.sampled_from([0, 0x30, 0x50, 0x5F, 0x70, 0xF0]), requested=st.sets(SOME, min_size=1),
       service=st.sets(SOME))
def test_no_reason_exactly_when_the_machine_delivers(guest, enabled, tpr, requested, service):
    machine = run_to.run_to_cycle(guest(SPIN)[0], 300_000)
    a, c, e = machine.processors[0].apic[0], machine.cpu[0], machine.env(0)
    for vector in requested:
        ask_for(machine, vector)
    for vector in service:
        a.isr[vector >> 6] |= np.uint64(1 << (vector & 63))
    a.tpr = tpr
    e.eflags = int(e.eflags) & ~0x200 | (0x200 if enabled else 0)
    deliverable = {vector for vector in requested if not irq.why(machine, 0, vector)}
    floor = max([tpr >> 4, *(vector >> 4 for vector in service)])
    expected = {max(requested)} if enabled and max(requested) >> 4 > floor else set()
    machine.run(max_cycles=int(c.cycles) + 5_000)
    assert deliverable == expected == {vector for vector in requested if int(c.delivered[vector])}
