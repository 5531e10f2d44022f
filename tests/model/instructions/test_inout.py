"""IN, OUT, INS and OUTS: permission by the reference, one iteration a call."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.system_world import CODE, DATA, FAULT, GP, JUMP, NEXT, TSS, World, faults, plain
from tests.reference import system as reference

port_case = st.fixed_dictionaries(
    dict(
        cpl=st.sampled_from([0, 3]),
        iopl=st.integers(0, 3),
        vm=st.booleans(),
        limit=st.sampled_from([0x67, 0x66, 0x2067, 0x70, 0x6F]),
        at=st.sampled_from([0x68, 0x68, 0x60, 0xFFFF]),
        port=st.sampled_from([0, 7, 8, 0x3F, 0x40, 0x3F8, 0xFFFF]),
        size=st.sampled_from([1, 2, 4]),
        bits=st.integers(0, 0xFFFF),
    )
)


def check_port(k):
    level = 3 if k["vm"] else k["cpl"]
    w = World("protected", level)
    w.e.eflags = k["iopl"] << 12 | (0x20000 if k["vm"] else 0) | 2
    w.put(TSS + 0x66, k["at"], 2)
    w.segment("TR", 0x50, TSS, k["limit"], 0x8B)
    w.put(TSS + (k["at"] + k["port"] // 8 & 0x1FFF), k["bits"], 2)
    tss = bytes(w.ram.tobytes())[TSS : TSS + 0x3000]
    w.set(RDX=k["port"], RAX=0x12345678)
    got = w.execute("IN_DX", operand_size=k["size"])
    if reference.port_allowed(level, k["iopl"], k["vm"], True, tss, k["limit"], k["port"], k["size"]):
        mask = (1 << 8 * k["size"]) - 1
        value = k["port"] * 0x01010101 + k["size"] & mask
        assert got == NEXT and w.register("RAX") == (value if k["size"] == 4 else 0x12345678 & ~mask | value)
    else:
        assert got == FAULT and w.fault() == GP and w.c.chain[0] == 0


@given(port_case)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_port_permission_is_the_references(k):
    check_port(k)


@given(port_case)
@settings(deadline=None, max_examples=20, derandomize=True)
def test_port_permission_as_plain_python(k):
    with plain():
        check_port(k)


def test_out_reaches_the_device():
    w = World("long")
    w.set(RAX=0x1122_3344)
    assert w.execute("OUT_IMM", immediate=0xFFFF_FFFF_FFFF_FFF4, operand_size=4) == NEXT
    assert tuple(w.c.chain[1:4]) == (0xF4, 4, 0x11223344)


def test_repeated_ins_does_one_iteration_a_call():
    w = World("long")
    w.set(RCX=2, RDI=DATA, RDX=0x60)
    assert w.execute("INS", operand_size=2, rep=0xF3) == JUMP
    assert (w.register("RCX"), w.register("RDI"), w.get(DATA, 2), w.e.rip) == (1, DATA + 2, 0x6062, CODE)
    assert w.execute("INS", operand_size=2, rep=0xF3) == NEXT
    assert w.execute("INS", operand_size=2, rep=0xF3) == NEXT and w.c.chain[0] == 2


def test_ins_checks_its_destination_before_it_reads_the_port():
    w = World("long")
    w.set(RDI=0x4000_0000_0000, RDX=0x60)
    faults(w, ("exception", 14, 2, 0x4000_0000_0000), "INS", operand_size=1)
    assert w.c.chain[0] == 0


def test_outs_goes_down_with_the_direction_flag():
    w = World("long")
    w.e.df = -1
    w.put(DATA, 0xABCD, 2)
    w.set(RSI=DATA, RDX=0x3F8)
    assert w.execute("OUTS", operand_size=2) == NEXT
    assert w.register("RSI") == DATA - 2 and tuple(w.c.chain[1:4]) == (0x3F8, 2, 0xABCD)
