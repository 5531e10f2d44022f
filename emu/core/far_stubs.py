"""The stubs before the engine's helpers of far transfers and segment loads (`stubs/far.ll`), put in place by `emu.core.native`.

Each asks `emu.core.far.before`, when the instruction may reach memory with two privileges, and goes on to the helper, or to the
stub that looks for task switches.  Far transfers but those of real mode keep the state before, for a return to where nothing may
be fetched from (`emu.core.undo`), and have the next block ask whether it is still the right one (`emu.core.block`).
"""
from emu.core.template import filled, joined, parts

_KEEPING = ("iret_protected", "lret_protected", "ljmp_protected", "lcall_protected")
# Helpers that reach both stack and descriptor tables, or the tables alone: (name, `emu.core.operation.FAR`, the argument that
# `before` is given: the selector of a CALL, the bytes that a RET drops).
_HELPERS = (("iret_protected", 1, "0"), ("lret_protected", 1, "%b"), ("lcall_protected", 2, "%a"), ("iret_real", 1, "0"),
            ("lcall_real", 2, "0"), ("ljmp_protected", 0, "0"), ("load_seg", 0, "0"), ("lar", 0, "0"), ("lsl", 0, "0"),
            ("verr", 0, "0"), ("verw", 0, "0"), ("check_iob", 0, "0"), ("check_iow", 0, "0"), ("check_iol", 0, "0"))
_PARTS = parts("far")


def names():
    """Return the names of the helpers."""
    return [name for name, *_ in _HELPERS]


def text(name, helper, before, constants):
    """Return the stub of a helper.

    helper: its address or that of another stub, None where one of SWITCHES stands before it; before: the address of `emu.core.far.before`
    """
    what, operand = next(row[1:] for row in _HELPERS if row[0] == name)
    target = f"inttoptr (i64 {helper} to i64 (i64, i64, i64, i64, i64)*)" if helper else f"@intercept_{name}"
    kept = [_PARTS["keep"]] if name in _KEEPING else []
    if name == "lcall_protected":
        kept.append(_PARTS["gate"])
    keep, always = filled(joined(kept), **constants), "true" if what == 1 else "false"
    return filled(_PARTS["far"], name=name, target=target, what=what, operand=operand, before=before, always=always, keep=keep, **constants)
