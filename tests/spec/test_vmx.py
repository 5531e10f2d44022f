"""The VMX tables: encodings against the manual's rules, capability MSRs against each other."""
import numpy as np
import pytest

from emu.bits import details, every
from emu.spec import profile, vmx
from emu.spec.qualification import BY_VECTOR, MEANING, QUALIFICATION
from emu.spec.vmcs import ENCODINGS, FIELD, VMCS, group_of, name_at, text_at, width_of
from emu.spec.vmx import ENTRYC, EXITC, PIN, PROC, PROC2, REASON, VMERROR, VMXMSR

# A line of the manual's appendix for each width and group: first and last field there, and how many lie between.
ROWS = [
    ("VPID", 0x0000, 16, 0), ("GUEST_ES_SELECTOR", 0x0800, 16, 2), ("GUEST_TR_SELECTOR", 0x080E, 16, 2),
    ("HOST_TR_SELECTOR", 0x0C0C, 16, 3), ("IO_BITMAP_A", 0x2000, 64, 0), ("EPT_POINTER", 0x201A, 64, 0),
    ("TSC_MULTIPLIER", 0x2032, 64, 0), ("GUEST_PHYSICAL_ADDRESS", 0x2400, 64, 1), ("VMCS_LINK_POINTER", 0x2800, 64, 2),
    ("GUEST_PDPTE3", 0x2810, 64, 2), ("HOST_PAT", 0x2C00, 64, 3), ("PIN_BASED_CONTROLS", 0x4000, 32, 0),
    ("SECONDARY_CONTROLS", 0x401E, 32, 0), ("VM_INSTRUCTION_ERROR", 0x4400, 32, 1),
    ("EXIT_INSTRUCTION_INFO", 0x440E, 32, 1),
    ("GUEST_TR_ACCESS_RIGHTS", 0x4822, 32, 2), ("PREEMPTION_TIMER", 0x482E, 32, 2), ("HOST_SYSENTER_CS", 0x4C00, 32, 3),
    ("CR0_MASK", 0x6000, 64, 0), ("CR3_TARGET_3", 0x600E, 64, 0), ("EXIT_QUALIFICATION", 0x6400, 64, 1),
    ("GUEST_LINEAR_ADDRESS", 0x640A, 64, 1), ("GUEST_RIP", 0x681E, 64, 2), ("GUEST_SYSENTER_EIP", 0x6826, 64, 2),
    ("HOST_RIP", 0x6C16, 64, 3),
]


@pytest.mark.parametrize("name,encoding,width,group", ROWS)
def test_encoding_says_width_and_group(name, encoding, width, group):
    assert int(getattr(VMCS, name)) == encoding
    assert (width_of(encoding), group_of(encoding)) == (width, group)


def test_names_agree_with_the_group_that_the_encoding_says():
    for name, encoding in zip(VMCS._fields, VMCS, strict=True):
        if name.startswith("HOST_"):
            assert group_of(encoding) == 3, name
        if group_of(encoding) == 3:
            assert name.startswith("HOST_"), name
        if name.startswith("GUEST_") and name not in ("GUEST_PHYSICAL_ADDRESS", "GUEST_LINEAR_ADDRESS",
                                                      "GUEST_DEADLINE_SHADOW"):
            assert group_of(encoding) == 2, name


def test_encodings_use_no_reserved_bit_and_no_high_half():
    assert all(int(encoding) & ~0x6FFE == 0 for encoding in VMCS)


def test_every_field_has_a_word_of_its_own_after_the_region_header():
    words = sorted(int(word) for word in FIELD)
    assert words == list(range(2, 2 + len(VMCS))) and words[-1] < 512
    assert all(name_at(getattr(FIELD, name)) == name for name in VMCS._fields)
    assert text_at(FIELD.GUEST_RIP) == "guest RIP"


def test_segment_fields_lie_in_register_order():
    for kind in ("SELECTOR", "LIMIT", "ACCESS_RIGHTS", "BASE"):
        words = [int(getattr(FIELD, f"GUEST_{s}_{kind}")) for s in "ES CS SS DS FS GS LDTR TR".split()]
        assert words == list(range(words[0], words[0] + 8)), kind


def test_arrays_for_kernels_agree_with_the_table():
    assert np.count_nonzero(ENCODINGS.index) == len(VMCS)
    for name, encoding in zip(VMCS._fields, VMCS, strict=True):
        word = getattr(FIELD, name)
        assert ENCODINGS.encoding[word] == encoding
        assert int(ENCODINGS.mask[word]) == (1 << width_of(encoding)) - 1
        assert ENCODINGS.read_only[word] == (group_of(encoding) == 1)


