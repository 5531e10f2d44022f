"""VM-entry checks: each row provoked by name, and everything against the reference in plain integers."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.vmx import checks
from emu.spec.checks import CHECKS
from emu.spec.vmcs import FIELD, VMCS, width_of
from tests.model.vmx.vmcs_fixture import OTHER_VMCS, PDPT_AT, VALID, VIRTUAL_APIC, VMCS_AT, Processor
from tests.reference import checks as reference

P = Processor()
LOWER = [name.lower() for name in VMCS._fields]
V = VALID
WIDE = 1 << 39                                                  # first physical-address bit that does not exist
CROOKED = 1 << 56                                               # smallest address that is not canonical
SECOND = V["secondary_controls"]
INFO = 1 << 31
NARROW = dict(exit_controls=V["exit_controls"] & ~(1 << 9 | 1 << 21),
              entry_controls=V["entry_controls"] & ~(1 << 9 | 1 << 15),
              host_rip=0x1000)                                  # a 32-bit host and guest
PAE = dict(entry_controls=V["entry_controls"] & ~(1 << 9 | 1 << 15))   # a 32-bit guest with PAE paging
VM86 = {"guest_rflags": 1 << 17 | 2, **PAE,
        **{f"guest_{s}_{part}": value for s in ("es", "cs", "ss", "ds", "fs", "gs")
           for part, value in (("selector", 0x100), ("base", 0x1000), ("limit", 0xFFFF), ("access_rights", 0xF3))}}


def shadowed(**changes):
    """Return changes with the TPR shadow in use."""
    return dict(primary_controls=V["primary_controls"] | 1 << 21, **changes)


def lists(which, address, count):
    """Return changes for an MSR list."""
    return {f"{which}_address": address, f"{which}_count": count}


def event(kind, vector, **changes):
    """Return changes that inject an event, interrupts allowed."""
    return dict(entry_interruption_info=INFO | kind << 8 | vector, **changes)


CONTROL = {
    "pin": dict(pin_based_controls=0),
    "primary": dict(primary_controls=V["primary_controls"] | 1 << 17),
    "secondary": dict(secondary_controls=SECOND | 1),
    "cr3_target_count": dict(cr3_target_count=5),
    "io_bitmap_a": dict(primary_controls=V["primary_controls"] | 1 << 25, io_bitmap_a=WIDE),
    "io_bitmap_b": dict(primary_controls=V["primary_controls"] | 1 << 25, io_bitmap_b=8),
    "msr_bitmaps": dict(msr_bitmaps=0x800),
    "virtual_apic_address": shadowed(virtual_apic_address=VIRTUAL_APIC + 16),
    "tpr_threshold_reserved": shadowed(tpr_threshold=0x10),
    "tpr_threshold_vtpr": shadowed(tpr_threshold=1),
    "virtual_nmis": dict(pin_based_controls=V["pin_based_controls"] & ~8),
    "nmi_window": dict(pin_based_controls=V["pin_based_controls"] & ~32,
                       primary_controls=V["primary_controls"] | 1 << 22),
    "vpid": dict(vpid=0),
    "unrestricted_ept": dict(secondary_controls=1 << 7),
    "eptp_memory_type": dict(ept_pointer=0x1801D),
    "eptp_walk_length": dict(ept_pointer=0x18026),
    "eptp_reserved": dict(ept_pointer=V["ept_pointer"] | 1 << 7),
    "tsc_multiplier": dict(secondary_controls=SECOND | 1 << 25, tsc_multiplier=0),
    "exit": dict(exit_controls=1 << 9),
    "save_timer": dict(exit_controls=V["exit_controls"] | 1 << 22),
    "exit_store_address": lists("exit_msr_store", 0x1008, 1),
    "exit_store_end": lists("exit_msr_store", WIDE - 16, 2),
    "exit_load_address": lists("exit_msr_load", 0x1001, 1),
    "exit_load_end": lists("exit_msr_load", WIDE - 16, 2),
    "entry_load_address": lists("entry_msr_load", 0x100C, 3),
    "entry_load_end": lists("entry_msr_load", WIDE - 32, 3),
    "entry": dict(entry_controls=V["entry_controls"] | 1 << 10),
    "inject_type": event(1, 0),
    "inject_vector": event(2, 3),
    "inject_error": event(3, 13),
    "inject_reserved": event(0, 0x20 | 1 << 12),
    "inject_error_code": event(3, 13 | 1 << 11, entry_exception_error_code=0x10000),
    "inject_length": event(4, 0x80, entry_instruction_length=16),
}
HOST = {
    "cr0": dict(host_cr0=0x80000001),
    "cr4": dict(host_cr4=0x20),
    "cr3": dict(host_cr3=WIDE),
    **{f"{name}": {f"host_{name}": CROOKED} for name in ("sysenter_esp", "sysenter_eip", "fs_base", "gs_base",
                                                         "tr_base", "gdtr_base", "idtr_base", "rip")},
    "pat": dict(exit_controls=V["exit_controls"] | 1 << 19, host_pat=0x0007040600070402),
    "efer_reserved": dict(host_efer=0xD02),
    "efer_mode": dict(host_efer=0x800),
    **{f"{s}_selector": {f"host_{s}_selector": 0xB} for s in ("es", "cs", "ss", "ds", "fs", "gs", "tr")},
    "cs_null": dict(host_cs_selector=0),
    "tr_null": dict(host_tr_selector=0),
    "ss_null": dict(NARROW, host_ss_selector=0),
    "size": NARROW,
    "guest_size": dict(NARROW, entry_controls=V["entry_controls"]),
    "pcide": dict(NARROW, host_cr4=0x22020),
    "rip_high": dict(NARROW, host_rip=1 << 32),
    "pae": dict(host_cr4=0x2000),
}
GUEST = {
    "cr0": dict(guest_cr0=0x80010011),
    "cr0_paging": dict(guest_cr0=0x80000020),
    "cr4": dict(guest_cr4=0x802020),
    "debugctl": dict(guest_debugctl=4),
    "ia32e_pg": dict(guest_cr0=0x21, secondary_controls=SECOND | 1 << 7),
    "ia32e_pae": dict(guest_cr4=0x2000),
    "pcide": dict(PAE, guest_cr4=0x22020),
    "cr3": dict(guest_cr3=WIDE),
    "dr7": dict(guest_dr7=1 << 32),
    "sysenter_esp": dict(guest_sysenter_esp=CROOKED),
    "sysenter_eip": dict(guest_sysenter_eip=CROOKED),
    "pat": dict(entry_controls=V["entry_controls"] | 1 << 14, guest_pat=3 << 56),
    "efer_reserved": dict(guest_efer=0xD80),
    "efer_lma": dict(guest_efer=0x900),
    "efer_lme": dict(guest_efer=0xC00),
    "gdtr_base": dict(guest_gdtr_base=CROOKED),
    "idtr_base": dict(guest_idtr_base=CROOKED),
    "gdtr_limit": dict(guest_gdtr_limit=0x10000),
    "idtr_limit": dict(guest_idtr_limit=0x10000),
    "rip_high": dict(guest_cs_access_rights=0xC09B, guest_rip=1 << 32),
    "rip": dict(guest_rip=1 << 57),
    "rflags": dict(guest_rflags=0xA),
    "rflags_vm": dict(VM86, entry_controls=V["entry_controls"]),
    "rflags_if": event(0, 0x20),
    "activity": dict(guest_activity=4),
    "activity_hlt_dpl": dict(guest_activity=1, guest_ss_access_rights=0xC0F3),
    "activity_blocking": dict(guest_activity=1, guest_interruptibility=2),
    "activity_event": event(4, 0x80, guest_activity=1),
    "blocking_reserved": dict(guest_interruptibility=0x20),
    "blocking_both": dict(guest_interruptibility=3, guest_rflags=0x202),
    "blocking_sti_if": dict(guest_interruptibility=1),
    "blocking_external": event(0, 0x20, guest_interruptibility=2, guest_rflags=0x202),
    "blocking_nmi_mov_ss": event(2, 2, guest_interruptibility=2),
    "blocking_smi": dict(guest_interruptibility=4),
    "blocking_nmi_sti": event(2, 2, guest_interruptibility=1, guest_rflags=0x202),
    "blocking_virtual_nmi": event(2, 2, guest_interruptibility=8),
    "blocking_enclave": dict(guest_interruptibility=16),
    "pending_reserved": dict(guest_pending_debug=1 << 11),
    "pending_bs": dict(guest_interruptibility=2, guest_rflags=0x102),
    "pending_rtm": dict(guest_pending_debug=1 << 16 | 1 << 12),
    "link_address": dict(vmcs_link_pointer=0x12008),
    "link_revision": dict(vmcs_link_pointer=OTHER_VMCS),
    "link_current": dict(vmcs_link_pointer=VMCS_AT),
    **{f"pdpte{n}": {**PAE, f"guest_pdpte{n}": 0x2003} for n in range(4)},
}
for _s in ("es", "cs", "ss", "ds", "fs", "gs"):
    _r, _good = f"guest_{_s}_access_rights", V[f"guest_{_s}_access_rights"]
    GUEST |= {
        f"{_s}_base": {f"guest_{_s}_base": CROOKED},
        f"{_s}_type": {_r: _good & ~1},
        f"{_s}_s": {_r: _good & ~0x10},
        f"{_s}_p": {_r: _good & ~0x80},
        f"{_s}_reserved": {_r: _good | 0x100},
        f"{_s}_g": {_r: _good & ~0x8000},
        f"{_s}_v86_base": {**VM86, f"guest_{_s}_base": 0},
        f"{_s}_v86_limit": {**VM86, f"guest_{_s}_limit": 0x10000},
        f"{_s}_v86_rights": {**VM86, _r: 0x93},
    }
    GUEST[f"{_s}_dpl"] = {_r: _good | 0x20} if _s in ("cs", "ss") else {f"guest_{_s}_selector": 0x13}
GUEST |= {
    "cs_db": dict(guest_cs_access_rights=0xE09B),
    "ss_selector": dict(guest_ss_selector=0x11, guest_ss_access_rights=0xC0B3),
}
for _s, _good in (("ldtr", 0x82), ("tr", 0x8B)):
    _r, _on = f"guest_{_s}_access_rights", {f"guest_{_s}_access_rights": _good}
    GUEST |= {
        f"{_s}_selector": {**_on, f"guest_{_s}_selector": 0x1C},
        f"{_s}_base": {**_on, f"guest_{_s}_base": CROOKED},
        f"{_s}_type": {_r: _good & ~2},
        f"{_s}_s": {_r: _good | 0x10},
        f"{_s}_p": {_r: _good & ~0x80},
        f"{_s}_reserved": {_r: _good | 1 << 17},
        f"{_s}_g": {**_on, f"guest_{_s}_limit": 1 << 20},
    }
GUEST["tr_usable"] = dict(guest_tr_access_rights=0x1008B)
CASES = [(f"{kind}.{name}", changes) for kind, rows in (("control", CONTROL), ("host", HOST), ("guest", GUEST))
         for name, changes in rows.items()]


def fields():
    """Return the fields of the processor's VMCS as plain integers."""
    return {name: int(P.region[getattr(FIELD, name.upper())]) for name in LOWER}


