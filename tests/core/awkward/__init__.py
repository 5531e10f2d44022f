"""Awkward instructions: every opcode with registers, aligned and misaligned memory, LOCK, prefixes; run in a machine and natively."""
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from emu.asm import assemble
from emu.spec.insn import FORM, FORMS, IMM, MAP_64
from tests.machines import loaded

FOLDER = Path(__file__).resolve().parent
LIBRARY = FOLDER.parent.parent / "guests" / "lib.s"
RESULT = np.dtype([("vector", "<u2"), ("error", "<u2"), ("rip", "<i4"), ("mxcsr", "<u4"), ("status", "<u2"), ("spare", "<u2"),
                   ("digest", "<u8"), ("unused", "<u8")])
PARAMETERS, DATA, CASES, RESULTS = 0x600000, 0x601000, 0x800000, 0xC00000
SCRATCH = 0x40400000
STACK = SCRATCH + 0x1800
LIMIT = (RESULTS - CASES) // 32
PREFIXES = {"": b"", "66": b"\x66", "F3": b"\xf3", "F2": b"\xf2", "LOCK": b"\xf0"}
# Where an instruction runs: selectors of lib.s for code and stack, whether segments begin at the case and at SCRATCH
MODES = {"ring3": (0x2B, 0x23, 0), "ring0": (0x08, 0x10, 0), "compat32": (0x1B, 0x23, 0), "compat16": (0x63, 0x6B, 1)}
NATIVE = {"ring3": 0x33, "compat32": 0x23}                     # the same, under Linux
WIDTH = {"ring3": 64, "ring0": 64, "compat32": 32, "compat16": 16}


def _bits(values, form):
    return b"".join(struct.pack(form, value) for value in values)


SINGLE = (0x3F800000, 0x7F800001, 0x00000001, 0x7F800000, 0x80000000, 0x7FC00000, 0x40400000, 0x7F7FFFFF)
DOUBLE = (0x3FF0000000000000, 0x7FF0000000000001, 1, 0x7FF0000000000000, 1 << 63, 0x7FF8000000000000, 0x4008000000000000,
          0x7FEFFFFFFFFFFFFF)

EXTENDED = tuple(bytes.fromhex(text)[::-1] for text in (
    "3FFF8000000000000000", "7FFF8000000000000001", "00000000000000000001", "7FFF8000000000000000", "80000000000000000000",
    "7FFFC000000000000000", "40008000000000000003", "7FFEFFFFFFFFFFFFFFFF", "C0008000000000000000", "00018000000000000000"))


def data():
    """Return 8 KiB: awkward numbers of both widths, then an empty stack."""
    rows = b"".join(_bits([SINGLE[(i + j) % 8] for j in range(4)], "<I") + _bits([DOUBLE[(i + j) % 8] for j in range(2)], "<Q")
                    for i in range(8))
    return (rows * 16)[:0x1000].ljust(0x2000, b"\0")


def state(mxcsr=0x1F80, x87=0):
    """Return a FXSAVE image: XMM registers with awkward numbers, x87 with everything masked and empty, or ST0 to ST3 full of those."""
    image = bytearray(512)
    struct.pack_into("<H", image, 0, 0x37F)
    for n in range(4 if x87 else 0):
        image[4] |= 1 << n
        image[32 + 16 * n:42 + 16 * n] = EXTENDED[(x87 + n * 3) % len(EXTENDED)]
    struct.pack_into("<I", image, 24, mxcsr)
    for n in range(16):
        image[160 + 16 * n:176 + 16 * n] = (_bits([SINGLE[(n * 3 + j) % 8] for j in range(4)], "<I") if n % 2 else
                                            _bits([DOUBLE[(n * 3 + j) % 8] for j in range(2)], "<Q"))
    return bytes(image)


def registers(mode):
    """Return the 16 general registers and 0."""
    base, stack = (SCRATCH, STACK) if mode != "compat16" else (0, STACK - SCRATCH)
    return [1, 1, 0, base, stack, base + 0x1400, base + 0x400, base + 0x800] + [3] * 8 + [0]


