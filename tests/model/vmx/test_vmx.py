"""VMX instructions in bare and root operation: #UD, #GP, every VMfail number, and what success changes."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from emu.bits import U64
from emu.model.vmx import vmx
from emu.spec.cpu import CR4, RFLAGS, VECTOR
from emu.spec.insn import INSN
from emu.spec.outcome import FAULT, MODE, RESULT
from emu.spec.profile import REVISION
from emu.spec.vmcs import VMCS
from emu.spec.vmx import FEATURE_CONTROL
from emu.state import ALL_ONES
from tests.model.vmx.vmx_world import DATA, RAM_BYTES, VMCS_REGION, VMXON_REGION, World
from tests.reference import vmx as reference

OTHER = 0xA000
FEW = settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
ZF, CF = int(RFLAGS.ZF), int(RFLAGS.CF)
ROOT_ONLY = (
    "VMCALL",
    "VMLAUNCH",
    "VMRESUME",
    "VMXOFF",
    "VMCLEAR",
    "VMPTRLD",
    "VMPTRST",
    "VMREAD",
    "VMWRITE",
    "INVEPT",
    "INVVPID",
)


@pytest.fixture
def w():
    return World()


def run(w, kind, operand=None, **given):
    """Execute one instruction with the 8 bytes at DATA as memory operand, compiled and plain."""
    if operand is not None:
        w.put(DATA, operand)
    w.instruction_of(getattr(INSN, kind), **given)
    return w.both(vmx.execute, w.insn)


def status(w):
    return int(w.root.cc_src)


def failed_with(w, number):
    """Assert VMfailValid with this error number."""
    assert status(w) == ZF and w.vmcs.vm_instruction_error == number


@pytest.mark.parametrize("kind", ROOT_ONLY)
def test_instruction_outside_vmx_operation_is_undefined(w, kind):
    w.c.vmx_mode = MODE.BARE
    assert run(w, kind) == RESULT.FAULT and w.c.fault_vector == VECTOR.UD


@pytest.mark.parametrize("kind", ROOT_ONLY)
def test_instruction_in_compatibility_mode_is_undefined(w, kind):
    w.root.seg[3 * 1 + 2] = 0xC09B00 << 32 | 0xFFFF_FFFF
    assert run(w, kind) == RESULT.FAULT and w.c.fault_vector == VECTOR.UD


@pytest.mark.parametrize("kind", ROOT_ONLY)
def test_instruction_at_privilege_3_is_refused(w, kind):
    w.root.hflags |= 3
    assert run(w, kind) == RESULT.FAULT and w.c.fault_vector == VECTOR.GP and w.c.fault_error == 0


def test_vmfunc_is_undefined(w):
    assert run(w, "VMFUNC") == RESULT.FAULT and w.c.fault_vector == VECTOR.UD


def bare(w):
    w.c.vmx_mode, w.c.vmxon_pointer, w.c.vmcs_pointer = MODE.BARE, ALL_ONES, ALL_ONES
    w.c.vmcs = w.c.spare_vmcs


def test_vmxon_enters_root_operation_without_a_current_vmcs(w):
    bare(w)
    assert run(w, "VMXON", VMXON_REGION) == RESULT.NEXT
    assert status(w) == 0 and w.c.vmx_mode == MODE.ROOT
    assert w.c.vmxon_pointer == VMXON_REGION and w.c.vmcs_pointer == ALL_ONES


def test_vmxon_without_vmxe_is_undefined(w):
    bare(w)
    w.root.cr[4] &= ~CR4.VMXE
    assert run(w, "VMXON", VMXON_REGION) == RESULT.FAULT and w.c.fault_vector == VECTOR.UD


@pytest.mark.parametrize("spoil", ["privilege", "cr0", "lock", "enable", "a20"])
def test_vmxon_is_refused(w, spoil):
    bare(w)
    if spoil == "privilege":
        w.root.hflags |= 3
    elif spoil == "cr0":
        w.root.cr[0] &= U64(~(1 << 5) & (1 << 64) - 1)
    elif spoil == "a20":
        w.machine[0].gated = 1 << 20
    else:
        w.c.feature_control = FEATURE_CONTROL.VMX if spoil == "lock" else FEATURE_CONTROL.LOCK
    assert run(w, "VMXON", VMXON_REGION) == RESULT.FAULT and w.c.fault_vector == VECTOR.GP


@pytest.mark.parametrize("pointer", [VMXON_REGION + 8, 1 << 39, DATA, RAM_BYTES])
def test_vmxon_with_a_bad_region_fails_invalid(w, pointer):
    bare(w)
    assert run(w, "VMXON", pointer) == RESULT.NEXT and status(w) == CF and w.c.vmx_mode == MODE.BARE


def test_vmxon_in_root_fails_with_15(w):
    run(w, "VMXON", VMXON_REGION)
    failed_with(w, 15)


def test_vmxoff_leaves_vmx_operation(w):
    assert run(w, "VMXOFF") == RESULT.NEXT and status(w) == 0
    assert w.c.vmx_mode == MODE.BARE and w.c.vmcs_pointer == ALL_ONES and w.c.vmcs == w.c.spare_vmcs


def test_vmcall_in_root_fails_with_1(w):
    run(w, "VMCALL")
    failed_with(w, 1)


@pytest.mark.parametrize(
    "kind, pointer, number",
    [
        ("VMCLEAR", OTHER + 1, 2),
        ("VMCLEAR", 1 << 40, 2),
        ("VMCLEAR", VMXON_REGION, 3),
        ("VMPTRLD", OTHER + 0x800, 9),
        ("VMPTRLD", 1 << 63, 9),
        ("VMPTRLD", VMXON_REGION, 10),
        ("VMPTRLD", DATA, 11),
    ],
)
def test_bad_vmcs_pointer_fails(w, kind, pointer, number):
    run(w, kind, pointer)
    failed_with(w, number)


def test_shadow_indicator_in_the_revision_fails_with_11(w):
    w.put(OTHER, REVISION | 1 << 31)
    run(w, "VMPTRLD", OTHER)
    failed_with(w, 11)


def test_vmptrld_makes_a_vmcs_current_and_vmptrst_stores_its_pointer(w):
    w.put(OTHER, REVISION)
    w.c.entry_valid_key = 1
    run(w, "VMPTRLD", OTHER)
    assert status(w) == 0 and w.c.vmcs_pointer == OTHER and w.c.vmcs == w.machine[0].ram + U64(OTHER)
    assert w.c.entry_valid_key == 0
    run(w, "VMPTRST", 0)
    assert w.word(DATA) == OTHER


def test_vmclear_of_the_current_vmcs_leaves_none(w):
    w.ram[VMCS_REGION // 8 + 1] = 1
    run(w, "VMCLEAR", VMCS_REGION)
    assert status(w) == 0 and w.c.vmcs_pointer == ALL_ONES and w.word(VMCS_REGION + 8) == 0
    run(w, "VMPTRST", 0)
    assert w.word(DATA) == int(ALL_ONES)


def test_vmclear_of_another_vmcs_keeps_the_current_one(w):
    w.put(OTHER + 8, 1)
    run(w, "VMCLEAR", OTHER)
    assert w.c.vmcs_pointer == VMCS_REGION and w.word(OTHER + 8) == 0


@pytest.mark.parametrize("kind", ["VMREAD", "VMWRITE", "VMLAUNCH", "VMRESUME", "VMCALL"])
def test_without_a_current_vmcs_fails_invalid(w, kind):
    w.c.vmcs_pointer, w.c.vmcs = ALL_ONES, w.c.spare_vmcs
    run(w, kind, memory=0)
    assert status(w) == CF


@pytest.mark.parametrize("kind", ["VMREAD", "VMWRITE"])
@pytest.mark.parametrize("encoding", [0x6830, 0x0801, 0x1_6800, 1 << 40 | 0x6800, 0x7800, 0x2846])
def test_unsupported_field_fails_with_12(w, kind, encoding):
    w.root.regs[2] = encoding
    run(w, kind, memory=0, reg=2, rm=0)
    failed_with(w, 12)


def test_vmwrite_of_exit_information_fails_with_13(w):
    w.root.regs[2] = int(VMCS.EXIT_REASON)
    run(w, "VMWRITE", memory=0, reg=2, rm=0)
    failed_with(w, 13)


FIELDS = (
    "GUEST_RIP",
    "GUEST_CS_SELECTOR",
    "TSC_OFFSET",
    "GUEST_CS_LIMIT",
    "EXCEPTION_BITMAP",
    "GUEST_PHYSICAL_ADDRESS",
    "HOST_CR3",
)


@FEW
@given(st.sampled_from(FIELDS), st.booleans(), st.booleans(), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_vmread_and_vmwrite_move_what_the_width_says(name, high, memory, before, value):
    w, encoding = World(), int(getattr(VMCS, name))
    width = reference.field_width(encoding)
    high = high and encoding >> 13 & 3 == 1
    before &= (1 << width) - 1
    w.vmcs[name] = before
    w.root.regs[2], w.root.regs[0] = encoding + high, value
    run(w, "VMREAD", memory=memory, reg=2, rm=3)
    seen = w.word(DATA) if memory else int(w.root.regs[3])
    assert status(w) == 0 and seen == (before >> 32 if high else before)
    if encoding >> 10 & 3 == 1:
        return
    run(w, "VMWRITE", value, memory=memory, reg=2, rm=0)
    after = before & 0xFFFF_FFFF | (value & 0xFFFF_FFFF) << 32 if high else value & ((1 << width) - 1)
    assert status(w) == 0 and w.vmcs[name] == after


def test_vmread_outside_64_bit_mode_moves_32_bits(w):
    w.root.efer, w.root.seg[3 * 1 + 2] = 0, 0xC09B00 << 32 | 0xFFFF_FFFF
    w.vmcs.guest_rip, w.root.regs[2], w.root.regs[3] = (
        0x1234_5678_9ABC,
        0xFFFF_0000_0000 + int(VMCS.GUEST_RIP),
        int(ALL_ONES),
    )
    run(w, "VMREAD", memory=0, reg=2, rm=3)
    assert status(w) == 0 and w.root.regs[3] == 0x5678_9ABC


def test_vmread_to_a_page_that_is_not_present_faults_and_keeps_flags(w):
    w.root.regs[2], w.root.cc_src = int(VMCS.GUEST_RIP), CF
    assert run(w, "VMREAD", reg=2, displacement=0x4000_0000) == RESULT.FAULT
    assert w.c.fault == FAULT.EXCEPTION and w.c.fault_vector == VECTOR.PF and status(w) == CF


def test_launch_after_mov_ss_fails_with_26(w):
    w.c.interruptibility = 2
    run(w, "VMLAUNCH")
    failed_with(w, 26)


@pytest.mark.parametrize("kind, state, number", [("VMLAUNCH", 1, 4), ("VMRESUME", 0, 5)])
def test_wrong_launch_state_fails(w, kind, state, number):
    w.ram[VMCS_REGION // 8 + 1] = state
    run(w, kind)
    failed_with(w, number)


def test_invalid_control_fails_with_7_and_invalid_host_state_with_8(w):
    w.vmcs.exit_msr_load_count, w.vmcs.exit_msr_load_address = 1, 0x123
    run(w, "VMLAUNCH")
    failed_with(w, 7)
    w.vmcs.exit_msr_load_count, w.vmcs.host_cs_selector = 0, 3
    run(w, "VMLAUNCH")
    failed_with(w, 8)
    assert w.c.env == w.c.root_env and w.c.vmx_mode == MODE.ROOT and w.word(VMCS_REGION + 8) == 0


def test_launch_enters_and_marks_the_vmcs_as_launched(w):
    assert run(w, "VMLAUNCH") == RESULT.ENTER
    assert w.c.vmx_mode == MODE.NONROOT and w.c.env == w.c.guest_env and w.word(VMCS_REGION + 8) == 1


def test_invalid_guest_state_ends_at_host_rip_and_stays_clear(w):
    w.vmcs.guest_rflags = 0
    assert run(w, "VMLAUNCH") == RESULT.EXIT
    assert w.vmcs.exit_reason == 1 << 31 | 33 and w.root.rip == w.vmcs.host_rip and w.word(VMCS_REGION + 8) == 0


@pytest.mark.parametrize(
    "kind, descriptor", [(0, 0x1E), (3, 0x1E), (1 << 32 | 1, 0x1E), (1, 0x1D), (1, 0x16), (1, 1 << 39 | 0x1E)]
)
def test_bad_invept_operand_fails_with_28(w, kind, descriptor):
    w.root.regs[1] = kind
    run(w, "INVEPT", descriptor, reg=1)
    failed_with(w, 28)


@pytest.mark.parametrize(
    "kind, vpid, address", [(4, 1, 0), (0, 0, 0), (1, 0, 0), (3, 0, 0), (1, 0x1_0001, 0), (0, 1, 1 << 56)]
)
def test_bad_invvpid_operand_fails_with_28(w, kind, vpid, address):
    w.root.regs[1] = kind
    w.put(DATA + 8, address)
    run(w, "INVVPID", vpid, reg=1)
    failed_with(w, 28)


@pytest.mark.parametrize(
    "name, kind, first, second",
    [
        ("INVEPT", 1, 0x1E, 0),
        ("INVEPT", 2, 0, 0),
        ("INVVPID", 0, 1, 1 << 55),
        ("INVVPID", 1, 1, 0),
        ("INVVPID", 2, 0, 0),
        ("INVVPID", 3, 0xFFFF, 1 << 47),
    ],
)
def test_good_invalidation_succeeds(w, name, kind, first, second):
    w.root.regs[1] = kind
    w.put(DATA + 8, second)
    assert run(w, name, first, reg=1) == RESULT.NEXT and status(w) == 0


def test_vmwrite_of_a_checked_field_forgets_the_verdict_and_of_rip_does_not(w):
    w.c.entry_valid_key = 1
    assert vmx.write_field(w.c, VMCS.GUEST_RIP, U64(5)) == 0 and w.c.entry_valid_key == 1
    assert vmx.write_field(w.c, VMCS.HOST_CR3, U64(0)) == 0 and w.c.entry_valid_key == 0
    assert np.all(w.c.entry_keys == 0)
