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
from emu.spec.cpu import CR4, MXCSR, VECTOR
from emu.spec.engine import ENGINE

EXCEPTION = int(ENGINE.EXCEPTION)                           # event number of an exception: this and its vector
PRE = int(MXCSR.IE | MXCSR.DE | MXCSR.ZE)   # found before anything is computed
FLAGS = PRE | int(MXCSR.OE | MXCSR.UE | MXCSR.PE)
MASKS = FLAGS << 7
RESET = MASKS                               # MXCSR after reset, and the host's own
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

_COMMON = """
@simd_host = private constant i32 {reset}
@simd_lanes32 = private constant [16 x <4 x i32>] [{lanes32}]
@simd_lanes64 = private constant [4 x <2 x i64>] [{lanes64}]

define internal i32 @simd_unmasked(i64 %env, i32 %mx, i32 %found, i1 %tiny) noinline {{
  %shifted = lshr i32 %mx, {mask_shift}
  %unmasked.a = xor i32 %shifted, -1
  %unmasked = and i32 %unmasked.a, {flags}
  %pre = and i32 %found, {pre}
  %pre.u = and i32 %pre, %unmasked
  %is.pre = icmp ne i32 %pre.u, 0
  %ue.a = select i1 %tiny, i32 {ue}, i32 0
  %ue = and i32 %ue.a, %unmasked
  %all = or i32 %found, %ue
  %any.u = and i32 %all, %unmasked
  %raises = icmp ne i32 %any.u, 0
  %set = select i1 %is.pre, i32 %pre, i32 %all
  %new = or i32 %mx, %set
  %mx.p = place i32 %env {env_mxcsr}
  store i32 %new, i32* %mx.p
  %cr4 = field i64 %env {env_cr4}
  %on.a = and i64 %cr4, {osxmmexcpt}
  %on = icmp ne i64 %on.a, 0
  %vector = select i1 %on, i32 {xm}, i32 {ud}
  %event = select i1 %raises, i32 %vector, i32 0
  ret i32 %event
}}

define internal i1 @simd_tiny32(<4 x i32>* %p, i4 %lanes) {{
  %v = load <4 x i32>, <4 x i32>* %p, align 1
  %a = and <4 x i32> %v, <i32 2147483647, i32 2147483647, i32 2147483647, i32 2147483647>
  %b = add <4 x i32> %a, <i32 -1, i32 -1, i32 -1, i32 -1>
  %t = icmp ult <4 x i32> %b, <i32 8388607, i32 8388607, i32 8388607, i32 8388607>
  %m = bitcast <4 x i1> %t to i4
  %k = and i4 %m, %lanes
  %r = icmp ne i4 %k, 0
  ret i1 %r
}}

define internal i1 @simd_tiny64(<4 x i32>* %p, i2 %lanes) {{
  %v.p = bitcast <4 x i32>* %p to <2 x i64>*
  %v = load <2 x i64>, <2 x i64>* %v.p, align 1
  %a = and <2 x i64> %v, <i64 9223372036854775807, i64 9223372036854775807>
  %b = add <2 x i64> %a, <i64 -1, i64 -1>
  %t = icmp ult <2 x i64> %b, <i64 4503599627370495, i64 4503599627370495>
  %m = bitcast <2 x i1> %t to i2
  %k = and i2 %m, %lanes
  %r = icmp ne i2 %k, 0
  ret i1 %r
}}

define void @simd_ldmxcsr(i64 %env, i32 %value) {{
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  %high = and i32 %value, {reserved}
  %bad = icmp ne i32 %high, 0
  %refuse = and i1 %ours, %bad
  br i1 %refuse, label %leave, label %go
leave:
  %ra = caller
  %e.p = place i32 %env {env_error}
  store i32 0, i32* %e.p
  leave {gp}
  ret void
go:
  %o = inttoptr i64 {ldmxcsr} to void (i64, i32)*
  tail call void %o(i64 %env, i32 %value)
  ret void
}}

define void @simd_status(i64 %env) {{
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  br i1 %ours, label %out, label %go
out:
  ret void
go:
  %o = inttoptr i64 {update_mxcsr_status} to void (i64)*
  tail call void %o(i64 %env)
  ret void
}}
"""