def judge(entry=checks.entry):
    """Return (result, ids, qualification) of VM entry on the processor as it is."""
    with np.errstate(over="ignore"):
        result = int(entry(P.c))
    ids = {CHECKS[int(row)].id for row in P.c.failed[:int(P.c.failed_count)]}
    return result, ids, int(P.c.fault_qualification) if result >> 31 else None


def expected(ia32e=True):
    """Return what the reference says, at most as many rows as the record lists."""
    return reference.verdict(reference.failing(fields(), P.ram.tobytes(), VMCS_AT, ia32e))


def test_valid_vmcs_passes():
    P.reset()
    assert judge() == (0, set(), None) and checks.failing(P.cpu) == [] and checks.explain(P.cpu) == []


def test_valid_vmcs_passes_for_32_bit_host_and_guest_and_virtual_8086_guest():
    P.reset(NARROW, ia32e=False)
    assert judge() == (0, set(), None)
    P.reset(VM86)
    assert judge() == (0, set(), None)


def test_every_row_has_a_case_of_its_own():
    assert {ident for ident, _ in CASES} == {check.id for check in CHECKS.values()}


@pytest.mark.parametrize("ident,changes", CASES, ids=[ident for ident, _ in CASES])
def test_row_fails(ident, changes):
    P.reset(changes, {0x12000: 1} if "link" in ident else {}, ia32e=True)
    found = judge()
    assert ident in found[1] and found == expected()
    assert found[0] == {"control": 7, "host": 8, "guest": 0x8000_0021}[ident.split(".")[0]]