def instruction(width, number, opcode, prefix, reg, operand, wide=False):
    """Return the bytes of one form: map 0 to 3, register form ("r") or a displacement from the data; None when there is no such form."""
    form = int(FORMS[MAP_64 if number == 0 and width == 64 else number, opcode])
    if form & 0x0F == int(IMM.PREFIX):
        return None
    code = PREFIXES[prefix] + (b"\x48" if wide else b"")
    code += (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")[number] + bytes([opcode])
    if form & int(FORM.MODRM) or form & int(FORM.UNDEFINED):
        base = 7 if width == 16 else 3
        code += bytes([0xC3 | reg << 3]) if operand == "r" else bytes([0x40 | reg << 3 | base, operand])
    elif reg or operand != "r":
        return None
    size = 2 if (prefix == "66") != (width == 16) else 4
    immediate = form & 0x0F if not form & int(FORM.UNDEFINED) else 0
    if form & int(FORM.TEST) and reg > 1:
        immediate = 0
    lengths = {int(IMM.B): 1, int(IMM.W): 2, int(IMM.Z): size, int(IMM.V): 8 if wide else size, int(IMM.J): 4 if width == 64 else size,
               int(IMM.FAR): size + 2, int(IMM.ENTER): 3}
    if immediate == int(IMM.OFFSET):
        return code + (SCRATCH.to_bytes(8, "little") if width == 64 else SCRATCH.to_bytes(4, "little") if width == 32 else b"\x20\0")
    return code + bytes(lengths.get(immediate, 0))


def forms(width, operands=("r", 0x10, 0x21), prefixes=tuple(PREFIXES)):
    """Yield ((map, opcode, prefix, reg, operand), bytes) of every opcode with every group member."""
    for number in range(4):
        for opcode in range(256):
            if number == 1 and opcode in (0x38, 0x3A) or number == 0 and (opcode == 0x0F or opcode in (0x62, 0xC4, 0xC5)):
                continue
            for prefix in prefixes:
                for reg in range(8):
                    for operand in operands:
                        code = instruction(width, number, opcode, prefix, reg, operand)
                        if code is not None:
                            yield (number, opcode, prefix, reg, operand), code


def table(codes):
    """Return the bytes of a table of cases."""
    return b"".join(code.ljust(32, b"\xcc") for code in codes)


def run(codes, mode, mxcsr=0x1F80, x87=0):
    """Run instructions (bytes) in a machine; returns RESULT[len(codes)]."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "harness.s"
        path.write_text(f'        .include "{LIBRARY.as_posix()}"\n{(FOLDER / "harness.s").read_text()}')
        program = assemble(path)
    found = [_part(program, codes[start:start + LIMIT], mode, state(mxcsr, x87)) for start in range(0, len(codes), LIMIT)]
    return np.concatenate(found)


def _part(program, codes, mode, image):
    machine = loaded(program)
    code, stack, based = MODES[mode]
    values = registers(mode)
    head = struct.pack("<5Q", len(codes), code, based, stack, values[4]).ljust(0x40, b"\0") + struct.pack("<17Q", *values)
    for address, content in ((PARAMETERS, head), (DATA, data() + image), (CASES, table(codes))):
        machine.ram[address:address + len(content)] = np.frombuffer(content, np.uint8)
    result = machine.run(max_cycles=400_000 * len(codes) + 50_000_000)
    if result.exit_code != 0 or result.reason != "EXIT_CODE":
        raise RuntimeError(f"the harness ended with {result}")
    found = machine.ram[RESULTS:RESULTS + 32 * len(codes)].copy().view(RESULT)
    for processor in machine.processors:
        for unit in processor.engines:
            unit.close()
    return found


def build(folder):
    """Compile the program that runs instructions natively; returns its path."""
    program = Path(folder) / "native"
    subprocess.run(["gcc", "-O1", "-o", program, FOLDER / "native.c"], check=True)
    return program


def run_natively(program, codes, mode, folder, mxcsr=0x1F80, x87=0):
    """Run instructions (bytes) on this computer's processor, in ring 3 of 64-bit or 32-bit code; returns RESULT[len(codes)]."""
    source, target = Path(folder) / "cases", Path(folder) / "results"
    source.write_bytes(struct.pack("<2Q", len(codes), NATIVE[mode]) + table(codes) + data() + state(mxcsr, x87) +
                       struct.pack("<17Q", *registers(mode)))
    subprocess.run([program, source, target], check=True, timeout=120)
    return np.fromfile(target, RESULT)
