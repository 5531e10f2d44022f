"""VM entries and exits that fail: MSR lists, PDPTEs, aborts, and verdicts that are remembered."""

import pytest

from emu.model.vmx import entry
from emu.spec.cpu import CR4, SEG
from emu.spec.outcome import MODE, RESULT, STOP
from emu.spec.vmx import BLOCKING, ENTRYC, EXITC, PROC, PROC2
from emu.state import ALL_ONES
from tests.model.vmx.vmx_world import ENTRY_LIST, GUEST_FIELDS, LOAD_LIST, STORE_LIST, VIRTUAL_APIC, VMCS_REGION, World, enter, leave

PAT, KERNEL_GS_BASE, FS_BASE = 0x277, 0xC000_0102, 0xC000_0100


@pytest.fixture
def w():
    return World()


# ---- MSR lists
def msr_list(w, at, *entries):
    for n, (index, value) in enumerate(entries):
        w.put(at + 16 * n, index)
        w.put(at + 16 * n + 8, value)
    return len(entries)


def test_msr_lists_are_loaded_and_stored(w):
    v = w.vmcs
    v.entry_msr_load_address, v.exit_msr_store_address, v.exit_msr_load_address = ENTRY_LIST, STORE_LIST, LOAD_LIST
    v.entry_msr_load_count = msr_list(w, ENTRY_LIST, (KERNEL_GS_BASE, 0x1111), (PAT, 6))
    v.exit_msr_store_count = msr_list(w, STORE_LIST, (KERNEL_GS_BASE, 0))
    v.exit_msr_load_count = msr_list(w, LOAD_LIST, (KERNEL_GS_BASE, 0x3333))
    assert enter(w) == 0
    assert w.guest.kernel_gs_base == 0x1111 and w.guest.pat == 6
    w.guest.kernel_gs_base = 0x2222
    assert leave(w) == RESULT.EXIT
    assert w.word(STORE_LIST + 8) == 0x2222 and w.root.kernel_gs_base == 0x3333


@pytest.mark.parametrize(
    "bad", [(FS_BASE, 0), (0x808, 0), (1 << 32 | KERNEL_GS_BASE, 0), (0x9B, 0), (PAT, 2), (0x4000_0000, 0)]
)
def test_entry_that_fails_by_its_msr_list_ends_at_the_host(w, bad):
    w.vmcs.entry_msr_load_address = ENTRY_LIST
    w.vmcs.entry_msr_load_count = msr_list(w, ENTRY_LIST, (KERNEL_GS_BASE, 0x77), bad)
    w.c.interruptibility = BLOCKING.NMI
    assert enter(w) == 1 << 31 | 34
    assert w.vmcs.exit_reason == 1 << 31 | 34 and w.vmcs.exit_qualification == 2
    assert w.c.env == w.c.root_env and w.root.rip == 0x5000 and w.root.kernel_gs_base == 0x77
    assert w.c.interruptibility == BLOCKING.NMI and w.c.vmx_mode == MODE.ROOT


@pytest.mark.parametrize("field, at, code", [("store", STORE_LIST, 1), ("load", LOAD_LIST, 4)])
def test_exit_msr_list_that_fails_aborts(w, field, at, code):
    w.enter_guest()
    w.vmcs[f"EXIT_MSR_{field.upper()}_ADDRESS"] = at
    w.vmcs[f"EXIT_MSR_{field.upper()}_COUNT"] = msr_list(w, at, (0x808, 0))
    assert leave(w) == RESULT.STOP
    assert w.c.stop == STOP.VMX_ABORT and w.c.stop_a == code and w.word(VMCS_REGION) >> 32 == code


def test_exit_from_ia32e_mode_to_a_32_bit_host_aborts(w):
    w.enter_guest()
    w.vmcs.exit_controls &= ~int(EXITC.HOST_64 | EXITC.LOAD_EFER)
    assert leave(w) == RESULT.STOP and w.c.stop_a == 6


@pytest.mark.parametrize("entry_bits, code", [(0x1001, 0), (0x1003, 2)])
def test_host_pdptes_are_checked(w, entry_bits, code):
    w.enter_guest()
    w.vmcs.exit_controls &= ~int(EXITC.HOST_64 | EXITC.LOAD_EFER)
    w.guest.efer, w.vmcs.host_cr4, w.vmcs.host_cr3 = 0, int(CR4.PAE | CR4.VMXE), 0x14000
    w.put(0x14018, entry_bits)
    assert leave(w) == (RESULT.STOP if code else RESULT.EXIT)
    assert w.c.stop_a == code and (code or w.c.pdpte[3] == entry_bits)


# ---- failed entries and the remembered verdict
def test_entry_that_fails_changes_nothing_but_what_the_manual_says(w):
    w.vmcs.guest_rflags = 0
    w.vmcs.entry_interruption_info = 0x8000_0306
    before = {name: w.vmcs[name] for name in GUEST_FIELDS}
    assert enter(w) == 1 << 31 | 33
    assert {name: w.vmcs[name] for name in GUEST_FIELDS} == before and w.vmcs.entry_interruption_info == 0x8000_0306
    assert w.c.exits[33] == 1 and w.c.failed_count >= 1


