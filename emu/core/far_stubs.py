"""The stubs before the engine's helpers of far transfers and segment loads: LLVM IR, put in place by `emu.core.native`.

Each asks `emu.core.far.before`, when the instruction may reach memory with two privileges, and goes on to the helper, or to the
stub that looks for task switches.  Far transfers but those of real mode keep the state before, for a return to where nothing may
be fetched from (`emu.core.undo`), and have the next block ask whether it is still the right one (`emu.core.block`).
"""
_KEEPING = ("iret_protected", "lret_protected", "ljmp_protected", "lcall_protected")
# Helpers that reach both stack and descriptor tables, or the tables alone: (name, `emu.core.operation.FAR`, the argument that
# `before` is given: the selector of a CALL, the bytes that a RET drops).
_HELPERS = (("iret_protected", 1, "0"), ("lret_protected", 1, "%b"), ("lcall_protected", 2, "%a"), ("iret_real", 1, "0"),
            ("lcall_real", 2, "0"), ("ljmp_protected", 0, "0"), ("load_seg", 0, "0"), ("lar", 0, "0"), ("lsl", 0, "0"),
            ("verr", 0, "0"), ("verw", 0, "0"), ("check_iob", 0, "0"), ("check_iow", 0, "0"), ("check_iol", 0, "0"))
_KEEP = """
  %deadline.p = place i64 %c {deadline}
  store i64 0, i64* %deadline.p
  %far = field i64 %c {far_state}
  %rsp = field i64 %env {env_rsp}
  %end.p = place i64 %far {state_bytes}
  store i64 %rsp, i64* %end.p
  %copy.p = inttoptr i64 %far to i8*
  %state.p = place i8 %env {state_first}
  call void @llvm.memcpy.p0i8.p0i8.i64(i8* %copy.p, i8* %state.p, i64 {state_bytes}, i1 false)
{gate}  br label %go
"""
# The engine refuses a task register whose type is "busy", by ending the process, where a gate to an inner level needs the TSS: the
# architecture's is always busy.  `emu.core.undo.busy` gives it its type back before anything looks.
_GATE = """
  %task.p = place i32 %env {env_tr_attributes}
  %task = load i32, i32* %task.p
  %task.free = and i32 %task, -513
  store i32 %task.free, i32* %task.p
"""
_FAR = """
define i64 @far_{name}(i64 %env, i64 %a, i64 %b, i64 %d, i64 %e) {{
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  br i1 %ours, label %look, label %go
look:
  %flags = field i32 %env {env_hflags}
  %level = and i32 %flags, 3
  %smap = and i32 %flags, 8388608
  %outer = icmp eq i32 %level, 3
  %on = icmp ne i32 %smap, 0
  %maybe = or i1 %outer, %on
  %ask = or i1 %maybe, {always}
  br i1 %ask, label %prepare, label %prepared
prepare:
  %ra = caller
  %f = inttoptr i64 {before} to i64 (i64, i64, i64, i64)*
  %r0 = call i64 %f(i64 %c, i64 %ra, i64 {what}, i64 {operand})
  br label %prepared
prepared:{keep}
go:
  %r = tail call i64 {target}(i64 %env, i64 %a, i64 %b, i64 %d, i64 %e)
  ret i64 %r
}}
"""


def names():
    """Return the names of the helpers."""
    return [name for name, *_ in _HELPERS]


def text(name, helper, before, constants):
    """Return the stub of a helper.

    helper: its address or that of another stub, None where one of SWITCHES stands before it; before: the address of `emu.core.far.before`
    """
    what, operand = next(row[1:] for row in _HELPERS if row[0] == name)
    target = f"inttoptr (i64 {helper} to i64 (i64, i64, i64, i64, i64)*)" if helper else f"@intercept_{name}"
    keep = "\n  br label %go"
    if name in _KEEPING:
        keep = _KEEP.format(gate=_GATE.format(**constants) if name == "lcall_protected" else "", **constants)
    return _FAR.format(name=name, target=target, what=what, operand=operand, before=before, always="true" if what == 1 else "false",
                       keep=keep, **constants)
