"""Operand access against plain integers: addresses, registers, segment checks, memory."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.bits import name_of
from emu.model import cpu
from emu.model.processor import operand
from emu.model.processor.decode import decode
from emu.spec.cpu import CR0, CR4, EFER, SEG, VECTOR
from emu.spec.outcome import FAULT
from emu.state import CPU, ENV, INSN, MACHINE, TLB
from tests.reference import operand as reference

U64 = np.uint64
QUICK = settings(deadline=None, max_examples=150, derandomize=True)
RAM_BYTES = 1 << 20
WORD = st.integers(0, 2**64 - 1)
DATA, CODE_64, CODE_32 = 0x0093 << 8, 0xA09B << 8, 0xC09B << 8


class Bench:
    """One processor with paging off and a megabyte of RAM."""

    def __init__(self):
        self.cpu, self.env, self.insn = np.zeros(1, CPU), np.zeros(1, ENV), np.zeros(1, INSN)
        self.machine, self.tlb = np.zeros(1, MACHINE), np.zeros(1, TLB)
        self.ram, self.ledger = np.zeros(RAM_BYTES // 8, U64), np.zeros(RAM_BYTES // 4096, U64)
        m, c = self.machine[0], self.cpu[0]
        m.ram, m.ram_bytes, m.ledger = self.ram.ctypes.data, RAM_BYTES, self.ledger.ctypes.data
        m.address_mask = (1 << 39) - 1
        c.machine, c.env, c.tlb = self.machine.ctypes.data, self.env.ctypes.data, self.tlb.ctypes.data
        c.root_env = c.guest_env = c.env
        c.root_tlb = c.guest_tlb = c.tlb
        self.mode("long")

    def mode(self, mode):
        e = self.env[0]
        e.cr[0] = CR0.ET if mode == "real" else CR0.ET | CR0.PE
        e.efer = EFER.LMA | EFER.LME if mode == "long" else U64(0)
        code = {"real": DATA, "protected": CODE_32, "long": CODE_64}[mode]
        self.segment(SEG.CS, 0, 0xFFFF if mode == "real" else 0xFFFF_FFFF, code)
        for s in (SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS):
            self.segment(s, 0, 0xFFFF if mode == "real" else 0xFFFF_FFFF, DATA)
        return {"real": 16, "protected": 32, "long": 64}[mode]

    def segment(self, s, base, limit, attributes):
        cpu.set_segment.py_func(self.env[0], s, U64(8), U64(base), U64(limit), U64(attributes))

    def decode(self, text, mode=64):
        code = np.frombuffer(bytes.fromhex(text).ljust(16, b"\0"), np.uint8)
        assert decode(code, U64(15), U64(mode), self.insn[0])

    def fault(self):
        c = self.cpu[0]
        if c.fault == FAULT.NONE:
            return None
        assert (c.fault, c.fault_error) == (FAULT.EXCEPTION, 0)
        return name_of(VECTOR, c.fault_vector)


@pytest.fixture
def bench():
    return Bench()


def both(function, *arguments):
    """Return what the compiled kernel gives after checking that plain Python gives the same."""
    with np.errstate(over="ignore"):
        plain = function.py_func(*arguments)
    compiled = function(*arguments)
    assert compiled == plain
    return compiled


REGISTERS = st.lists(WORD, min_size=16, max_size=16)
OPERANDS = dict(registers=REGISTERS, rip=WORD, base=st.integers(0, 17), index=st.integers(0, 16),
                scale=st.integers(0, 3), displacement=st.integers(-2**31, 2**31 - 1), size=st.sampled_from((2, 4, 8)))


@given(**OPERANDS)
@QUICK
def test_effective_address(registers, rip, base, index, scale, displacement, size):
    bench = Bench()
    bench.env[0].regs[:] = np.array(registers, U64)
    bench.env[0].rip = rip
    insn = bench.insn[0]
    insn.length, insn.base_reg, insn.index_reg, insn.scale, insn.address_size = 7, base, index, scale, size
    insn.displacement = displacement % 2**64
    found = both(operand.offset, bench.cpu[0], insn)
    assert found == reference.effective(registers, rip, 7, base, index, scale, displacement, size)


@given(registers=REGISTERS, n=st.integers(0, 15), size=st.sampled_from((1, 2, 4, 8)), rex=st.booleans(), value=WORD)
@QUICK
def test_registers(registers, n, size, rex, value):
    rex = rex or n > 7                                                    # there is no R8 without REX
    bench = Bench()
    bench.insn[0].prefixes = operand.PREFIX.REX if rex else U64(0)
    for set_reg in (operand.set_reg, operand.set_reg.py_func):
        bench.env[0].regs[:] = np.array(registers, U64)
        found = both(operand.get_reg, bench.env[0], bench.insn[0], U64(n), U64(size))
        assert found == reference.register(registers, n, size, rex)
        set_reg(bench.env[0], bench.insn[0], U64(n), U64(size), U64(value))
        assert [int(r) for r in bench.env[0].regs] == reference.with_register(registers, n, size, rex, value)


@given(mode=st.sampled_from(("real", "protected", "long")), stack=st.booleans(), flags=st.integers(0, 31),
       limit=st.sampled_from((0, 0xFFF, 0xFFFF, 0x1_0000, 0xFFFF_FFFF)), size=st.sampled_from((1, 2, 4, 8)),
       near=st.integers(-9, 9), at=st.sampled_from(("limit", "top", 1 << 47, 1 << 56, -1 << 47, -1 << 56)), write=st.booleans(),
       wide=st.booleans())
@QUICK
def test_segment_checks(mode, stack, flags, limit, size, near, at, write, wide):
    present, code, bit1, down, big = (bool(flags >> bit & 1) for bit in range(5))
    bench = Bench()
    bench.mode(mode)
    s = SEG.SS if stack else SEG.DS
    bench.segment(s, 0, limit, 0x1000 | present << 15 | code << 11 | down << 10 | bit1 << 9 | big << 22)
    bench.env[0].cr[4] = CR4.LA57 if wide else 0
    middle = {"limit": limit, "top": 0xFFFF_FFFF}.get(at, at)
    offset = (middle + near) % 2**64 if mode == "long" else max(0, middle + near) % 2**32
    where = both(operand.check, bench.cpu[0], s, U64(offset), U64(size), write)
    expected = reference.segment_fault(mode, stack, present, code, bit1, down, big, limit, offset, size, write, offset, 57 if wide else 48)
    assert bench.fault() == {None: None, 12: "SS", 13: "GP"}[expected]
    assert where == offset


def test_only_fs_and_gs_have_a_base_in_64_bit_mode(bench):
    for s in range(6):
        bench.segment(U64(s), 0x1000 * s, 0xFFFF_FFFF, CODE_64 if s == SEG.CS else DATA)
    found = [int(both(operand.linear_address, bench.env[0], U64(s), U64(0x20))) for s in range(6)]
    assert found == [0x20, 0x20, 0x20, 0x20, 0x4020, 0x5020]


def test_linear_addresses_wrap_at_32_bits_outside_64_bit_mode(bench):
    bench.mode("protected")
    bench.segment(SEG.DS, 0xFFFF_F000, 0xFFFF_FFFF, DATA)
    assert both(operand.linear_address, bench.env[0], SEG.DS, U64(0x2000)) == 0x1000


def test_rip_relative_operand_counts_from_the_next_instruction(bench):
    bench.decode("0F013D10000000")                                        # invlpg [rip + 0x10]
    bench.env[0].rip = 0x4000
    assert both(operand.address, bench.cpu[0], bench.insn[0]) == 0x4017


def test_rip_relative_operand_with_address_size_prefix_wraps_at_32_bits(bench):
    bench.decode("670F013D00000000")
    bench.env[0].rip = 0x1_0000_4000
    assert both(operand.address, bench.cpu[0], bench.insn[0]) == 0x4008


def test_load_and_store_memory(bench):
    bench.decode("0F784310")                                              # vmread [rbx + 0x10], rax
    bench.env[0].regs[3] = 0x2FEC
    for load, store in ((operand.load, operand.store), (operand.load.py_func, operand.store.py_func)):
        bench.ram[:] = 0
        assert store(bench.cpu[0], bench.insn[0], U64(8), U64(0x1122334455667788))
        assert bench.ram.tobytes()[0x2FFC:0x3004] == bytes.fromhex("8877665544332211")
        assert load(bench.cpu[0], bench.insn[0], U64(8)) == 0x1122334455667788
        assert bench.fault() is None


def test_load_and_store_register(bench):
    bench.decode("450F78C1")                                              # vmread r9, r8
    assert operand.store(bench.cpu[0], bench.insn[0], U64(8), U64(5))
    assert (bench.env[0].regs[9], operand.load(bench.cpu[0], bench.insn[0], U64(8))) == (5, 5)


def test_store_at_a_non_canonical_address_changes_nothing(bench):
    bench.decode("0F7803")                                                # vmread [rbx], rax
    bench.env[0].regs[3] = 0x7FFF_FFFF_FFFC
    assert not operand.store(bench.cpu[0], bench.insn[0], U64(8), U64(1))
    assert bench.fault() == "GP"


def test_non_canonical_address_through_rsp_is_a_stack_fault(bench):
    bench.decode("0F780424")                                              # vmread [rsp], rax
    bench.env[0].regs[4] = 1 << 63
    assert operand.load(bench.cpu[0], bench.insn[0], U64(8)) == 0
    assert bench.fault() == "SS"


def test_execute_only_code_segment_cannot_be_read(bench):
    bench.mode("protected")
    bench.segment(SEG.CS, 0, 0xFFFF_FFFF, 0xC099 << 8)
    bench.decode("2E0F0110", 32)                                          # lgdt cs:[eax]
    operand.load(bench.cpu[0], bench.insn[0], U64(2))
    assert bench.fault() == "GP"


def test_parts_of_a_long_operand(bench):
    bench.decode("660F388003")                                            # invept rax, [rbx]
    bench.env[0].regs[3] = 0x1000
    bench.ram[0x200:0x202] = (7, 9)
    parts = [int(operand.load_part(bench.cpu[0], bench.insn[0], U64(at), U64(8))) for at in (0, 8)]
    assert parts == [7, 9]
