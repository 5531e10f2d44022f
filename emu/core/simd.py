"""SSE floating-point instructions: stubs that let the host's processor do the arithmetic, and raise #XM.

The engine computes them with a software library that neither knows the denormal-operand exception nor puts what it
found into MXCSR.  Each of its helpers is replaced by a stub around the same instruction of the host, under the guest's
MXCSR: results and flags are those of the instruction set, and the guest's MXCSR is up to date after each instruction.
While an exception is unmasked the stub works on a copy of the destination, under a MXCSR with everything masked, and
decides from the flags: what is kept, or which exception ends the instruction (`simd_unmasked`).

Not replaced: conversions that are always exact, and RCPPS, RCPSS, RSQRTPS, RSQRTSS, which raise nothing and whose results
differ between processors.  Not modelled: with UM clear, a tiny exact product inside DPPS or DPPD.
Source: SDM 1, "SSE and SSE2 SIMD Floating-Point Exceptions", "Handling SIMD Floating-Point Exceptions"
"""
from emu.core.template import filled, joined, parts
from emu.spec.cpu import CR4, MXCSR, VECTOR
from emu.spec.engine import ENGINE

PRE = int(MXCSR.IE | MXCSR.DE | MXCSR.ZE)   # found before anything is computed
ALL_FLAGS = PRE | int(MXCSR.OE | MXCSR.UE | MXCSR.PE)
MASKS = ALL_FLAGS << 7
MXCSR_RESET = MASKS                         # MXCSR after reset, and the host's own
MASK_SHIFT = 7

# Operands: $0 destination, $1 source (host addresses, or the value of an integer), $2 MXCSR.  Registers are read in pieces
# of 8 bytes, as translated code writes them: a wider read would wait for the stores.
_D16 = "movsd ($0), %xmm0; movhps 8($0), %xmm0; "
_S16 = "movsd ($1), %xmm1; movhps 8($1), %xmm1; "
_S8, _OUT16, _OUT8 = "movsd ($1), %xmm1; ", "; movups %xmm0, ($0)", "; movlps %xmm0, ($0)"
_PACKED, _UNARY = _D16 + _S16 + "{op} %xmm1, %xmm0" + _OUT16, _S16 + "{op} %xmm1, %xmm0" + _OUT16
_SCALAR = {"ss": "movss ($0), %xmm0; {op} ($1), %xmm0; movss %xmm0, ($0)", "sd": "movsd ($0), %xmm0; {op} ($1), %xmm0; movsd %xmm0, ($0)"}
_COMPARE = {"ss": "movss ($0), %xmm0; {op} ($1), %xmm0; ", "sd": "movsd ($0), %xmm0; {op} ($1), %xmm0; "}
_STATUS = ("movl $$0, %eax; movl $$0, %ecx; movl $$0, %edx; setb %al; setp %cl; setz %dl; "
           "leal (%rax,%rcx,4), %eax; shll $$6, %edx; orl %edx, %eax; movq %rax, ($3)")
_TO_GPR = {"si": "{op}l ($1), %eax; movq %rax, ($0)", "sq": "{op}q ($1), %rax; movq %rax, ($0)"}
PREDICATES = ("eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord")


def _arithmetic():
    """Yield (helper, form, code, type of the lanes whose result may be tiny, their number) of each instruction."""
    for name in ("add", "sub", "mul", "div", "min", "max"):
        tiny = 0 if name in ("min", "max") else 1
        yield f"{name}ps", "xmm", _PACKED.format(op=f"{name}ps"), "i32", 4 * tiny
        yield f"{name}pd", "xmm", _PACKED.format(op=f"{name}pd"), "i64", 2 * tiny
        for size, lane in (("ss", "i32"), ("sd", "i64")):
            yield name + size, "xmm", _SCALAR[size].format(op=name + size), lane, tiny
    for size in ("ps", "pd"):
        yield f"sqrt{size}", "xmm", _UNARY.format(op=f"sqrt{size}"), "i32", 0
        lane, count = ("i32", 4) if size == "ps" else ("i64", 2)
        for name in ("addsub", "hadd", "hsub"):
            yield name + size, "xmm", _PACKED.format(op=name + size), lane, count
    for size in ("ss", "sd"):
        yield f"sqrt{size}", "xmm", _SCALAR[size].format(op=f"sqrt{size}"), "i32", 0
        for number, predicate in enumerate(PREDICATES):
            yield f"cmp{predicate}{size}", "xmm", _SCALAR[size].format(op=f"cmp{size} $${number},"), "i32", 0
        for name in ("comi", "ucomi"):
            yield name + size, "compare", _COMPARE[size].format(op=name + size) + _STATUS, "i32", 0
    for size in ("ps", "pd"):
        for number, predicate in enumerate(PREDICATES):
            yield f"cmp{predicate}{size}", "xmm", _PACKED.format(op=f"cmp{size} $${number},"), "i32", 0