@pytest.mark.parametrize("changes,qualification", [
    (dict(vmcs_link_pointer=OTHER_VMCS), 4), ({**PAE, "guest_pdpte0": 3}, 2), (GUEST["blocking_nmi_sti"], 3),
    (dict(vmcs_link_pointer=OTHER_VMCS, guest_rflags=0), 0), (dict(guest_rflags=0), 0)])
def test_qualification_of_guest_state_failure(changes, qualification):
    P.reset(changes)
    assert judge()[2] == qualification


@pytest.mark.parametrize("kind", range(8))
def test_memory_type_of_an_eptp_is_uncacheable_or_write_back(kind):
    P.reset(dict(ept_pointer=V["ept_pointer"] & ~7 | kind))
    assert judge()[1] == (set() if kind in (0, 6) else {"control.eptp_memory_type"})
    assert judge() == expected()


def test_pdptes_come_from_memory_without_ept():
    P.reset({**PAE, "secondary_controls": 0, "guest_pdpte0": 3}, {PDPT_AT + 8: 0x21})
    assert judge()[1] == {"guest.pdpte1"}


def test_secondary_controls_count_only_when_activated():
    P.reset(dict(primary_controls=V["primary_controls"] & ~(1 << 31), secondary_controls=0xFFFFFFFF, vpid=0,
                 ept_pointer=0))
    assert judge() == (0, set(), None)


