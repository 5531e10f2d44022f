"""Local APIC: priorities, interrupt command, timer, errors, modes."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.interrupts import apic, ioapic, irq, message
from emu.spec.apic import PENDING
from emu.spec.outcome import FAULT, RESULT, STOP
from tests.model.rig import Rig, U
from tests.reference.apic import Priorities, expiries

NEVER = 2**64 - 1
QUICK = settings(deadline=None, max_examples=60, derandomize=True)
FORMS = pytest.mark.parametrize("form", [lambda f: f, lambda f: f.py_func], ids=["compiled", "python"])


@FORMS
@QUICK
@given(steps=st.lists(st.tuples(st.sampled_from(["request", "tpr", "take", "eoi"]), st.integers(16, 255)), max_size=40))
def test_priorities_equal_the_reference(form, steps):
    rig, reference = Rig().enable(), Priorities()
    c = rig.cpu[0]
    with np.errstate(over="ignore"):
        for step, value in steps:
            if step == "request":
                form(message.request)(c, U(value), False)
                reference.irr.add(value)
            elif step == "tpr":
                form(apic.write)(c, U(8), U(value))
                reference.tpr = value
            elif step == "eoi":
                form(apic.write)(c, U(0xB), U(0))
                reference.eoi()
            elif reference.pending() is not None:
                assert form(apic.acknowledge)(c, U(reference.pending())) == reference.pending()
                reference.take()
            expected = NEVER if reference.pending() is None else reference.pending()
            assert int(form(apic.pending)(c)) == expected
            assert int(form(apic.read)(c, U(0xA))) == reference.ppr()
            assert int(form(apic.read)(c, U(9))) == reference.apr()
    for base, expected in ((0x10, reference.isr), (0x20, reference.irr)):
        bits = sum(int(apic.read(c, U(base + k))) << 32 * k for k in range(8))
        assert {v for v in range(256) if bits >> v & 1} == expected


@FORMS
@QUICK
@given(initial=st.integers(1, 50), shift=st.integers(0, 7), periodic=st.booleans(),
       jumps=st.lists(st.integers(0, 900), max_size=8))
def test_timer_fires_as_the_reference_counts(form, initial, shift, periodic, jumps):
    rig = Rig().enable()
    c, a = rig.cpu[0], rig.apic[0]
    code = shift - 1 & 7
    with np.errstate(over="ignore"):
        apic.write(c, U(0x32), U(0x40 | periodic << 17))
        form(apic.write)(c, U(0x3E), U(code & 3 | (code & 4) << 1))
        form(apic.write)(c, U(0x38), U(initial))
        for jump in jumps:
            before, now = int(c.cycles), int(c.cycles) + jump
            fired = expiries(initial, 1 << shift, periodic, now + (initial << shift))
            due = [cycle for cycle in fired if before < cycle <= now]
            ahead = [cycle for cycle in fired if cycle > before]
            assert int(form(apic.next_deadline)(c)) == (ahead[0] if ahead else NEVER)
            c.cycles = now
            form(apic.advance)(c)
            assert bool(a.irr[1] & U(1)) == bool(due)
            a.irr[1] = 0
            later = [cycle for cycle in fired if cycle > now]
            assert int(apic.read(c, U(0x39))) == (-((now - later[0]) // (1 << shift)) if later else 0)


def test_timer_masked_never_wants_to_act_and_fires_unseen():
    rig = Rig().enable()
    c = rig.cpu[0]
    apic.write(c, U(0x32), U(0x10040))
    apic.write(c, U(0x38), U(10))
    assert int(apic.next_deadline(c)) == NEVER
    c.cycles = 100
    apic.write(c, U(0x32), U(0x40))
    assert int(apic.pending(c)) == NEVER


def test_tsc_deadline_fires_on_its_cycle_and_disarms():
    rig = Rig().enable()
    c = rig.cpu[0]
    c.tsc_offset = 1000
    apic.write_deadline(c, U(5000))
    assert apic.read_deadline(c) == 0, "ignored outside TSC-deadline mode"
    apic.write(c, U(0x32), U(0x40 | 2 << 17))
    apic.write_deadline(c, U(5000))
    assert apic.next_deadline(c) == 4000
    c.cycles = 4000
    apic.advance(c)
    assert (apic.pending(c), apic.read_deadline(c)) == (0x40, 0)


def timer(rig, mode, count):
    c = rig.cpu[0]
    apic.write(c, U(0x32), U(0x40 | mode << 17))
    apic.write(c, U(0x3E), U(0xB))
    apic.write(c, U(0x38), U(count))
    return c


@pytest.mark.parametrize("old,new", [(0, 2), (1, 2), (2, 0), (2, 1)])
def test_timer_mode_change_to_or_from_tsc_deadline_disarms(old, new):
    c = timer(Rig().enable(), old, 100)
    apic.write_deadline(c, U(5000))
    apic.write(c, U(0x32), U(0x40 | new << 17))
    assert int(apic.next_deadline(c)) == NEVER
    assert (apic.read(c, U(0x38)), apic.read(c, U(0x39)), apic.read_deadline(c)) == (0, 0, 0)


@pytest.mark.parametrize("old,new,after", [(0, 1, 200), (1, 0, NEVER)])
def test_timer_counts_on_between_one_shot_and_periodic(old, new, after):
    c = timer(Rig().enable(), old, 100)
    c.cycles = 60
    apic.write(c, U(0x32), U(0x40 | new << 17))
    assert (apic.read(c, U(0x38)), apic.read(c, U(0x39)), apic.next_deadline(c)) == (100, 40, 100)
    c.cycles = 100
    apic.advance(c)
    assert (apic.pending(c), int(apic.next_deadline(c))) == (0x40, after)


def test_timer_that_has_ended_stays_so_in_periodic_mode():
    c = timer(Rig().enable(), 0, 100)
    c.cycles = 100
    apic.write(c, U(0x32), U(0x40 | 1 << 17))
    assert (apic.read(c, U(0x38)), apic.read(c, U(0x39)), int(apic.next_deadline(c))) == (100, 0, NEVER)


@pytest.mark.parametrize("low,high,expected", [
    (0x00041, 2, [2]), (0x00041, 0xFF, [0, 1, 2, 3]), (0x40041, 0, [0]), (0x80041, 0, [0, 1, 2, 3]),
    (0xC0041, 0, [1, 2, 3]),
    (0x00841, 0x05, [0, 2]), (0x00841, 0xFF, [0, 1, 2, 3])])
def test_icr_reaches_its_destination_flat(low, high, expected):
    rig = Rig(4).enable()
    for i, c in enumerate(rig.cpu):
        apic.write(c, U(0xD), U(1 << 24 + i))
    apic.write(rig.cpu[0], U(0x31), U(high << 24))
    assert apic.write(rig.cpu[0], U(0x30), U(low)) == RESULT.NEXT
    assert [i for i, c in enumerate(rig.cpu) if apic.pending(c) == 0x41] == expected


def test_icr_logical_cluster_model():
    rig = Rig(4).enable()
    for i, c in enumerate(rig.cpu):
        apic.write(c, U(0xE), U(0x0FFF_FFFF))
        apic.write(c, U(0xD), U((i // 2) << 28 | 1 << 24 + i % 2))
    apic.write(rig.cpu[0], U(0x31), U(0x12 << 24))
    apic.write(rig.cpu[0], U(0x30), U(0x841))
    assert [int(apic.pending(c)) for c in rig.cpu] == [NEVER, NEVER, NEVER, 0x41]


@pytest.mark.parametrize("destination,expected", [(0x02, [1]), (0x03, [0, 1]), (0x102, []), (0x103, [0]), (0x10002, [])])
def test_logical_destination_of_more_than_8_bits_reaches_no_xapic(destination, expected):
    rig = Rig(2).enable()
    apic.write(rig.cpu[1], U(0xD), U(2 << 24))
    apic.set_base(rig.cpu[0], U(int(rig.cpu[0].apic_base) | 0xC00))
    assert apic.x2apic_write(rig.cpu[0], U(0x830), U(destination << 32 | 0x841)) == RESULT.NEXT
    assert [i for i, c in enumerate(rig.cpu) if apic.pending(c) == 0x41] == expected


def test_icr_x2apic_logical_and_physical():
    rig = Rig(3).enable().x2apic()
    assert int(apic.x2apic_read(rig.cpu[2], U(0x80D))) == 4
    assert apic.x2apic_write(rig.cpu[0], U(0x830), U(6 << 32 | 0x841)) == RESULT.NEXT
    assert [int(apic.pending(c)) for c in rig.cpu] == [NEVER, 0x41, 0x41]
    apic.x2apic_write(rig.cpu[0], U(0x830), U(1 << 32 | 0x51))
    assert int(apic.pending(rig.cpu[1])) == 0x51
    assert int(apic.x2apic_read(rig.cpu[0], U(0x830))) == 1 << 32 | 0x51


def test_icr_lowest_priority_takes_lowest_task_priority():
    rig = Rig(3).enable()
    for c, tpr in zip(rig.cpu, (0x50, 0x20, 0x20), strict=True):
        apic.write(c, U(0xD), U(0xFF << 24))
        apic.write(c, U(8), U(tpr))
    apic.write(rig.cpu[0], U(0x31), U(0xFF << 24))
    apic.write(rig.cpu[0], U(0x30), U(0x961))
    assert [int(apic.pending(c)) for c in rig.cpu] == [NEVER, 0x61, NEVER]


def test_init_then_sipi_starts_a_processor_once():
    rig = Rig(2)
    bsp, ap = rig.cpu
    apic.write(bsp, U(0x31), U(1 << 24))
    apic.write(bsp, U(0x30), U(0x4608))
    assert ap.sipi_pending == 0, "a running processor ignores SIPI"
    apic.write(bsp, U(0x30), U(0x4500))
    apic.write(bsp, U(0x30), U(0x8500))
    apic.write(bsp, U(0x30), U(0x4608))
    apic.write(bsp, U(0x30), U(0x4609))
    assert (ap.init_pending, ap.sipi_pending, ap.sipi_vector) == (1, 1, 8)


def test_nmi_reaches_an_apic_that_software_has_disabled_and_fixed_does_not():
    rig = Rig(2)
    apic.write(rig.cpu[0], U(0x30), U(0xC0400))
    apic.write(rig.cpu[0], U(0x30), U(0xC0041))
    assert [int(c.nmi_pending) for c in rig.cpu] == [0, 1]
    assert int(rig.apic[1].irr[1]) == 0


@pytest.mark.parametrize("value,stop_a", [(0x40441, 9), (0x00341, 9), (0x00741, 9), (0xC0141, 9), (0x00200, 6)])
def test_icr_what_the_manual_leaves_open_stops_by_name(value, stop_a):
    rig = Rig(2)
    c = rig.cpu[0]
    assert apic.write(c, U(0x30), U(value)) == RESULT.FAULT
    assert (c.fault, c.stop, c.stop_a) == (FAULT.STOP, STOP.UNMODELLED, stop_a)


def test_esr_shows_errors_only_after_a_write_and_raises_its_interrupt_once():
    rig = Rig().enable()
    c = rig.cpu[0]
    apic.write(c, U(0x37), U(0x31))
    apic.write(c, U(0x30), U(0x40003))
    assert (apic.pending(c), apic.read(c, U(0x28))) == (0x31, 0)
    apic.write(c, U(0x28), U(0))
    assert apic.read(c, U(0x28)) == 0x60
    apic.write(c, U(0x28), U(0))
    assert apic.read(c, U(0x28)) == 0
    apic.read(c, U(0x3B))
    apic.write(c, U(0x28), U(0))
    assert apic.read(c, U(0x28)) == 0x80


def test_svr_disable_masks_every_entry_and_holds_the_masks():
    rig = Rig().enable()
    c = rig.cpu[0]
    apic.write(c, U(0x35), U(0x700))
    apic.write(c, U(0xF), U(0xFF))
    assert apic.read(c, U(0x35)) == 0x10700
    apic.write(c, U(0x35), U(0x700))
    assert apic.read(c, U(0x35)) == 0x10700


X2_BAD_WRITES = [(0x802, 0), (0x803, 0), (0x80A, 0), (0x80D, 0), (0x80E, 0), (0x831, 0), (0x839, 0), (0x8FF, 0),
                 (0x800, 0),
                 (0x808, 0x100), (0x80B, 1), (0x80F, 1 << 13), (0x828, 1), (0x832, 1 << 19), (0x83E, 4), (0x83F, 0x100),
                 (0x830, 1 << 13), (0x830, 1 << 20), (0x838, 1 << 32), (0x810, 0)]


@pytest.mark.parametrize("msr,value", X2_BAD_WRITES)
def test_x2apic_write_faults(msr, value):
    c = Rig().enable().x2apic().cpu[0]
    assert apic.x2apic_write(c, U(msr), U(value)) == RESULT.FAULT
    assert (c.fault, c.fault_vector, c.fault_error) == (FAULT.EXCEPTION, 13, 0)


@pytest.mark.parametrize("msr", [0x800, 0x809, 0x80B, 0x80C, 0x80E, 0x831, 0x83F, 0x840, 0x8FF])
def test_x2apic_read_faults(msr):
    c = Rig().x2apic().cpu[0]
    apic.x2apic_read(c, U(msr))
    assert (c.fault, c.fault_vector) == (FAULT.EXCEPTION, 13)


def test_x2apic_msrs_fault_in_xapic_mode():
    c = Rig().cpu[0]
    apic.x2apic_read(c, U(0x802))
    assert c.fault == FAULT.EXCEPTION
    assert apic.x2apic_write(c, U(0x808), U(0)) == RESULT.FAULT


@pytest.mark.parametrize("start,value,ok", [
    (0x900, 0xD00, True), (0x900, 0x100, True), (0x900, 0x500, False), (0x100, 0xD00, False), (0xD00, 0x900, False),
    (0xD00, 0x100, True), (0x900, 0x900 | 1 << 9, False), (0x900, 0x900 | 1 << 39, False)])
def test_apic_base_transitions(start, value, ok):
    c = Rig().cpu[0]
    base = 0xFEE00000
    c.apic_base = base | start
    assert apic.set_base(c, U(base | value)) == (RESULT.NEXT if ok else RESULT.FAULT)
    assert int(c.apic_base) == base | (value if ok else start)


def test_self_ipi_register():
    c = Rig().enable().x2apic().cpu[0]
    assert apic.x2apic_write(c, U(0x83F), U(0x77)) == RESULT.NEXT
    assert apic.pending(c) == 0x77


def test_level_interrupt_returns_after_eoi_while_the_line_is_active():
    rig = Rig().enable()
    c, m = rig.cpu[0], rig.machine
    ioapic.write(m, U(0), U(0x10 + 2 * 9))
    ioapic.write(m, U(0x10), U(0x8061))
    ioapic.set_line(m, U(9), U(1))
    assert apic.acknowledge(c, apic.pending(c)) == 0x61
    assert int(apic.pending(c)) == NEVER
    apic.eoi(c)
    assert apic.pending(c) == 0x61
    apic.acknowledge(c, U(0x61))
    ioapic.set_line(m, U(9), U(0))
    apic.eoi(c)
    assert int(apic.pending(c)) == NEVER


def test_eoi_suppression_keeps_remote_irr_until_the_eoi_register_is_written():
    rig = Rig().enable()
    c, m = rig.cpu[0], rig.machine
    apic.write(c, U(0xF), U(0x11FF))
    m_entry = rig.fields("IOAPIC").entry
    ioapic.write(m, U(0), U(0x10 + 2 * 9))
    ioapic.write(m, U(0x10), U(0x8061))
    ioapic.set_line(m, U(9), U(1))
    apic.acknowledge(c, U(0x61))
    apic.eoi(c)
    assert int(m_entry[9]) & 1 << 14
    ioapic.set_line(m, U(9), U(0))
    ioapic.write(m, U(0x40), U(0x61))
    assert not int(m_entry[9]) & 1 << 14


def test_lint0_level_fixed_sets_remote_irr_until_eoi():
    rig = Rig().enable()
    c = rig.cpu[0]
    apic.write(c, U(0x35), U(0x8055))
    message.set_lint(c, U(0), U(1))
    assert apic.read(c, U(0x35)) == 0xC055
    apic.acknowledge(c, U(0x55))
    message.set_lint(c, U(0), U(0))
    apic.eoi(c)
    assert (apic.read(c, U(0x35)), int(apic.pending(c))) == (0x8055, NEVER)


@pytest.mark.parametrize("pin,register", [(0, 0x35), (1, 0x36)])
@pytest.mark.parametrize("before,level,after,raised", [
    (0x18055, 1, 0x08055, True), (0x10055, 1, 0x08055, True), (0x18055, 0, 0x08055, False), (0x18055, 1, 0x00055, False),
    (0x1A055, 0, 0x0A055, True), (0x18055, 0, 0x0A055, True), (0x1A055, 1, 0x0A055, False)])
def test_entry_that_is_written_sees_the_level_of_its_pin(pin, register, before, level, after, raised):
    """A level-triggered pin at its active level raises its interrupt when it is unmasked, an edge that has passed does not."""
    rig = Rig().enable()
    c = rig.cpu[0]
    apic.write(c, U(register), U(before))
    message.set_lint(c, U(pin), U(level))
    assert int(apic.pending(c)) == NEVER
    apic.write(c, U(register), U(after))
    assert int(apic.pending(c)) == (0x55 if raised else NEVER)
    assert bool(apic.read(c, U(register)) & U(0x4000)) == raised


@pytest.mark.parametrize("pin,register", [(0, 0x35), (1, 0x36)])
@pytest.mark.parametrize("entry,levels,came", [
    (0x0400, [1], 1), (0x8400, [1], 1), (0x2400, [1, 0], 1), (0xA400, [1, 0], 1), (0x2400, [1], 0), (0x10400, [1], 0)])
def test_nmi_of_a_pin_is_an_edge_whatever_its_trigger_mode_says(pin, register, entry, levels, came):
    """SDM 3A, "Local Vector Table": the trigger mode counts for fixed delivery only; polarity counts for all."""
    rig = Rig().enable()
    c = rig.cpu[0]
    apic.write(c, U(register), U(entry))
    for level in levels:
        message.set_lint(c, U(pin), U(level))
    assert (int(c.nmi_pending), int(apic.read(c, U(register))) & 0x4000) == (came, 0)


@pytest.mark.parametrize("register,kept", [
    (0x08, 0xFF), (0x0D, 0xFF00_0000), (0x0E, 0xFFFF_FFFF), (0x0F, 0x13FF), (0x2F, 0x107FF), (0x33, 0x107FF), (0x34, 0x107FF),
    (0x35, 0x1A7FF), (0x36, 0x1A7FF), (0x37, 0x100FF), (0x31, 0xFF00_0000), (0x38, 0xFFFF_FFFF), (0x3E, 0xB)])
def test_register_keeps_the_bits_that_can_be_written(register, kept):
    rig = Rig().enable()
    c = rig.cpu[0]
    ones = 0x0FFF_FFFF if register == 0x0E else 0
    for value in (0xFFFF_FFFF, 0xA5A5_A5A5, 0x5A5A_5A5A, 0):
        if register != 0x0F and register != 0x31 or value:
            apic.write(c, U(register), U(value))
            assert int(apic.read(c, U(register))) == value & kept | ones


def test_interrupt_command_is_read_back_in_two_halves():
    rig = Rig(2).enable()
    c = rig.cpu[0]
    apic.write(c, U(0x31), U(0x0100_0000))
    apic.write(c, U(0x30), U(0x41))
    assert (int(apic.read(c, U(0x30))), int(apic.read(c, U(0x31)))) == (0x41, 0x0100_0000)
    apic.write(c, U(0x31), U(0x0200_0000))
    assert (int(apic.read(c, U(0x30))), int(apic.read(c, U(0x31)))) == (0x41, 0x0200_0000)


def test_lint1_nmi_is_edge_triggered():
    rig = Rig().enable()
    c = rig.cpu[0]
    apic.write(c, U(0x36), U(0x400))
    message.set_lint(c, U(1), U(1))
    assert c.nmi_pending == 1
    c.nmi_pending = 0
    message.set_lint(c, U(1), U(1))
    message.set_lint(c, U(1), U(0))
    assert c.nmi_pending == 0


def test_performance_interrupt_masks_its_entry():
    rig = Rig().enable()
    c = rig.cpu[0]
    apic.write(c, U(0x34), U(0x400))
    message.local(c, U(2))
    assert (c.nmi_pending, apic.read(c, U(0x34))) == (1, 0x10400)


def test_extint_comes_from_the_8259_pair():
    rig = Rig().enable().unmask_pic().virtual_wire()
    c, m = rig.cpu[0], rig.machine
    irq.set_line(m, U(4), U(1))
    assert int(apic.pending(c)) == 0x100 == int(PENDING.EXTINT)
    assert apic.acknowledge(c, U(0x100)) == 0x24
    assert int(apic.pending(c)) == NEVER


def test_extint_reaches_the_processor_when_the_apic_is_off():
    rig = Rig().unmask_pic()
    apic.set_base(rig.cpu[0], U(0xFEE00100))
    irq.set_line(rig.machine, U(4), U(1))
    assert apic.pending(rig.cpu[0]) == 0x100


def test_init_keeps_mode_and_id():
    rig = Rig(2).enable().x2apic()
    c = rig.cpu[1]
    apic.x2apic_write(c, U(0x808), U(0x30))
    apic.reset(c, True)
    assert [int(apic.x2apic_read(c, U(msr))) for msr in (0x802, 0x808)] == [1, 0]
    assert int(c.apic_base) == 0xFEE00C00
    assert int(apic.x2apic_read(c, U(0x80F))) == 0xFF
