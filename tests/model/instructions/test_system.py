"""System instructions: control registers against the reference, CPUID, named claims."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.instructions import control, miscellaneous
from emu.spec.cost import COST
from emu.spec.vmx import MWAIT
from emu.state import U64
from tests.model.system_world import (
    CODE,
    DATA,
    FAULT,
    GDT,
    GP,
    HALT,
    JUMP,
    NEXT,
    TSS,
    UD,
    World,
    descriptor_of,
    faults,
    memory,
    plain,
)
from tests.reference import system as reference

# ---- control registers ------------------------------------------------------------------------------------
cr0_bits = st.lists(st.sampled_from([0, 1, 2, 3, 5, 16, 18, 29, 30, 31, 31, 7, 40]), max_size=9).map(
    lambda n: sum({1 << b for b in n})
)
cr0_case = st.tuples(
    cr0_bits,
    st.sampled_from(["real", "protected", "long"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
)


def check_cr0(new, mode, lme, pae, code_l, tss_16, vmx):
    w = World(mode)
    e = w.e
    if mode != "long":
        e.efer, e.cr[4] = 0x100 if lme else 0, 0x20 if pae else 0
        if code_l:
            w.segment("CS", 8, 0, 0xFFFFFFFF, 0xA09B)
    elif not code_l:
        w.segment("CS", 8, 0, 0xFFFFFFFF, 0xC09B)
    if tss_16:
        w.segment("TR", 0x50, TSS, 0x67, 0x83)
    w.c.vmx_mode = 1 if vmx == 2 else 0
    w.e.cr[3] = 0x1000 if mode == "long" else 0x3000  # PDPTEs: all clear
    w.set(RAX=new)
    expected = reference.cr0(int(e.cr[0]), new, int(e.cr[4]), int(e.efer), code_l, not tss_16, vmx == 2)
    before = int(e.cr[0]), int(e.efer)
    got = w.execute("MOV_TO_CR", reg=0, rm=0, operand_size=8)
    if expected == "gp":
        assert got == FAULT and w.fault() == GP and (e.cr[0], e.efer) == before
    else:
        assert got == NEXT and (e.cr[0], e.efer) == expected


@given(cr0_case)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_mov_to_cr0_is_the_references(case):
    check_cr0(*case)


@given(cr0_case)
@settings(deadline=None, max_examples=30, derandomize=True)
def test_mov_to_cr0_as_plain_python(case):
    with plain():
        check_cr0(*case)


@given(
    st.lists(st.sampled_from([0, 2, 4, 5, 5, 7, 9, 10, 11, 12, 13, 17, 18, 20, 21, 22, 33]), max_size=8),
    st.booleans(),
    st.sampled_from(["protected", "long"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_mov_to_cr4_is_the_references(bits, pcid, mode, vmx):
    w, new = World(mode), sum({1 << b for b in bits})
    e = w.e
    e.cr[3] = int(e.cr[3]) | pcid
    w.c.vmx_mode = int(vmx)
    w.set(RAX=new)
    old = int(e.cr[4])
    expected = reference.cr4(old, new, int(e.cr[3]), int(e.efer), vmx)
    got = w.execute("MOV_TO_CR", reg=4, rm=0, operand_size=8)
    assert (got, e.cr[4]) == ((FAULT, old) if expected == "gp" else (NEXT, expected))


def test_mov_to_cr3_checks_reserved_bits_and_strips_bit_63_with_pcide():
    w = World("long")
    w.set(RAX=1 << 63 | 0x1000)
    faults(w, GP, "MOV_TO_CR", reg=3, operand_size=8)
    w.e.cr[4] = int(w.e.cr[4]) | 1 << 17
    assert w.execute("MOV_TO_CR", reg=3, operand_size=8) == NEXT and w.e.cr[3] == 0x1000
    w.set(RAX=1 << 39)
    faults(w, GP, "MOV_TO_CR", reg=3, operand_size=8)


def test_pae_paging_loads_pdptes_and_refuses_reserved_bits():
    w = World("protected")
    w.put(0x3000, 0x4001)
    w.put(0x3018, 0x5001)
    w.e.cr[3], w.e.cr[4] = 0x3000, 0x20
    w.set(RAX=0x80000011)
    assert w.execute("MOV_TO_CR", reg=0) == NEXT
    assert list(w.c.pdpte) == [0x4001, 0, 0, 0x5001]
    w.put(0x3FE0, 0x4003)
    w.set(RAX=0x3FE0)
    w.e.cr[0] = 0x80000011
    w.e.cr[3] = 0x3000
    c = w.c.copy()
    assert control.set_cr3(w.c, w.e, U64(0x3FE0)) == FAULT
    assert w.fault() == GP and w.e.cr[3] == 0x3000 and list(w.c.pdpte) == list(c.pdpte)


@pytest.mark.parametrize("number", [1, 5, 6, 7, 9, 15])
def test_control_register_that_does_not_exist_is_undefined_before_privilege(number):
    faults(World("long", 3), UD, "MOV_TO_CR", reg=number)
    faults(World("long", 0), UD, "MOV_FROM_CR", reg=number)


def test_cr8_is_the_task_priority():
    w = World("long")
    w.set(RAX=5)
    assert w.execute("MOV_TO_CR", reg=8, operand_size=8) == NEXT and w.apics[0].tpr == 0x50
    assert w.execute("MOV_FROM_CR", reg=8, rm=3, operand_size=8) == NEXT and w.register("RBX") == 5
    w.set(RAX=16)
    faults(w, GP, "MOV_TO_CR", reg=8, operand_size=8)


def test_lmsw_sets_pe_but_cannot_clear_it():
    w = World("real")
    w.set(RAX=0xFFFB)
    assert w.execute("LMSW", mod=3, rm=0) == NEXT and w.e.cr[0] == 0x1B
    w.set(RAX=0)
    assert w.execute("LMSW", mod=3, rm=0) == NEXT and w.e.cr[0] == 0x11


def test_clts_and_smsw():
    w = World("protected")
    w.e.cr[0] = 0x19
    assert w.execute("CLTS") == NEXT and w.e.cr[0] == 0x11
    assert w.execute("SMSW", rm=3) == NEXT and w.register("RBX") == 0x11
    faults(World("protected", 3), GP, "CLTS")


def test_lock_prefix_is_undefined():
    faults(World("long"), UD, "MOV_TO_CR", lock=1)


# ---- debug registers --------------------------------------------------------------------------------------
def test_dr4_is_dr6_unless_debugging_extensions():
    w = World("long")
    assert w.execute("MOV_FROM_DR", reg=4, rm=0, operand_size=8) == NEXT and w.register("RAX") == 0xFFFF_0FF0
    w.e.cr[4] = int(w.e.cr[4]) | 8
    faults(w, UD, "MOV_FROM_DR", reg=4)


def test_general_detect_raises_debug_with_bd():
    w = World("long")
    w.e.dr[7] = 0x2400
    assert w.execute("MOV_TO_DR", reg=0) == FAULT and w.fault() == ("exception", 1, 0)
    assert w.c.pending_debug == 1 << 13


def test_debug_status_and_control_have_fixed_bits():
    w = World("long")
    w.set(RAX=0xFFFF_FFFF)
    assert w.execute("MOV_TO_DR", reg=6, operand_size=8) == NEXT and w.e.dr[6] == 0xFFFF_EFFF
    w.set(RAX=0)
    assert w.execute("MOV_TO_DR", reg=7, operand_size=8) == NEXT and w.e.dr[7] == 0x400
    w.set(RAX=1 << 32)
    faults(w, GP, "MOV_TO_DR", reg=7, operand_size=8)


# ---- CPUID ------------------------------------------------------------------------------------------------
def cpuid(w, leaf, subleaf=0):
    w.set(RAX=leaf, RCX=subleaf)
    assert w.execute("CPUID") == NEXT
    return tuple(w.register(name) for name in ("RAX", "RBX", "RCX", "RDX"))


def text(*words):
    return b"".join(word.to_bytes(4, "little") for word in words).rstrip(b"\0").decode()


def test_cpuid_names_the_vendor_and_the_processor():
    w = World("long")
    a, b, third, d = cpuid(w, 0)
    assert (a, text(b, d, third)) == (0x16, "GenuineIntel")
    assert text(*sum((cpuid(w, 0x80000002 + n) for n in range(3)), ())) == "hvlab virtual processor"


def test_cpuid_follows_the_state():
    w = World("long")
    assert not cpuid(w, 1)[2] & 1 << 27
    w.e.cr[4] = int(w.e.cr[4]) | 1 << 18
    assert cpuid(w, 1)[2] & 1 << 27
    w.c.apic_base = 0xFEE00000
    assert not cpuid(w, 1)[3] & 1 << 9
    assert cpuid(w, 0x80000001)[3] & 1 << 11
    assert not cpuid(World("protected"), 0x80000001)[3] & 1 << 11


@pytest.mark.parametrize("bit,leaf,register,flag", [(18, 1, 2, 1 << 3), (34, 0x80000001, 3, 1 << 20)])
def test_cpuid_follows_misc_enable(bit, leaf, register, flag):
    """MONITOR shows while its enable is 1, execute disable while XD Bit Disable is 0; nothing else of the leaf changes."""
    w, seen = World("long"), []
    for value in (0, 1 << bit):
        w.c.misc_enable = value
        seen.append(cpuid(w, leaf))
    assert [each[register] & flag for each in seen] == ([0, flag] if bit == 18 else [flag, 0])
    assert seen[0][register] ^ seen[1][register] == flag and seen[0][:register] == seen[1][:register]


def test_cpuid_reports_the_width_of_physical_addresses_in_one_leaf_only():
    w, seen = World("long"), []
    for bits in (36, 39, 46):
        w.m.address_mask = (1 << bits) - 1
        seen.append([cpuid(w, leaf) for leaf in (0, 0x80000000, 0x80000007, 0x80000008)])
    assert [each[3][0] for each in seen] == [0x3924, 0x3927, 0x392E]
    assert seen[0][:3] == seen[1][:3] == seen[2][:3]


@pytest.mark.parametrize("count,bits", [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3)])
def test_cpuid_reports_how_many_processors_share_a_cache(count, bits):
    w = World("long")
    w.m.cpu_count = count
    cores = (1 << bits) - 1
    assert [(a >> 26, a >> 14 & 0xFFF) for a, *_ in (cpuid(w, 4, n) for n in range(4))] == [(cores, 0)] * 3 + [(cores, cores)]
    assert (cpuid(w, 4, 4), cpuid(w, 0xB, 1)[:2]) == ((0, 0, 0, 0), (bits, count))
    assert (cpuid(w, 1)[1] >> 16 & 0xFF, bool(cpuid(w, 1)[3] & 1 << 28)) == ((1 << bits, True) if count > 1 else (0, False))


@pytest.mark.parametrize("subleaf", [0, 1, 2, 0xFE, 0x1_03])
def test_cpuid_topology_repeats_the_low_byte_of_its_subleaf(subleaf):
    assert cpuid(World("long"), 0xB, subleaf)[2] & 0xFF == subleaf & 0xFF


def test_cpuid_limited_to_two_leaves():
    w = World("long")
    second, extended = cpuid(w, 2), cpuid(w, 0x80000001)
    w.c.misc_enable = 1 << 22
    assert cpuid(w, 0)[0] == 2
    assert cpuid(w, 4) == cpuid(w, 0x16) == second and cpuid(w, 0x80000001) == extended


def test_cpuid_beyond_the_last_leaf_gives_the_highest_basic_leaf():
    w = World("long")
    assert cpuid(w, 0x4000_0000) == cpuid(w, 0x16) == cpuid(w, 0x17) == (1000, 1000, 100, 0)
    assert cpuid(w, 4, 9) == (0, 0, 0, 0)


def test_cpuid_reports_topology_and_frequency():
    w = World("long")
    w.m.cpu_count, w.c.id, w.m.cpus[3] = 4, 3, w.m.cpus[0]
    assert cpuid(w, 0xB, 0) == (0, 1, 0x100, 3)
    assert cpuid(w, 0xB, 1) == (2, 4, 0x201, 3)
    assert cpuid(w, 0xB, 2) == (0, 0, 2, 3)
    assert cpuid(w, 1)[1] >> 16 == 0x304
    assert cpuid(w, 0x15) == (1, 1, 1_000_000_000, 0)
    with plain():
        assert cpuid(w, 0xB, 1) == (2, 4, 0x201, 3)


# ---- the rest ---------------------------------------------------------------------------------------------
def test_privileged_instructions_at_user_level_are_general_protection():
    for kind in (
        "HLT",
        "RDMSR",
        "WRMSR",
        "INVD",
        "WBINVD",
        "INVLPG",
        "INVPCID",
        "MOV_TO_CR",
        "MOV_FROM_CR",
        "MOV_TO_DR",
        "LMSW",
        "LLDT",
        "LTR",
        "LGDT",
        "LIDT",
        "RDPMC",
    ):
        faults(World("long", 3), GP, kind)


def test_hlt_halts_and_leaves_rip():
    w = World("long")
    assert w.execute("HLT") == HALT and w.c.activity == 1 and w.e.rip == CODE


def test_rdtsc_counts_cycles_with_offset():
    w = World("long")
    w.c.cycles, w.c.tsc_offset = 0x1_0000_0000, 5
    assert w.execute("RDTSC") == NEXT
    assert (w.register("RDX"), w.register("RAX")) == (1, 5 + 25)
    w = World("long", 3)
    w.e.cr[4] = int(w.e.cr[4]) | 4
    faults(w, GP, "RDTSC")


def test_rdtsc_in_non_root_operation_has_the_guests_offset():
    w = World("long")
    w.nonroot()
    w.c.cycles, w.c.tsc_guest_offset = 100, 1000
    w.execute("RDTSC")
    assert w.register("RAX") == 125
    w.c.proc = 8
    w.execute("RDTSC")
    assert w.register("RAX") == 1150
    w.set(RCX=0x10)
    w.execute("RDMSR")
    assert w.register("RAX") == 1150
    faults(w, UD, "RDTSCP")


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_scale_is_the_middle_of_the_product(value, multiplier):
    expected = value * multiplier >> 48 & (1 << 64) - 1
    assert miscellaneous.scale(U64(value), U64(multiplier)) == expected
    with plain():
        assert miscellaneous.scale(U64(value), U64(multiplier)) == expected


def test_rdrand_gives_the_same_numbers_for_the_same_seed():
    numbers = []
    for seed in (1, 1, 2):
        w = World("long")
        w.m.seed = seed
        w.execute("RDRAND", rm=0, operand_size=8)
        first = w.register("RAX")
        w.execute("RDSEED", rm=0, operand_size=8)
        numbers.append((first, w.register("RAX")))
        assert w.e.cc_src == 1
    assert numbers[0] == numbers[1] != numbers[2] and numbers[0][0] != numbers[0][1]


def test_xsetbv_accepts_x87_and_sse_only():
    w = World("long")
    w.set(RAX=3)
    faults(w, UD, "XSETBV")
    w.e.cr[4] = int(w.e.cr[4]) | 1 << 18
    assert w.execute("XSETBV") == NEXT and w.e.xcr0 == 3
    assert w.execute("XGETBV") == NEXT and w.register("RAX") == 3
    for value in (2, 7, 0):
        w.set(RAX=value)
        faults(w, GP, "XSETBV")


def test_invpcid_checks_type_and_descriptor():
    w = World("long")
    fields = dict(reg=0, operand_size=8, **memory(DATA))
    for kind in range(4):
        w.set(RAX=kind)
        assert w.execute("INVPCID", **fields) == NEXT
    w.set(RAX=4)
    faults(w, GP, "INVPCID", **fields)
    w.put(DATA, 1)
    w.set(RAX=1)
    faults(w, GP, "INVPCID", **fields)
    w.e.cr[4] = int(w.e.cr[4]) | 1 << 17
    assert w.execute("INVPCID", **fields) == NEXT
    w.put(DATA, 0x1000)
    faults(w, GP, "INVPCID", **fields)


@pytest.mark.parametrize("address", [1 << 30, (1 << 30) - 8])
def test_invpcid_faults_in_either_half_of_its_descriptor(address):
    """The first gigabyte is mapped; a fault comes before the checks of what the descriptor says."""
    w = World("long")
    w.set(RAX=9)
    faults(w, ("exception", 14, 0, 1 << 30), "INVPCID", reg=0, operand_size=8, **memory(address))


def test_monitor_and_mwait_depend_on_misc_enable():
    w = World("long")
    w.set(RAX=DATA)
    assert w.execute("MONITOR") == NEXT and (w.c.monitor_armed, w.c.monitor_address) == (1, DATA)
    assert w.execute("MWAIT") == HALT and w.c.activity == MWAIT
    w.c.monitor_armed, w.c.activity = 0, 0                # a store has reached the line
    assert w.execute("MWAIT") == NEXT and w.c.activity == 0
    w.set(RCX=2)
    faults(w, GP, "MWAIT")
    w.c.misc_enable = 0
    faults(w, UD, "MONITOR")


def test_segment_base_instructions():
    w = World("long", 3)
    faults(w, UD, "RDFSBASE")
    w.e.cr[4] = int(w.e.cr[4]) | 1 << 16
    w.set(RAX=0x1234_5678_9ABC)
    assert w.execute("WRGSBASE", rm=0, operand_size=8) == NEXT and w.e.seg[16] == 0x1234_5678_9ABC
    assert w.execute("RDGSBASE", rm=3, operand_size=4) == NEXT and w.register("RBX") == 0x5678_9ABC
    w.set(RAX=0x8000_0000_0000)
    faults(w, GP, "WRFSBASE", rm=0, operand_size=8)
    w.e.cr[4] = int(w.e.cr[4]) | 1 << 12
    assert w.execute("WRFSBASE", rm=0, operand_size=8) == NEXT and w.e.seg[13] == 0x8000_0000_0000
    w.set(RAX=1 << 56)
    faults(w, GP, "WRFSBASE", rm=0, operand_size=8)


@pytest.mark.parametrize(
    "kind, cost, registers, fields",
    [
        ("CPUID", COST.CPUID, {}, {}),
        ("RDMSR", COST.MSR, dict(RCX=0x10), {}),
        ("WRMSR", COST.MSR, dict(RCX=0x277), {}),
        ("RDTSC", COST.TSC, {}, {}),
        ("RDTSCP", COST.TSC, {}, {}),
        ("PAUSE", COST.PAUSE, {}, {}),
        ("INVD", COST.SYSTEM, {}, {}),
        ("WBINVD", COST.SYSTEM, {}, {}),
        ("MWAIT", COST.SYSTEM, {}, {}),
        ("RDRAND", COST.SYSTEM, {}, {}),
        ("RDSEED", COST.SYSTEM, {}, {}),
        ("MOV_TO_CR", COST.CONTROL, dict(RAX=0x11), {}),
        ("MOV_TO_CR", COST.CONTROL, {}, dict(reg=3)),
        ("MOV_TO_DR", COST.CONTROL, {}, dict(reg=7)),
        ("LMSW", COST.CONTROL, dict(RAX=1), {}),
        ("INVLPG", COST.CONTROL, {}, memory(DATA)),
        ("INVPCID", COST.CONTROL, {}, memory(DATA)),
        ("LGDT", COST.CONTROL, {}, memory(DATA)),
        ("LIDT", COST.CONTROL, {}, memory(DATA)),
        ("LLDT", COST.CONTROL, {}, {}),
        ("LTR", COST.CONTROL, dict(RAX=0x50), {}),
        ("XSETBV", COST.CONTROL, dict(RAX=1), {}),
        ("IN_IMM", COST.DEVICE, {}, dict(immediate=0x60)),
        ("OUT_IMM", COST.DEVICE, {}, dict(immediate=0x60)),
        ("IN_DX", COST.DEVICE, dict(RDX=0x60), {}),
        ("OUT_DX", COST.DEVICE, dict(RDX=0x60), {}),
        ("INS", COST.DEVICE, dict(RDX=0x60, RDI=DATA), {}),
        ("OUTS", COST.DEVICE, dict(RDX=0x60, RSI=DATA), {}),
        ("SYSENTER", COST.SYSTEM, {}, {}),
        ("SYSEXIT", COST.SYSTEM, {}, {}),
    ],
)
def test_instruction_is_charged_its_cost(kind, cost, registers, fields):
    w = World("protected")
    w.e.cr[4] = int(w.e.cr[4]) | 1 << 18
    w.e.sysenter_cs = 8
    w.put(GDT + 0x50, descriptor_of(TSS, 0x67, 0x89, 0))
    w.set(**registers)
    assert w.execute(kind, **fields) in (NEXT, JUMP)
    assert w.c.cycles == cost


@pytest.mark.parametrize("kind, registers", [("SYSCALL", {}), ("SYSRET", dict(RCX=CODE, R11=2))])
def test_fast_system_call_is_charged_its_cost(kind, registers):
    w = World("long")
    w.set(**registers)
    assert w.execute(kind, operand_size=8) == JUMP
    assert w.c.cycles == COST.SYSTEM


@pytest.mark.parametrize("kind", ["MOV_TO_DR", "MOV_FROM_DR"])
@pytest.mark.parametrize("reg", range(8))
def test_general_detect_is_a_debug_exception_before_the_access(kind, reg):
    """SDM 3B, "General-Detect Exception Condition": DR7.GD; the handler finds DR6.BD.  What else is wrong comes first."""
    w = World("long")
    w.set(RAX=0x1234)
    w.e.dr[7] = 0x2400
    faults(w, ("exception", 1, 0), kind, reg=reg, operand_size=8)
    assert (w.c.pending_debug, w.c.fault_qualification, w.e.dr[7], w.register("RAX")) == (0x2000, 0x2000, 0x2400, 0x1234)
    w.e.cr[4] = int(w.e.cr[4]) | 8
    w.c.pending_debug = 0
    if reg in (4, 5):
        faults(w, UD, kind, reg=reg, operand_size=8)
    w = World("long", 3)
    w.e.dr[7] = 0x2400
    faults(w, GP, kind, reg=reg, operand_size=8)
    assert w.c.pending_debug == 0


def test_stac_and_clac():
    w = World("long")
    assert w.execute("STAC") == NEXT and w.e.eflags & 0x40000
    assert w.execute("CLAC") == NEXT and not w.e.eflags & 0x40000
    faults(World("long", 3), UD, "STAC")


def test_instruction_that_is_not_reported_is_undefined_and_one_of_the_engines_stops():
    for kind in ("NONE", "UD2", "XSAVES", "TPAUSE", "RDPKRU", "GETSEC", "RSM", "ENCLS", "VMMCALL"):
        faults(World("long"), UD, kind)
    w = World("long")
    assert w.execute("POPF") == FAULT and w.fault() == ("fault", 6)