def test_exit_reasons_and_errors_leave_out_what_the_manual_reserves():
    assert set(range(86)) - {int(r) for r in REASON} == {35, 38, 42, 82, 83}
    assert set(range(1, 29)) - {int(n) for n in VMERROR} == {14, 21, 27}


@pytest.mark.parametrize("number,true,layout", [
    (VMXMSR.PIN, VMXMSR.TRUE_PIN, PIN), (VMXMSR.PROC, VMXMSR.TRUE_PROC, PROC),
    (VMXMSR.EXIT, VMXMSR.TRUE_EXIT, EXITC), (VMXMSR.ENTRY, VMXMSR.TRUE_ENTRY, ENTRYC),
    (VMXMSR.PROC2, VMXMSR.PROC2, PROC2)])
def test_control_capabilities_are_consistent(number, true, layout):
    plain, exact = profile.CAPABILITIES[int(number)], profile.CAPABILITIES[int(true)]
    must, may = plain & 0xFFFFFFFF, plain >> 32
    assert must & ~may == 0 and may == exact >> 32 and exact & 0xFFFFFFFF & ~must == 0
    assert (must & ~exact & 0xFFFFFFFF) & ~every(layout) == 0                   # only named controls become clearable
    assert may & ~must & ~every(layout) == 0                                    # nothing allowed that has no name


def test_default_1_class_is_the_manuals():
    low = [profile.CAPABILITIES[n] & 0xFFFFFFFF for n in (0x481, 0x482, 0x483, 0x484, 0x48D, 0x48E, 0x48F, 0x490)]
    assert low == [0x16, 0x0401E172, 0x36DFF, 0x11FF, 0x16, 0x04006172, 0x36DFB, 0x11FB]


def test_basic_and_misc_values():
    basic, misc = profile.CAPABILITIES[0x480], profile.CAPABILITIES[0x485]
    assert basic >> 31 & 1 == 0 and basic >> 32 & 0x1FFF == 4096 and basic >> 50 & 15 == 6
    assert basic >> 54 & 3 == 3 and basic >> 49 & 1 == 0 and basic >> 48 & 1 == 0
    assert misc & 0x1F == 5 and misc >> 5 & 0xF == 0xF and misc >> 16 & 0x1FF == 4 and misc >> 30 & 1 == 1


def test_ept_capabilities():
    assert profile.CAPABILITIES[0x48C] == sum(1 << n for n in (0, 6, 8, 14, 16, 17, 20, 21, 25, 26, 32, 40, 41, 42, 43))


def test_control_register_rules_allow_what_they_demand():
    for rule in (profile.CR0_RULE, profile.CR4_RULE):
        assert int(rule.must) & ~int(rule.may) == 0


def test_fields_exist_with_their_controls_only():
    present = {"EPT_POINTER", "VPID", "PREEMPTION_TIMER", "TSC_MULTIPLIER", "MSR_BITMAPS", "HOST_EFER"}
    assert present.isdisjoint(profile.ABSENT)
    assert {"PML_INDEX", "POSTED_INTERRUPT_VECTOR", "GUEST_SSP", "TERTIARY_CONTROLS", "PLE_GAP"} <= profile.ABSENT
    assert profile.CAPABILITIES[0x48A] == 25 << 1                               # TSC multiplier, 2032H
    for name in VMCS._fields:
        assert profile.SUPPORTED[getattr(FIELD, name)] == (name not in profile.ABSENT)


def test_capability_array_agrees_with_the_table():
    for number in range(0x480, 0x4A0):
        assert profile.CAPABILITY[number - 0x480] == profile.CAPABILITIES.get(number, 0)
        assert profile.CAPABILITY_EXISTS[number - 0x480] == (number in profile.CAPABILITIES)


def test_every_layout_of_a_qualification_is_a_symbol_of_the_vmx_tables():
    """A source that says `.use vmx` reads any qualification by name."""
    tables = [*QUALIFICATION.values(), *BY_VECTOR.values(), *(table for (layout, _), table in MEANING.items() if layout.startswith("QUAL"))]
    names = {details(table).name for table in tables} - {"GPR"}                # a code table of every processor's
    assert names and {name for name in names if not hasattr(vmx, name)} == set()