_STUB = """
define {returns} @simd_{name}({args}) {{
  %tmp = alloca <4 x i32>, align 16
  %out = alloca i64, align 8
  %lanes = alloca [2 x <4 x i32>], align 16
  %local = alloca i32, align 4
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %mx.p = place i32 %env {env_mxcsr}
  %tmp.a = ptrtoint <4 x i32>* %tmp to i64
  %out.a = ptrtoint i64* %out to i64
  %x = ptrtoint {extra} to i64
  %guest = load i32, i32* %mx.p
{before}
  %usual.a = and i32 %mx, {masks_reserved}
  %usual = icmp eq i32 %usual.a, {masks}
  br i1 %usual, label %fast, label %careful, !prof !1
fast:
  call void asm sideeffect "ldmxcsr ($2); {code}; stmxcsr ($2)", "{clobbers}"(i64 {to}, {source}, i32* {control}, i64 %x)
{after}
  %other.control = and i32 %mx, {not_flags}
  %plain = icmp eq i32 %other.control, {masks}
  br i1 %plain, label %done, label %restore, !prof !1
restore:
  call void asm sideeffect "ldmxcsr ($0)", "r,~{{memory}}"(i32* @simd_host)
  br label %done
done:
{result}
careful:
{copy}
  %um = and i32 %mx, {um}
  %no.um = icmp eq i32 %um, 0
  %keep = select i1 %no.um, i32 {keep_um}, i32 {keep}
  %kept = and i32 %mx, %keep
  %masked = or i32 %kept, {masks}
  store i32 %masked, i32* %local
  call void asm sideeffect "ldmxcsr ($2); {code}; stmxcsr ($2)", "{clobbers}"(i64 {aside}, {source}, i32* %local, i64 %x)
  call void asm sideeffect "ldmxcsr ($0)", "r,~{{memory}}"(i32* @simd_host)
  %status = load i32, i32* %local
  %found = and i32 %status, {flags}
{tiny}
  %event = call i32 @simd_unmasked(i64 %env, i32 %guest, i32 %found, i1 %tiny)
  %fine = icmp eq i32 %event, 0
  br i1 %fine, label %commit, label %leave
commit:
{commit}
  br label %done
leave:
  %ra = caller
  leave %event
  unreachable
other:
  %o = inttoptr i64 {original} to {returns} ({types})*
{call_original}
}}
"""
_ROUND = """
define void @simd_{name}(i64 %env, i64 %d, i64 %s, i32 %imm) {{
  %bit = and i32 %imm, 8
  %no = icmp eq i32 %bit, 0
  br i1 %no, label %inexact, label %exact
inexact:
  musttail call void @simd_{name}_inexact(i64 %env, i64 %d, i64 %s, i32 %imm)
  ret void
exact:
  musttail call void @simd_{name}_exact(i64 %env, i64 %d, i64 %s, i32 %imm)
  ret void
}}
"""
_CLOBBERS = "r,r,r,r," + ",".join(f"~{{{{{name}}}}}" for name in ("xmm0", "xmm1", "xmm2", "rax", "rcx", "rdx", "memory", "dirflag",
                                                                    "fpsr", "flags"))
# What the forms of helpers differ in: parameters after `env`, their types, what the helper returns
_FORMS = {"xmm": ("i64 %d, i64 %s", "i64, i64, i64", "void"), "round": ("i64 %d, i64 %s, i32 %imm", "i64, i64, i64, i32", "void"),
          "dot": ("i64 %d, i64 %s, i32 %imm", "i64, i64, i64, i32", "void"), "compare": ("i64 %d, i64 %s", "i64, i64, i64", "void"),
          "i32": ("i64 %d, i32 %s", "i64, i64, i32", "void"), "i64": ("i64 %d, i64 %s", "i64, i64, i64", "void"),
          "gpr": ("i64 %s", "i64, i64", "i64")}
_BY_IMMEDIATE = """
  %rc = and i32 %imm, 3
  %rc.high = shl i32 %rc, 13
  %by.mxcsr = and i32 %imm, 4
  %as.is = icmp ne i32 %by.mxcsr, 0
  %others = and i32 %guest, {not_rc}
  %chosen = or i32 %others, %rc.high
  %mx = select i1 %as.is, i32 %guest, i32 %chosen
  store i32 %mx, i32* %local
"""
_MERGE = """
  %after = load i32, i32* %local
  %raised = and i32 %after, {flags}
  %merged = or i32 %guest, %raised
  store i32 %merged, i32* %mx.p
"""
_LANES = """
  %mx = or i32 %guest, 0
  %in.a = lshr i32 %imm, 4
  %in = and i32 %in.a, {last}
  %to = and i32 %imm, {last}
  %in.p = getelementptr [{count} x {vector}], [{count} x {vector}]* @simd_lanes{bits}, i32 0, i32 %in
  %to.p = getelementptr [{count} x {vector}], [{count} x {vector}]* @simd_lanes{bits}, i32 0, i32 %to
  %in.v = load {vector}, {vector}* %in.p, align 16
  %to.v = load {vector}, {vector}* %to.p, align 16
  %l0 = getelementptr [2 x <4 x i32>], [2 x <4 x i32>]* %lanes, i32 0, i32 0
  %l1 = getelementptr [2 x <4 x i32>], [2 x <4 x i32>]* %lanes, i32 0, i32 1
  %l0.p = bitcast <4 x i32>* %l0 to {vector}*
  %l1.p = bitcast <4 x i32>* %l1 to {vector}*
  store {vector} %in.v, {vector}* %l0.p, align 16
  store {vector} %to.v, {vector}* %l1.p, align 16
"""
_COPY = """
  %{0}.from = inttoptr i64 {1} to <4 x i32>*
  %{0}.v = load <4 x i32>, <4 x i32>* %{0}.from, align 1
  %{0}.to = inttoptr i64 {2} to <4 x i32>*
  store <4 x i32> %{0}.v, <4 x i32>* %{0}.to, align 1
"""
_TINY = """
  %tiny = call i1 @simd_tiny{bits}(<4 x i32>* %tmp, i{count} {all})
"""
_STATUS_FLAGS = """
  %status.flags = load i64, i64* %out
  %cc.p = place i64 %env {env_cc_src}
  store i64 %status.flags, i64* %cc.p
  ret void"""
