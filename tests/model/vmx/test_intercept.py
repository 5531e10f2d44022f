"""What exits from non-root operation, what the exit reports, and what the VMCS changes about instructions that do not."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from emu.bits import U64
from emu.model.vmx import intercept
from emu.spec import intercept as table
from emu.spec.cpu import CR0, CR4, RFLAGS, SEG, VECTOR
from emu.spec.insn import INSN
from emu.spec.outcome import FAULT, MODE
from emu.spec.vmx import PROC, PROC2, REASON
from tests.model.vmx.vmx_world import DATA, IO_BITMAP, MSR_BITMAP, TSS, guest
from tests.reference import vmx as reference

FEW = settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
WORDS = st.integers(0, 2**64 - 1)
RCX, RDX, RSI, RDI = 1, 2, 6, 7


@pytest.fixture
def w():
    return guest()


def exits(w, kind, **given):
    """Return (reason, qualification) of the exit of one instruction, or None; compiled and plain."""
    w.instruction_of(getattr(INSN, kind) if isinstance(kind, str) else kind, **given)
    if not w.both(intercept.check, w.insn):
        return None
    assert w.c.fault == FAULT.EXIT and w.c.fault_length == 4
    return int(w.c.fault_vector), int(w.c.fault_qualification)


def spoil(w, guard):
    """Bring the guest to a state in which `guard` refuses."""
    e = w.guest
    if guard in (table.GUARD.VMX, table.GUARD.CPL0_PROTECTED, table.GUARD.UMIP_PROTECTED):
        e.eflags |= RFLAGS.VM
    e.hflags |= 3
    e.cr[4] |= CR4.TSD | CR4.UMIP
    e.cr[4] &= ~(CR4.SMXE | CR4.PCE)


SIMPLE = [name for name, row in table.ROWS.items() if row[1] != table.WORD.CASE]
GUARDED = [name for name in SIMPLE if table.ROWS[name][3] != table.GUARD.NONE]


def enabled(w, name):
    """Set the control that makes an instruction exit, and what enables it."""
    row = table.ROWS[name]
    if row[1] == table.WORD.PROC:
        w.c.proc |= row[2]
    elif row[1] == table.WORD.PROC2:
        w.c.proc2 |= row[2]
    w.c.proc2 |= table.ENABLES.get(name, 0)
    w.guest.cr[4] |= CR4.OSXSAVE | CR4.SMXE


@pytest.mark.parametrize("name", SIMPLE)
def test_instruction_exits_by_its_control(w, name):
    enabled(w, name)
    reason, _ = exits(w, name)
    assert reason == table.ROWS[name][0]


@pytest.mark.parametrize("name", [n for n in SIMPLE if table.ROWS[n][1] in (table.WORD.PROC, table.WORD.PROC2)])
def test_instruction_without_its_control_does_not_exit(w, name):
    enabled(w, name)
    w.c.proc &= ~(PROC.HLT | PROC.INVLPG | PROC.MONITOR | PROC.MWAIT | PROC.PAUSE | PROC.RDPMC | PROC.RDTSC)
    w.c.proc2 &= table.ENABLES.get(name, 0)
    assert exits(w, name) is None


@pytest.mark.parametrize("name", GUARDED)
def test_fault_comes_before_the_exit(w, name):
    enabled(w, name)
    spoil(w, table.ROWS[name][3])
    assert exits(w, name) is None


def test_vmcall_exits_in_compatibility_mode_at_privilege_3(w):
    w.guest.seg[3 + 2] = 0xC09B00 << 32 | 0xFFFF_FFFF
    w.guest.hflags |= 3
    assert exits(w, "VMCALL") == (REASON.VMCALL, 0)


@pytest.mark.parametrize("name", list(table.ENABLES))
def test_disabled_instruction_is_undefined(w, name):
    w.instruction_of(getattr(INSN, name))
    assert w.both(intercept.check, w.insn)
    assert w.c.fault == FAULT.EXCEPTION and w.c.fault_vector == VECTOR.UD


# ---- control and debug registers
@FEW
@given(
    st.sampled_from([0, 2, 3, 4, 8]),
    WORDS,
    WORDS,
    WORDS,
    st.lists(WORDS, max_size=4),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_mov_to_cr_exits_as_the_manual_says(number, value, mask, shadow, targets, load_3, load_8, same, hit):
    w = guest(proc=(PROC.CR3_LOAD if load_3 else 0) | (PROC.CR8_LOAD if load_8 else 0))
    value = shadow if same else targets[-1] if hit and targets else value
    for name in ("CR0", "CR4"):
        w.vmcs[f"{name}_MASK"], w.vmcs[f"{name}_READ_SHADOW"] = mask, shadow
    w.vmcs.cr3_target_count = len(targets)
    for n, target in enumerate(targets):
        w.vmcs[f"CR3_TARGET_{n}"] = target
    w.guest.regs[9] = value
    found = exits(w, "MOV_TO_CR", reg=number, rm=9, memory=0)
    wanted = reference.mov_to_cr_exits(number, value, mask, shadow, targets, load_3, load_8)
    assert found == ((REASON.CR_ACCESS, number | 9 << 8) if wanted else None)


@pytest.mark.parametrize("number, control", [(3, PROC.CR3_STORE), (8, PROC.CR8_STORE)])
def test_mov_from_cr_exits_by_its_control(w, number, control):
    w.c.proc = control
    assert exits(w, "MOV_FROM_CR", reg=number, rm=5, memory=0) == (28, number | 1 << 4 | 5 << 8)
    assert exits(w, "MOV_FROM_CR", reg=0, rm=5, memory=0) is None
    w.c.proc = 0
    assert exits(w, "MOV_FROM_CR", reg=number, rm=5, memory=0) is None


@pytest.mark.parametrize("mask, shadow, wanted", [(8, 8, (28, 0x20)), (8, 0, None), (0, 8, None)])
def test_clts_exits_when_the_host_owns_ts_and_shows_1(w, mask, shadow, wanted):
    w.vmcs.cr0_mask, w.vmcs.cr0_read_shadow = mask, shadow
    assert exits(w, "CLTS", memory=0) == wanted
    assert bool(w.both(intercept.clts_changes)) == (mask == 0)


@FEW
@given(st.integers(0, 0xFFFF), st.integers(0, 31), st.integers(0, 31), st.booleans())
def test_lmsw_exits_as_the_manual_says(source, mask, shadow, memory):
    w = guest()
    w.vmcs.cr0_mask, w.vmcs.cr0_read_shadow, w.guest.regs[1] = mask, shadow, source | 0xABCD << 16
    w.put(DATA, source, 2)
    found = exits(w, "LMSW", rm=1, memory=memory)
    assert found == ((28, 3 << 4 | memory << 6 | source << 16) if reference.lmsw_exits(source, mask, shadow) else None)
    assert found is None or not memory or w.vmcs.guest_linear_address == DATA


def test_lmsw_operand_fault_comes_before_the_exit(w):
    w.vmcs.cr0_mask = w.vmcs.cr0_read_shadow = 0xF
    assert exits(w, "LMSW", displacement=0x4000_0000) is None


def test_mov_dr_exits_even_at_privilege_3(w):
    w.guest.hflags |= 3
    assert exits(w, "MOV_TO_DR", reg=5, rm=4, memory=0) is None
    w.c.proc |= PROC.MOV_DR
    assert exits(w, "MOV_TO_DR", reg=5, rm=4, memory=0) == (29, 5 | 4 << 8)
    assert exits(w, "MOV_FROM_DR", reg=7, rm=15, memory=0) == (29, 7 | 1 << 4 | 15 << 8)
    assert exits(w, "MOV_FROM_DR", reg=8, rm=15, memory=0) is None


@FEW
@given(WORDS, WORDS, WORDS, WORDS)
def test_host_bits_are_seen_from_the_shadow_and_kept_when_written(mask, shadow, real, value):
    w = guest()
    for n, seen, to_write in (
        (0, intercept.cr0_seen, intercept.cr0_to_write),
        (4, intercept.cr4_seen, intercept.cr4_to_write),
    ):
        w.vmcs[f"CR{n}_MASK"], w.vmcs[f"CR{n}_READ_SHADOW"], w.guest.cr[n] = mask, shadow, real
        assert w.both(seen) == shadow & mask | real & ~mask
        assert w.both(to_write, U64(value)) == value & ~mask | real & mask
        w.c.vmx_mode = MODE.ROOT
        assert w.both(seen) == real and w.both(to_write, U64(value)) == value
        w.c.vmx_mode = MODE.NONROOT


# ---- I/O and MSRs
@FEW
@given(
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(0, 0xFFFF), max_size=6),
    st.integers(0, 0xFFFF),
    st.sampled_from([1, 2, 4]),
    st.sampled_from(["IN_IMM", "OUT_IMM", "IN_DX", "OUT_DX", "INS", "OUTS"]),
    st.integers(-4, 4),
    st.booleans(),
)
def test_io_exits_as_the_manual_says(bitmaps, unconditional, ports, port, size, kind, near, rep):
    w = guest(proc=(PROC.IO_BITMAPS if bitmaps else 0) | (PROC.IO if unconditional else 0))
    w.vmcs.io_bitmap_a, w.vmcs.io_bitmap_b = IO_BITMAP, IO_BITMAP + 0x1000
    port = min(max(ports[0] + near, 0), 0xFFFF) if ports and near else port
    immediate, string = kind.endswith("IMM"), kind in ("INS", "OUTS")
    port = port & 0xFF if immediate else port
    memory = w.memory_of()
    for p in ports:
        memory[IO_BITMAP + p // 8] |= 1 << p % 8
    w.guest.regs[RDX], w.guest.regs[RCX], w.guest.regs[RSI], w.guest.regs[RDI] = port | 0x5_0000, 3, 0x600, 0x700
    w.vmcs.guest_gs_base = 0
    w.guest.seg[3 * int(SEG.GS) + 1] = 0x1_0000_0000
    rep = rep and string
    found = exits(
        w, kind, operand_size=size, immediate=port if immediate else 0, memory=0, rep=0xF3 if rep else 0, segment=SEG.GS
    )
    if not reference.io_exits(bitmaps, unconditional, memory[IO_BITMAP : IO_BITMAP + 0x2000], port, size):
        assert found is None
        return
    into = kind in ("IN_IMM", "IN_DX", "INS")
    assert found == (30, size - 1 | into << 3 | string << 4 | rep << 5 | immediate << 6 | port << 16)
    if string:
        assert w.vmcs.exit_instruction_info == 2 << 7 | (0 if into else int(SEG.GS) << 15)
        assert w.vmcs.guest_linear_address == (0x700 if into else 0x1_0000_0600)


def test_rep_io_with_count_0_does_not_exit(w):
    w.c.proc, w.guest.regs[RCX] = PROC.IO, 0
    assert exits(w, "INS", operand_size=1, memory=0, rep=0xF3) is None
    assert exits(w, "INS", operand_size=1, memory=0) is not None


def io_permission(w, offset, bit):
    """Give the guest a TSS whose I/O map at `offset` has `bit` for port 0x60, and run it at privilege 3."""
    w.c.proc = PROC.IO
    w.guest.hflags |= 3
    w.guest.seg[3 * int(SEG.TR) + 2] = 0x8B00 << 32 | 0x2067
    w.put(TSS + 0x66, offset, 2)
    w.put(TSS + offset + 0x60 // 8, bit | 0xFE, 1)
    return exits(w, "IN_DX", operand_size=1, memory=0)


def test_io_permission_fault_comes_before_the_exit(w):
    w.guest.regs[RDX] = 0x60
    assert io_permission(w, 0x68, 1) is None
    assert io_permission(w, 0x68, 0) == (30, 1 << 3 | 0x60 << 16)
    assert io_permission(w, 0x2068, 0) is None
    w.guest.eflags |= RFLAGS.IOPL
    assert io_permission(w, 0x2068, 0) == (30, 1 << 3 | 0x60 << 16)


MSRS = st.one_of(st.integers(0, 0x2010), st.integers(0xC000_0000, 0xC000_2010), st.integers(0, 2**32 - 1))


@FEW
@given(st.booleans(), MSRS, st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_msr_access_exits_as_the_manual_says(bitmaps, index, write, set_bit, high):
    w = guest(proc=PROC.MSR_BITMAPS if bitmaps else 0)
    w.vmcs.msr_bitmaps, w.guest.regs[RCX] = MSR_BITMAP, high << 32 | index
    memory = w.memory_of()
    if set_bit:
        memory[MSR_BITMAP + (index >> 31) * 0x400 + write * 0x800 + (index & 0x1FFF) // 8] = 1 << index % 8
    else:
        memory[MSR_BITMAP : MSR_BITMAP + 0x1000] = 0xFF
        memory[MSR_BITMAP + (index >> 31) * 0x400 + write * 0x800 + (index & 0x1FFF) // 8] = 0xFF ^ 1 << index % 8
    found = exits(w, "WRMSR" if write else "RDMSR", memory=0)
    wanted = reference.msr_exits(bitmaps, memory[MSR_BITMAP : MSR_BITMAP + 0x1000], index, write)
    assert found == ((31 + write, 0) if wanted else None)


# ---- what an exit reports
@FEW
@given(
    st.integers(0, 3),
    st.sampled_from([4, 8]),
    st.integers(0, 5),
    st.integers(0, 16),
    st.integers(0, 16),
    st.integers(0, 15),
    WORDS,
)
def test_memory_operand_is_reported(scale, size, segment, index, base, second, displacement):
    w = guest()
    details = dict(
        scale=scale, address_size=size, segment=segment, index_reg=index, base_reg=base, displacement=displacement
    )
    expected = reference.memory_information(
        scale, size, segment, None if index == 16 else index, None if base == 16 else base
    )
    truncated = displacement & (1 << 8 * size) - 1
    assert exits(w, "VMPTRLD", **details) == (21, truncated)
    assert w.vmcs.exit_instruction_info == expected
    assert exits(w, "INVEPT", reg=second, **details) == (50, truncated)
    assert w.vmcs.exit_instruction_info == expected | second << 28


def test_rip_relative_displacement_has_rip_added(w):
    w.guest.rip = 0x1000
    assert exits(w, "VMCLEAR", base_reg=17, displacement=(1 << 64) - 0x10) == (19, 0x1004 - 0x10)
    assert w.vmcs.exit_instruction_info & 1 << 27


def test_vmread_register_form_is_reported(w):
    assert exits(w, "VMREAD", memory=0, rm=11, reg=2) == (23, 0)
    assert w.vmcs.exit_instruction_info & ~0x0FFF_F807 == 1 << 10 | 11 << 3 | 2 << 28


def test_descriptor_table_instructions_are_distinguished(w):
    w.c.proc2 |= PROC2.DESCRIPTOR_TABLE
    for name, reason, identity in (("SGDT", 46, 0), ("LIDT", 46, 3), ("SLDT", 47, 0), ("LTR", 47, 3)):
        assert exits(w, name, operand_size=8)[0] == reason
        assert w.vmcs.exit_instruction_info >> 28 == identity
    assert exits(w, "LGDT", operand_size=2)[0] == 46
    assert w.vmcs.exit_instruction_info >> 11 & 1 == 0


@pytest.mark.parametrize("size, code", [(2, 0), (4, 1), (8, 2)])
def test_rdrand_register_and_size_are_reported(w, size, code):
    w.c.proc2 |= PROC2.RDRAND
    assert exits(w, "RDRAND", memory=0, rm=12, operand_size=size) == (57, 0)
    assert w.vmcs.exit_instruction_info == 12 << 3 | code << 11


def test_invlpg_reports_its_linear_address_and_mwait_its_monitor(w):
    w.c.proc |= PROC.INVLPG | PROC.MWAIT
    w.guest.seg[3 * int(SEG.FS) + 1] = 0x7000_0000_0000
    assert exits(w, "INVLPG", segment=SEG.FS) == (14, 0x7000_0000_0000 + DATA)
    assert exits(w, "MWAIT", memory=0) == (36, 0)
    w.c.monitor_armed = 1
    assert exits(w, "MWAIT", memory=0) == (36, 1)


# ---- exceptions
@FEW
@given(
    st.sampled_from([0, 1, 3, 6, 8, 11, 13, 14, 14, 17, 21]),
    st.integers(0, 31),
    st.integers(0, 2**32 - 1),
    st.integers(0, 31),
    st.integers(0, 31),
)
def test_exception_exits_as_the_manual_says(vector, error, bitmap, mask, match):
    w = guest(exception_bitmap=bitmap, fault_address=0x1234_5678_9000, pending_debug=0x400F)
    w.vmcs.pfec_mask, w.vmcs.pfec_match = mask, match
    found = w.both(intercept.exception, U64(vector), U64(error))
    assert found == reference.exception_exits(vector, error, bitmap, mask, match)
    if found:
        coded = vector in (8, 11, 13, 14, 17, 21)
        assert w.c.fault_vector == 0 and w.c.fault_qualification == {14: 0x1234_5678_9000, 1: 0x400F}.get(vector, 0)
        assert w.vmcs.exit_interruption_info == 1 << 31 | coded << 11 | 3 << 8 | vector
        assert not coded or w.vmcs.exit_interruption_error_code == error


def test_exception_in_real_mode_has_no_error_code(w):
    w.c.exception_bitmap, w.guest.cr[0] = 1 << 13, w.guest.cr[0] & ~CR0.PE
    assert w.both(intercept.exception, VECTOR.GP, U64(0)) and w.vmcs.exit_interruption_info == 1 << 31 | 3 << 8 | 13


def test_int3_exits_as_a_software_exception(w):
    assert not w.both(intercept.software_exception, U64(6), VECTOR.BP)
    w.c.exception_bitmap = 1 << 3
    assert w.both(intercept.software_exception, U64(6), VECTOR.BP)
    assert w.vmcs.exit_interruption_info == 1 << 31 | 6 << 8 | 3