@pytest.mark.parametrize("cr4, rip, bad", [(0x2020, 1 << 47, True), (0x3020, 1 << 47, False), (0x3020, 1 << 56, True)])
def test_host_rip_is_canonical_for_the_paging_mode_of_host_cr4(cr4, rip, bad):
    P.reset(dict(host_cr4=cr4, host_rip=rip))
    assert judge()[1] == ({"host.rip"} if bad else set())


@pytest.mark.parametrize("cr4", [0x2020, 0x3020])
def test_bases_and_guest_rip_go_by_the_width_of_the_processor(cr4):
    P.reset({"host_cr4": cr4, "guest_cr4": cr4, "guest_rip": 1 << 56, **{f"{side}_{name}": 1 << 47 for side in ("host", "guest")
             for name in ("fs_base", "gs_base", "tr_base", "gdtr_base", "idtr_base", "sysenter_eip", "sysenter_esp")}})
    assert judge() == (0, set(), None)


def test_link_pointer_to_another_vmcs_of_this_revision_passes():
    P.reset(dict(vmcs_link_pointer=OTHER_VMCS), {OTHER_VMCS: 0x68766C31})
    assert judge() == (0, set(), None)


# ---- random mutations -------------------------------------------------------------------------------------------
INTERESTING = [0, 1, 2, 3, 7, 8, 0x20, 0x80, 0xFFF, 0x1000, 0xFFFF, 1 << 31, 1 << 32, WIDE, 1 << 47, CROOKED, 1 << 63, 2**64 - 1,
               0x10093, 0x8B, 0xC09B, 0xF3, OTHER_VMCS, VMCS_AT, INFO, INFO | 0x202, INFO | 0x30D, INFO | 0xB0D,
               INFO | 0x301, INFO | 0x312, INFO | 0x480, INFO | 0x700]
READ = sorted({name.lower() for check in CHECKS.values() for name in check.fields})


@st.composite
def mutation(draw):
    """Draw (field, value): a flipped bit, an interesting value or any value."""
    name = draw(st.sampled_from(READ))
    top = (1 << width_of(getattr(VMCS, name.upper()))) - 1
    old = V.get(name, 0)
    value = draw(st.one_of(st.integers(0, top.bit_length() - 1).map(lambda bit: old ^ 1 << bit),
                           st.sampled_from(INTERESTING),
                           st.integers(0, top)))
    return name, value & top


STARTS = [{}, NARROW, PAE, VM86, {"secondary_controls": SECOND | 1 << 7}, shadowed(), dict(guest_rflags=0x202),
          dict(host_cr4=0x3020, host_rip=1 << 47), dict(guest_cr4=0x3020, guest_rip=1 << 56)]


@pytest.mark.parametrize("entry", [checks.entry, checks.entry.py_func], ids=["compiled", "python"])
@settings(deadline=None, derandomize=True, max_examples=250)
@given(start=st.sampled_from(STARTS), changes=st.lists(mutation(), min_size=1, max_size=4), ia32e=st.booleans())
def test_verdict_agrees_with_reference(entry, start, changes, ia32e):
    P.reset({**start, **dict(changes)}, {OTHER_VMCS: 0x68766C31, VIRTUAL_APIC + 0x80: 0x30}, ia32e)
    assert judge(entry) == expected(ia32e)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(start=st.sampled_from(STARTS), changes=st.lists(mutation(), min_size=1, max_size=8), ia32e=st.booleans())
def test_failing_reports_all_classes_at_once(start, changes, ia32e):
    P.reset({**start, **dict(changes)}, {}, ia32e)
    found = reference.failing(fields(), P.ram.tobytes(), VMCS_AT, ia32e)
    assert {check.id for check in checks.failing(P.cpu)} == set.union(*found.values())


# ---- explanation --------------------------------------------------------------------------------------------------
def test_explanation_names_fields_values_bits_rule_section_and_repair():
    P.reset(dict(guest_rflags=0x8))
    judge()
    (failure,) = checks.explain(P.cpu)
    assert str(failure) == (
        "guest.rflags\n"
        "    GUEST_RFLAGS (6820H) = 0x8\n"
        "    at fault: bits 3, 1 of GUEST_RFLAGS\n"
        "    rule: bits 63:22, 15, 5 and 3 are 0 and bit 1 is 1\n"
        '    source: SDM 3C, "Checks on Guest RIP, RFLAGS, and SSP"\n'
        "    repair: GUEST_RFLAGS = 2")


@pytest.mark.parametrize("ident,changes", CASES, ids=[ident for ident, _ in CASES])
def test_explanation_points_at_bits(ident, changes):
    P.reset(changes, {0x12000: 1} if "link" in ident else {})
    failure = {f.id: f for f in checks.lint(P.cpu)}[ident]
    width = width_of(failure.fields[0][1])
    assert 0 < failure.bits < 1 << width and failure.rule and failure.section.startswith("SDM 3C") and failure.repair