def _conversions():
    for name, source, target, tiny in (
            ("cvtps2pd", _S8, _OUT16, 0), ("cvtpd2ps", _S16, _OUT16, 2), ("cvtdq2ps", _S16, _OUT16, 0), ("cvtps2dq", _S16, _OUT16, 0),
            ("cvttps2dq", _S16, _OUT16, 0), ("cvtpd2dq", _S16, _OUT16, 0), ("cvttpd2dq", _S16, _OUT16, 0)):
        yield name, "xmm", source + f"{name} %xmm1, %xmm0" + target, "i32", tiny
    # MMX registers are memory here: the XMM instruction with the same lanes leaves the host's own alone
    for name, op, source in (("cvtpi2ps", "cvtdq2ps", _S8), ("cvtps2pi", "cvtps2dq", _S8), ("cvttps2pi", "cvttps2dq", _S8),
                             ("cvtpd2pi", "cvtpd2dq", _S16), ("cvttpd2pi", "cvttpd2dq", _S16)):
        yield name, "xmm", source + f"{op} %xmm1, %xmm0" + _OUT8, "i32", 0
    yield "cvtss2sd", "xmm", "movss ($1), %xmm1; cvtss2sd %xmm1, %xmm0; movsd %xmm0, ($0)", "i32", 0
    yield "cvtsd2ss", "xmm", "movsd ($1), %xmm1; cvtsd2ss %xmm1, %xmm0; movss %xmm0, ($0)", "i32", 1
    yield "cvtsi2ss", "i32", "cvtsi2ssl ${1:k}, %xmm0; movss %xmm0, ($0)", "i32", 0
    yield "cvtsq2ss", "i64", "cvtsi2ssq $1, %xmm0; movss %xmm0, ($0)", "i32", 0
    yield "cvtsq2sd", "i64", "cvtsi2sdq $1, %xmm0; movsd %xmm0, ($0)", "i32", 0
    for size in ("ss", "sd"):
        for name in ("cvt", "cvtt"):
            for target, code in _TO_GPR.items():
                yield f"{name}{size}2{target}", "gpr", code.format(op=f"{name}{size}2si"), "i32", 0


def _immediates():
    # Rounding by MXCSR.RC, which the stub sets to what the immediate says; 12: the precision exception is suppressed as well
    for suffix, immediate in (("_inexact", 4), ("_exact", 12)):
        for size in ("ps", "pd"):
            yield f"round{size}_xmm{suffix}", "round", _S16 + f"round{size} $${immediate}, %xmm1, %xmm0" + _OUT16, "i32", 0
        for size in ("ss", "sd"):
            code = f"mov{size} ($1), %xmm1; round{size} $${immediate}, %xmm1, %xmm0; mov{size} %xmm0, ($0)"
            yield f"round{size}_xmm{suffix}", "round", code, "i32", 0
    # Lanes that the immediate leaves out are zero before and after: 0 * 0 is +0 and raises nothing
    masked = ("movups ($3), %xmm2; andps %xmm2, %xmm0; andps %xmm2, %xmm1; {op} $$0xff, %xmm1, %xmm0; "
              "movups 16($3), %xmm2; andps %xmm2, %xmm0")
    yield "dpps_xmm", "dot", _D16 + _S16 + masked.format(op="dpps") + _OUT16, "i32", 4
    yield "dppd_xmm", "dot", _D16 + _S16 + masked.format(op="dppd") + _OUT16, "i64", 2


ROWS = (*_arithmetic(), *_conversions(), *_immediates())

_PARTS = parts("simd")
_CLOBBERS = "r,r,r,r," + ",".join(f"~{{{name}}}" for name in ("xmm0", "xmm1", "xmm2", "rax", "rcx", "rdx", "memory", "dirflag",
                                                                    "fpsr", "flags"))
# What the forms of helpers differ in: parameters after `env`, their types, what the helper returns
_FORMS = {"xmm": ("i64 %d, i64 %s", "i64, i64, i64", "void"), "round": ("i64 %d, i64 %s, i32 %imm", "i64, i64, i64, i32", "void"),
          "dot": ("i64 %d, i64 %s, i32 %imm", "i64, i64, i64, i32", "void"), "compare": ("i64 %d, i64 %s", "i64, i64, i64", "void"),
          "i32": ("i64 %d, i32 %s", "i64, i64, i32", "void"), "i64": ("i64 %d, i64 %s", "i64, i64, i64", "void"),
          "gpr": ("i64 %s", "i64, i64", "i64")}