SPOILERS = {  # what a check refuses, changed after the verdict was remembered
    "GUEST_RIP": 1 << 58,
    "GUEST_RFLAGS": 0,
    "GUEST_INTERRUPTIBILITY": 3,
    "GUEST_ACTIVITY": 4,
    "GUEST_PENDING_DEBUG": 0x20,
    "ENTRY_INTERRUPTION_INFO": 0x8000_0103,
    "GUEST_CR0": 0x8000_0000,
    "GUEST_CR4": 0,
    "GUEST_EFER": 0xFFFF,
    "GUEST_CS_LIMIT": 0x1_0000,
    "GUEST_CS_ACCESS_RIGHTS": 0xA093,
    "GUEST_SS_SELECTOR": 0x23,
    "GUEST_TR_ACCESS_RIGHTS": 0x83,
    "GUEST_LDTR_ACCESS_RIGHTS": 0,
}


@pytest.mark.parametrize("name", SPOILERS)
def test_remembered_verdict_does_not_hide_a_bad_field(w, name):
    w.enter_guest()
    leave(w)
    w.enter_guest()
    leave(w)
    assert w.c.entry_valid_key and name in entry.HOT
    w.vmcs[name] = SPOILERS[name]
    if name == "ENTRY_INTERRUPTION_INFO":
        assert enter(w) == 7
    else:
        assert enter(w) == 1 << 31 | 33


def test_remembered_verdict_does_not_hide_the_pdptes_of_a_pae_guest(w):
    v = w.vmcs
    v.entry_controls &= ~int(ENTRYC.GUEST_64)
    v.guest_efer, v.guest_cs_access_rights, v.guest_cr3 = 0, 0xC09B, 0x1_4000
    for _ in range(2):
        w.enter_guest()
        leave(w)
    assert w.c.entry_valid_key
    w.put(0x1_4008, 0x21)                                  # memory, which no VMWRITE announces
    assert enter(w) == 1 << 31 | 33 and v.exit_qualification == 2


@pytest.mark.parametrize("spoil, failed", [
    (dict(vmcs_link_pointer=0x1_8000), 1 << 31 | 33), (dict(tpr_threshold=16), 7), (dict(tpr_threshold=4), 7)])
def test_remembered_verdict_does_not_hide_what_is_looked_at_each_time(w, spoil, failed):
    v = w.vmcs
    v.primary_controls |= int(PROC.TPR_SHADOW | PROC.SECONDARY)
    v.virtual_apic_address = VIRTUAL_APIC
    for _ in range(2):
        w.enter_guest()
        leave(w)
    assert w.c.entry_valid_key
    for name, value in spoil.items():
        v[name] = value
    assert enter(w) == failed


def test_remembered_verdict_serves_and_each_shape_of_guest_state_has_its_own(w):
    w.enter_guest()
    keys = {int(k) for k in w.c.entry_keys if k}
    assert len(keys) == 1 and w.c.entry_valid_key
    w.guest.seg[3 * int(SEG.DS)] = 0x38
    leave(w)
    w.enter_guest()
    assert {int(k) for k in w.c.entry_keys if k} != keys


def test_pae_guest_takes_its_pdptes_from_the_vmcs_with_ept(w):
    v = w.vmcs
    v.primary_controls |= int(PROC.SECONDARY)
    v.secondary_controls, v.ept_pointer = int(PROC2.EPT), 0x1_5000 | 0x1E
    v.entry_controls &= ~int(ENTRYC.GUEST_64)
    v.guest_efer, v.guest_cs_access_rights = 0, 0xC09B
    v.guest_pdpte2 = 0x1_6001
    assert enter(w) == 0
    assert [int(x) for x in w.c.pdpte] == [0, 0, 0x1_6001, 0]
    w.c.pdpte[1] = 0x1_7001
    leave(w)
    assert v.guest_pdpte1 == 0x1_7001 and v.guest_pdpte2 == 0x1_6001


def test_controls_are_latched(w):
    v = w.vmcs
    v.primary_controls |= int(PROC.SECONDARY | PROC.TSC_OFFSETTING)
    v.secondary_controls, v.ept_pointer, v.vpid = int(PROC2.EPT | PROC2.VPID), 0x1_5000 | 0x1E, 7
    v.tsc_offset, v.exception_bitmap = int(ALL_ONES) - 4, 1 << 14
    assert enter(w) == 0
    c = w.c
    assert (c.proc, c.proc2, c.eptp, c.vpid) == (v.primary_controls, v.secondary_controls, v.ept_pointer, 7)
    assert (c.tsc_guest_offset, c.exception_bitmap, c.pin) == (int(ALL_ONES) - 4, 1 << 14, v.pin_based_controls)
    assert c.tlb == c.guest_tlb


def test_stopped_machine_and_page_faults_leave_no_trace_of_old_events(w):
    w.enter_guest()
    w.c.vectoring, w.c.mtf_pending, w.c.tpr_below, w.c.fault_length = 0x8000_0306, 1, 1, 9
    leave(w, 48)
    assert not (w.c.vectoring or w.c.mtf_pending or w.c.tpr_below or w.c.fault_length)