_VALUE = """
  %value = load i64, i64* %out
  ret i64 %value"""


def _stub(name, form, code, lane, count, constants):
    """Return the IR of the stub of one helper (a row of ROWS)."""
    parameters, kinds, returns = _FORMS[form]
    names = ", ".join(["i64 %env"] + parameters.split(", "))
    bits, aside = lane[1:], form in ("xmm", "round", "dot", "i32", "i64")
    vector, lanes = ("<4 x i32>", 4) if bits == "32" else ("<2 x i64>", 2)
    before = {"round": _BY_IMMEDIATE, "dot": _LANES}.get(form, "  %mx = or i32 %guest, 0")
    source = "i64 %wide" if form == "i32" else "i64 %s"
    if form == "i32":
        before += "\n  %wide = zext i32 %s to i64"
    tiny = _TINY.format(bits=bits, count=lanes, all=-1 if count > 2 or count == lanes else (1 << count) - 1) if count else \
        "  %tiny = icmp ne i32 0, 0"
    call = f"tail call {returns} %o({names})\n  ret {returns}{' %r' if returns != 'void' else ''}"
    return _STUB.format(
        name=name, returns=returns, args=names, types=kinds, code=code, clobbers=_CLOBBERS.format(), source=source,
        extra="i64* %out" if form == "compare" else "[2 x <4 x i32>]* %lanes", to="%out.a" if form == "gpr" else "%d",
        control="%local" if form == "round" else "%mx.p", aside="%tmp.a" if aside else ("%out.a" if form == "gpr" else "%d"),
        before=before.format(**constants, last=15 if lanes == 4 else 3, count=16 if lanes == 4 else 4, vector=vector, bits=bits),
        after=_MERGE.format(**constants) if form == "round" else "", copy=_COPY.format("old", "%d", "%tmp.a") if aside else "",
        commit=_COPY.format("new", "%tmp.a", "%d") if aside else "", tiny=tiny,
        result={"compare": _STATUS_FLAGS.format(**constants), "gpr": _VALUE}.get(form, "  ret void"),
        call_original=f"  {'%r = ' if returns != 'void' else ''}{call}", **constants)


def _vectors(count, lane, lanes):
    rows = (", ".join(f"{lane} {-(number >> i & 1)}" for i in range(lanes)) for number in range(count))
    return ", ".join(f"<{lanes} x {lane}> <{row}>" for row in rows)


def stubs(constants, address):
    """Return (IR text, {helper: name of its stub}); `address` gives the host address of a function of the engine."""
    constants = dict(
        constants, flags=FLAGS, masks=MASKS, reset=RESET, mask_shift=MASK_SHIFT, pre=PRE, ue=int(MXCSR.UE), um=int(MXCSR.UM),
        reserved=~0xFFFF & 0xFFFF_FFFF, masks_reserved=~0xFFFF & 0xFFFF_FFFF | MASKS, not_flags=~FLAGS & 0xFFFF_FFFF,
        keep=int(MXCSR.RC | MXCSR.DAZ | MXCSR.FZ), keep_um=int(MXCSR.RC | MXCSR.DAZ), not_rc=~int(MXCSR.RC) & 0xFFFF_FFFF,
        osxmmexcpt=int(CR4.OSXMMEXCPT), xm=EXCEPTION + int(VECTOR.XM), ud=EXCEPTION + int(VECTOR.UD), gp=EXCEPTION + int(VECTOR.GP))
    text = _COMMON.format(lanes32=_vectors(16, "i32", 4), lanes64=_vectors(4, "i64", 2), ldmxcsr=address("helper_ldmxcsr"),
                          update_mxcsr_status=address("update_mxcsr_status"), **constants)
    names = {"helper_ldmxcsr": "simd_ldmxcsr", "update_mxcsr_status": "simd_status"}
    for name, form, code, lane, count in ROWS:
        helper = name.removesuffix("_exact").removesuffix("_inexact")
        text += _stub(name, form, code, lane, count, dict(constants, original=address(f"helper_{helper}")))
        names[f"helper_{helper}"] = f"simd_{helper}"
    for name in ("roundps_xmm", "roundpd_xmm", "roundss_xmm", "roundsd_xmm"):
        text += _ROUND.format(name=name)
    return text, names
