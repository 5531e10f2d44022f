"""x87 exceptions: stubs that put what the engine's software library finds into the status word, and check the stack.

The library notes invalid operation, zero divide, overflow, underflow and inexact results in a place that the engine never
looks at.  A stub clears it, lets the helper compute, and merges it into the status word with the denormal-operand and the stack
fault, which only the operands show; with an exception of an operand unmasked the destination keeps its value, and the summary bit is
set (what waits for it is in `emu.core.strict`).  An operand from an empty register is the indefinite NaN.

Not modelled: C1 of rounded results; FBLD, FBSTP, FSTP m80fp, FXTRACT, FPREM and the transcendental instructions raise nothing;
with an exception unmasked results are not scaled, and stores and pops are done nevertheless.
Source: SDM 1, "x87 Floating-Point Exception Conditions", "Stack Overflow or Underflow Exception"
"""
EXCEPTION_FLAGS = 778                        # ENV: flags of fp_status
TAGS, TOP, REGISTERS, FT0, CONTROL = 612, 604, 624, 784, 610
ARITHMETIC = ("fadd", "fmul", "fsub", "fsubr", "fdiv", "fdivr")
# helper: registers it reads (0 ST0, 1 ST1, n the one that its parameter names, f the operand from memory or a register),
# where the result goes (p: pushed), and whether a denormal operand is an exception (v: the parameter, a number of memory)
ROWS = {
    **{f"{name}_ST0_FT0": ("0f", "0", "d") for name in ARITHMETIC}, **{f"{name}_STN_ST0": ("0n", "n", "d") for name in ARITHMETIC},
    **{f"{name}_ST0_FT0": ("0f", "", "d") for name in ("fcom", "fucom", "fcomi", "fucomi")},
    "fsqrt": ("0", "0", "d"), "frndint": ("0", "0", "d"), "fscale": ("01", "0", "d"), "fchs_ST0": ("0", "", ""), "fabs_ST0": ("0", "", ""),
    "flds_FT0": ("", "f", "v32"), "fldl_FT0": ("", "f", "v64"), "flds_ST0": ("", "p", "v32"), "fldl_ST0": ("", "p", "v64"),
    "fildl_ST0": ("", "p", ""), "fildll_ST0": ("", "p", ""), "fpush": ("", "q", ""),
    **{name: ("0", "", "") for name in ("fsts_ST0", "fstl_ST0", "fist_ST0", "fistl_ST0", "fistll_ST0", "fistt_ST0", "fisttl_ST0",
                                        "fisttll_ST0", "fmov_STN_ST0")},
    "fmov_FT0_STN": ("n", "", ""), "fmov_ST0_STN": ("n", "", ""), "fxchg_ST0_STN": ("0n", "", ""),
}