def _stub(name, form, code, lane, count, constants):
    """Return the IR of the stub of one helper (a row of ROWS)."""
    parameters, kinds, returns = _FORMS[form]
    names = ", ".join(["i64 %env"] + parameters.split(", "))
    bits, aside = lane[1:], form in ("xmm", "round", "dot", "i32", "i64")
    vector, lanes = ("<4 x i32>", 4) if bits == "32" else ("<2 x i64>", 2)
    before = {"round": _PARTS["by_immediate"], "dot": _PARTS["lanes"]}.get(form, "  %mx = or i32 %guest, 0")
    source = "i64 %wide" if form == "i32" else "i64 %s"
    if form == "i32":
        before += "\n  %wide = zext i32 %s to i64"
    tiny = "  %tiny = icmp ne i32 0, 0"
    if count:
        tiny = filled(_PARTS["tiny"], bits=bits, count=lanes, all=-1 if count > 2 or count == lanes else (1 << count) - 1)
    call = f"tail call {returns} %o({names})\n  ret {returns}{' %r' if returns != 'void' else ''}"
    result = {"compare": filled(_PARTS["status_flags"], **constants), "gpr": _PARTS["value"]}.get(form, "  ret void")
    return filled(
        _PARTS["stub"], name=name, returns=returns, args=names, types=kinds, code=code, clobbers=_CLOBBERS, source=source,
        extra="i64* %out" if form == "compare" else "[2 x <4 x i32>]* %lanes", to="%out.a" if form == "gpr" else "%d",
        control="%local" if form == "round" else "%mx.p", aside="%tmp.a" if aside else ("%out.a" if form == "gpr" else "%d"),
        before=filled(before, **constants, last=15 if lanes == 4 else 3, count=16 if lanes == 4 else 4, vector=vector, bits=bits),
        after=filled(_PARTS["merge"], **constants) if form == "round" else "", copy=_copy("old", "%d", "%tmp.a") if aside else "",
        commit=_copy("new", "%tmp.a", "%d") if aside else "", tiny=tiny, result=result,
        call_original=f"  {'%r = ' if returns != 'void' else ''}{call}", **constants)


def _copy(name, source, target):
    return filled(_PARTS["copy"], name=name, source=source, target=target)


def _vectors(count, lane, lanes):
    rows = (", ".join(f"{lane} {-(number >> i & 1)}" for i in range(lanes)) for number in range(count))
    return ", ".join(f"<{lanes} x {lane}> <{row}>" for row in rows)


def stubs(constants, address):
    """Return (IR text, {helper: name of its stub}); `address` gives the host address of a function of the engine."""
    constants = dict(
        constants, flags=ALL_FLAGS, masks=MASKS, reset=MXCSR_RESET, mask_shift=MASK_SHIFT, pre=PRE, ue=int(MXCSR.UE), um=int(MXCSR.UM),
        reserved=~0xFFFF & 0xFFFF_FFFF, masks_reserved=~0xFFFF & 0xFFFF_FFFF | MASKS, not_flags=~ALL_FLAGS & 0xFFFF_FFFF,
        keep=int(MXCSR.RC | MXCSR.DAZ | MXCSR.FZ), keep_um=int(MXCSR.RC | MXCSR.DAZ), not_rc=~int(MXCSR.RC) & 0xFFFF_FFFF,
        osxmmexcpt=int(CR4.OSXMMEXCPT), **{name.lower(): int(ENGINE.EXCEPTION + getattr(VECTOR, name)) for name in ("XM", "UD", "GP")})
    texts = [filled(_PARTS["common"], lanes32=_vectors(16, "i32", 4), lanes64=_vectors(4, "i64", 2), ldmxcsr=address("helper_ldmxcsr"),
                    update_mxcsr_status=address("update_mxcsr_status"), **constants)]
    names = {"helper_ldmxcsr": "simd_ldmxcsr", "update_mxcsr_status": "simd_status"}
    for name, form, code, lane, count in ROWS:
        helper = name.removesuffix("_exact").removesuffix("_inexact")
        texts.append(_stub(name, form, code, lane, count, dict(constants, original=address(f"helper_{helper}"))))
        names[f"helper_{helper}"] = f"simd_{helper}"
    texts += [filled(_PARTS["round"], name=name) for name in ("roundps_xmm", "roundpd_xmm", "roundss_xmm", "roundsd_xmm")]
    return joined(texts), names
