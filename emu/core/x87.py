"""x87 exceptions: stubs that put what the engine's software library finds into the status word, and check the stack.

The library notes invalid operation, zero divide, overflow, underflow and inexact results in a place that the engine never
reads.  A stub clears it, lets the helper compute, and merges it into the status word with the denormal-operand and the stack
fault, which only the operands show; with an exception of an operand unmasked the destination keeps its value, and the summary bit is
set (what waits for it is in `emu.core.strict`).  An operand from an empty register is the indefinite NaN.

Not modelled: C1 of rounded results; FBLD, FBSTP, FSTP m80fp, FXTRACT, FPREM and the transcendental instructions raise nothing;
with an exception unmasked results are not scaled, and stores and pops are done nevertheless.
Source: SDM 1, "x87 Floating-Point Exception Conditions", "Stack Overflow or Underflow Exception"
"""
from emu.core.template import filled, joined, parts
from emu.state import ENV, FT0_AT

EXCEPTION_FLAGS = 778                        # ENV: flags of fp_status
TAGS_AT, TOP_AT, REGISTERS_AT, CONTROL_AT = (ENV.fields[name][1] for name in ("fptags", "fpstt", "fpregs", "fpuc"))
# Helpers whose result is stored to memory then
STORES = ("fsts_ST0", "fstl_ST0", "fist_ST0", "fistl_ST0", "fistll_ST0", "fistt_ST0", "fisttl_ST0", "fisttll_ST0")
ARITHMETIC = ("fadd", "fmul", "fsub", "fsubr", "fdiv", "fdivr")
# helper: registers it reads (0 ST0, 1 ST1, n the one that its parameter names, f the operand from memory or a register),
# where the result goes (p: pushed), and whether a denormal operand is an exception (v: the parameter, a number of memory)
ROWS = {
    **{f"{name}_ST0_FT0": ("0f", "0", "d") for name in ARITHMETIC}, **{f"{name}_STN_ST0": ("0n", "n", "d") for name in ARITHMETIC},
    **{f"{name}_ST0_FT0": ("0f", "", "d") for name in ("fcom", "fucom", "fcomi", "fucomi")},
    "fsqrt": ("0", "0", "d"), "frndint": ("0", "0", "d"), "fscale": ("01", "0", "d"), "fchs_ST0": ("0", "", ""), "fabs_ST0": ("0", "", ""),
    "flds_FT0": ("", "f", "v32"), "fldl_FT0": ("", "f", "v64"), "flds_ST0": ("", "p", "v32"), "fldl_ST0": ("", "p", "v64"),
    "fildl_ST0": ("", "p", ""), "fildll_ST0": ("", "p", ""), "fpush": ("", "q", ""),
    **{name: ("0", "", "") for name in (*STORES, "fmov_STN_ST0")},
    "fmov_FT0_STN": ("n", "", ""), "fmov_ST0_STN": ("n", "", ""), "fxchg_ST0_STN": ("0n", "", ""),
}

_PARTS = parts("x87")
INDEX = {"0": "top", "1": "st1", "n": "stn"}


def _part(name, constants, /, **holes):
    return filled(_PARTS[name], **{**constants, **holes})


def _take(reads, constants):
    """Return the IR that sets %fault: of the registers that are read."""
    registers = reads.replace("f", "")
    rows = [_part("take", constants, number=i + 1, index=INDEX[each], last=i) for i, each in enumerate(registers)]
    return joined(["  %f0 = or i32 0, 0", *rows, f"  %fault = or i32 %f{len(registers)}, 0"])


def _operands(reads, constants):
    """Return the IR that sets %kinds.r: what the operands are, before the instruction."""
    registers = reads.replace("f", "")
    places = [_part("place", constants, name=f"k{i}", index=INDEX[each]) for i, each in enumerate(registers)]
    operands = [f"%k{i}.at" for i in range(len(registers))] + (["%ft0"] if "f" in reads else [])
    kinds = [_part("kind", constants, number=i, next=i + 1, operand=each) for i, each in enumerate(operands)]
    return [*places, f"  %ft0 = add i64 %env, {constants['ft0']}", "  %q0 = or i32 0, 0", *kinds,
            f"  %kinds.r = or i32 %q{len(operands)}, 0"]


def _denormal(denormal, reads, target, constants):
    """Return the IR that sets %found.d: what was found, and denormal operands."""
    if denormal == "d":
        memory = "load i32, i32* @x87_operand\n  store i32 0, i32* @x87_operand" if "f" in reads else "or i32 0, 0"
        return _part("operands", constants, memory=memory)
    if denormal:
        exponent, fraction = {"v32": (0x7F800000, 0x7FFFFF), "v64": (0x7FF << 52, (1 << 52) - 1)}[denormal]
        return joined([_part("memory", constants, exponent=exponent, fraction=fraction), _PARTS["later" if target == "f" else "now"]])
    return "  %found.d = or i32 %found, 0"


def _stub(name, reads, target, denormal, constants):
    pushed = target in ("p", "q")
    keep, restore = [], []
    if denormal.startswith("v"):
        registers, offset = (constants["ft0"], "0") if target == "f" else (constants["registers"], "%quiet.o")
        restore.append(_part("quiet", constants, registers=registers, offset=offset))
    if target in ("0", "n"):
        keep = [_part("place", constants, name="dst", index=INDEX[target]), _PARTS["keep"]]
        restore.append(_PARTS["undo"])
    elif target == "p":
        restore.append(_PARTS["overflow"])
    if denormal == "d":
        keep += _operands(reads, constants)
    keeps_c1 = name in ("fmov_FT0_STN", "fpush") or not reads and target == "f"
    note = _part("note", constants) if name in STORES else ""
    take = _part("pushed", constants) if pushed else _take(reads, constants)
    return _part("stub", constants, name=name, note=note, take=take, keep=joined(keep),
                 denormal=_denormal(denormal, reads, target, constants), restore=joined(restore),
                 base="%before" if "div" in name or name == "fsqrt" else "%after", not_c1=0xFFFF if keeps_c1 else 0xFDFF)


def stubs(constants, address, leave):
    """Return (IR text, {helper: name of its stub}); `leave` is the IR that reports #MF, the rest as in `emu.core.strict`."""
    numbers = dict(constants, tags=TAGS_AT, top=TOP_AT, registers=REGISTERS_AT, ft0=FT0_AT, control=CONTROL_AT, flags=EXCEPTION_FLAGS,
                   indefinite=0xC000 << 48, leave_mf=leave)
    texts = [_part("common", numbers)]
    texts += [_stub(name, *row, dict(numbers, original=address(f"helper_{name}"))) for name, row in ROWS.items()]
    return joined(texts), {f"helper_{name}": f"x87_{name}" for name in ROWS}