_COMMON = """
@x87_operand = internal global i32 0

define internal i32 @x87_take(i64 %env, i32 %index) noinline {{
  %i.a = and i32 %index, 7
  %i = zext i32 %i.a to i64
  %t.b = add i64 %env, {tags}
  %t.p = place i8 %t.b %i
  %t = load i8, i8* %t.p
  %valid = icmp eq i8 %t, 0
  br i1 %valid, label %fine, label %empty
fine:
  ret i32 0
empty:
  store i8 0, i8* %t.p
  call void @x87_indefinite(i64 %env, i64 %i)
  ret i32 65
}}

define internal void @x87_indefinite(i64 %env, i64 %i) noinline {{
  %off = shl i64 %i, 4
  %r.b = add i64 %env, {registers}
  %r.p = place i64 %r.b %off
  store i64 {indefinite}, i64* %r.p
  %s.p = getelementptr i64, i64* %r.p, i64 1
  %s.s = bitcast i64* %s.p to i16*
  store i16 -1, i16* %s.s
  ret void
}}

define internal i32 @x87_kind(i64 %at) noinline {{
  %m.p = inttoptr i64 %at to i64*
  %m = load i64, i64* %m.p
  %e.s = field i16 %at 8
  %e = and i16 %e.s, 32767
  %low = icmp eq i16 %e, 0
  %any = icmp ne i64 %m, 0
  %denormal = and i1 %low, %any
  %high = icmp eq i16 %e, 32767
  %frac = shl i64 %m, 1
  %some = icmp ne i64 %frac, 0
  %nan = and i1 %high, %some
  %d = select i1 %denormal, i32 2, i32 0
  %n = select i1 %nan, i32 256, i32 0
  %r = or i32 %d, %n
  ret i32 %r
}}

define internal i1 @x87_merge(i64 %env, i32 %base, i32 %raised) noinline {{
  %c.s = field i16 %env {control}
  %c = zext i16 %c.s to i32
  %open.a = xor i32 %c, -1
  %open = and i32 %open.a, 63
  %hit.a = and i32 %raised, %open
  %hit = icmp ne i32 %hit.a, 0
  %summary = select i1 %hit, i32 32896, i32 0
  %one = or i32 %base, %raised
  %two = or i32 %one, %summary
  %out = trunc i32 %two to i16
  %s.p = place i16 %env {env_fpus}
  store i16 %out, i16* %s.p
  %pre.a = and i32 %hit.a, 7
  %pre = icmp ne i32 %pre.a, 0
  ret i1 %pre
}}
"""
_STUB = """
define i64 @x87_{name}(i64 %env, i64 %a) {{
  %kept = alloca i128, align 16
  %c = field i64 %env {env_owner}
  %o = inttoptr i64 {original} to i64 (i64, i64)*
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
other:
  %r.other = tail call i64 %o(i64 %env, i64 %a)
  ret i64 %r.other
ours:
  %status.p = place i16 %env {env_fpus}
  %before.s = load i16, i16* %status.p
  %before = zext i16 %before.s to i32
  %summary = and i32 %before, 128
  %none = icmp eq i32 %summary, 0
  br i1 %none, label %go, label %look, !prof !1
look:
  %ferr = field i64 %c {ferr}
  %ignored = icmp eq i64 %ferr, 2
  br i1 %ignored, label %go, label %leave
leave:
  {leave_mf}
  ret i64 0
go:
  %top = field i32 %env {top}
  %n = trunc i64 %a to i32
  %stn = add i32 %top, %n
  %st1 = add i32 %top, 1
  %new.a = add i32 %top, 7
  %new = and i32 %new.a, 7
{take}
  %flags.p = place i8 %env {flags}
  store i8 0, i8* %flags.p
{keep}
  %r = call i64 %o(i64 %env, i64 %a)
  %found.b = load i8, i8* %flags.p
  %found.i = zext i8 %found.b to i32
  %found = and i32 %found.i, 61
{denormal}
  %all = or i32 %found.d, %fault
  %after.s = load i16, i16* %status.p
  %after = zext i16 %after.s to i32
  %base = and i32 {base}, {not_c1}
  %stop = call i1 @x87_merge(i64 %env, i32 %base, i32 %all)
{restore}
  ret i64 %r
}}
"""
_TAKE = """  %e{0} = call i32 @x87_take(i64 %env, i32 %{1})
  %f{0} = or i32 %f{2}, %e{0}
"""
_PLACE = """  %{0}.i.a = and i32 %{1}, 7
  %{0}.i = zext i32 %{0}.i.a to i64
  %{0}.o = shl i64 %{0}.i, 4
  %{0}.b = add i64 %env, {2}
  %{0}.at = add i64 %{0}.b, %{0}.o
"""
_QUIET = """  %quiet.i = zext i32 %new to i64
  %quiet.o = shl i64 %quiet.i, 4
  %quiet.b = add i64 %env, {0}
  %quiet.p = place i64 %quiet.b {1}
  %quiet.v = load i64, i64* %quiet.p
  %quiet.ie = and i32 %found, 1
  %quiet.is = icmp ne i32 %quiet.ie, 0
  %quiet.bit = select i1 %quiet.is, i64 4611686018427387904, i64 0
  %quiet.n = or i64 %quiet.v, %quiet.bit
  store i64 %quiet.n, i64* %quiet.p
"""
INDEX = {"0": "top", "1": "st1", "n": "stn"}


def _stub(name, reads, target, denormal, constants):
    take, last = "  %f0 = or i32 0, 0\n", 0
    for register in reads.replace("f", ""):
        take += _TAKE.format(last + 1, INDEX[register], last)
        last += 1
    take += f"  %fault = or i32 %f{last}, 0\n"
    if target in ("p", "q"):                   # pushed: the register must be empty
        take = ("  %t.i = zext i32 %new to i64\n  %t.b = add i64 %env, {tags}\n  %t.a = add i64 %t.b, %t.i\n"
                "  %t.p = inttoptr i64 %t.a to i8*\n  %t = load i8, i8* %t.p\n  %full = icmp eq i8 %t, 0\n"
                "  %fault = select i1 %full, i32 577, i32 0\n").format(**constants)
    places = "".join(_PLACE.format(f"k{i}", INDEX[register], constants["registers"]) for i, register in enumerate(reads.replace("f", "")))
    keep = restore = ""
    if target in ("0", "n"):
        keep = _PLACE.format("dst", INDEX[target], constants["registers"]) + (
            "  %dst.p = inttoptr i64 %dst.at to i128*\n  %dst.v = load i128, i128* %dst.p, align 1\n  store i128 %dst.v, i128* %kept\n")
        restore = ("  br i1 %stop, label %undo, label %done\nundo:\n  %old.v = load i128, i128* %kept\n"
                   "  store i128 %old.v, i128* %dst.p, align 1\n  br label %done\ndone:")
    elif target == "p":
        restore = ("  %over = icmp ne i32 %fault, 0\n  br i1 %over, label %undo, label %done\nundo:\n"
                   "  call void @x87_indefinite(i64 %env, i64 %t.i)\n  br label %done\ndone:")
    if denormal.startswith("v"):               # the library does not make a signalling NaN quiet
        restore = _QUIET.format(constants["ft0"] if target == "f" else constants["registers"],
                                "0" if target == "f" else "%quiet.o") + restore
    if denormal == "d":
        kinds = [f"i64 %k{i}.at" for i in range(len(reads.replace("f", "")))] + (["i64 %ft0"] if "f" in reads else [])
        keep += places + f"  %ft0 = add i64 %env, {constants['ft0']}\n  %q0 = or i32 0, 0\n"
        for i, kind in enumerate(kinds):
            keep += f"  %p{i} = call i32 @x87_kind({kind})\n  %q{i + 1} = or i32 %q{i}, %p{i}\n"
        keep += f"  %kinds.r = or i32 %q{len(kinds)}, 0\n"
        operand = "load i32, i32* @x87_operand\n  store i32 0, i32* @x87_operand" if "f" in reads else "or i32 0, 0"
        text = (f"  %op.a = {operand}\n  %sound = icmp eq i32 %fault, 0\n  %op = select i1 %sound, i32 %op.a, i32 0\n"
                "  %op.ie = and i32 %op, 1\n  %op.de = and i32 %op, 2\n  %lib = or i32 %found, %op.ie\n  %kinds = or i32 %kinds.r, %op.de\n"
                "  %clean.a = and i32 %lib, 5\n  %nan.a = and i32 %kinds, 256\n  %clean.b = or i32 %clean.a, %nan.a\n"
                "  %clean = icmp eq i32 %clean.b, 0\n  %de.a = and i32 %kinds, 2\n  %de = select i1 %clean, i32 %de.a, i32 0\n"
                "  %found.d = or i32 %lib, %de")
    elif denormal:
        exponent, fraction = {"v32": (0x7F800000, 0x7FFFFF), "v64": (0x7FF << 52, (1 << 52) - 1)}[denormal]
        text = (f"  %x.a = and i64 %a, {exponent}\n  %x = icmp eq i64 %x.a, 0\n"
                f"  %y.a = and i64 %a, {fraction}\n  %y = icmp ne i64 %y.a, 0\n"
                "  %xy = and i1 %x, %y\n  %de = select i1 %xy, i32 2, i32 0\n  %found.c = or i32 %found, %de\n")
        # what an operand of memory raises is the instruction's, whose other operand may come first
        text += ("  store i32 %found.c, i32* @x87_operand\n  %found.d = or i32 0, 0" if target == "f" else
                 "  %room = icmp eq i32 %fault, 0\n  %found.d = select i1 %room, i32 %found.c, i32 0")
    else:
        text = "  %found.d = or i32 %found, 0"
    keeps_c1 = name in ("fmov_FT0_STN", "fpush") or not reads and target == "f"
    base = "%before" if "div" in name or name == "fsqrt" else "%after"
    return _STUB.format(name=name, take=take, keep=keep, denormal=text, restore=restore, base=base,
                        not_c1=0xFFFF if keeps_c1 else 0xFDFF, **constants)


def stubs(constants, address, leave):
    """Return (IR text, {helper: name of its stub}); `leave` is the IR that reports #MF, the rest as in `emu.core.strict`."""
    numbers = dict(constants, tags=TAGS, top=TOP, registers=REGISTERS, ft0=FT0, control=CONTROL, flags=EXCEPTION_FLAGS,
                   indefinite=0xC000 << 48, leave_mf=leave)
    text = _COMMON.format(**numbers)
    for name, (reads, target, denormal) in ROWS.items():
        text += _stub(name, reads, target, denormal, dict(numbers, original=address(f"helper_{name}")))
    return text, {f"helper_{name}": f"x87_{name}" for name in ROWS}
