"""Stubs for what the engine carries out too leniently: alignment of 16-byte operands, SS, MXCSR, pending x87 errors.

- While a block is translated, the first of the two 8-byte accesses of an operand that must be aligned is emitted with
  an alignment of 16 bytes (`load`, `store`): the test is part of the inline comparison with the TLB and costs nothing.
  The slow path then calls `unaligned`, the function of the processor class that the engine leaves empty: #GP(0).
- An operand of 8 or 4 bytes that the engine reads as 16 or 8 has its second access moved back to the first, or a smaller one.
- Helpers of x87 and MMX instructions that wait look for a pending unmasked exception first (`emu.model.interrupts.ferr`).
- A null selector for SS in 64-bit mode is #GP(0) unless its RPL is the CPL, and keeps the CPL.
- FXRSTOR and XRSTOR refuse a MXCSR with reserved bits before anything changes.

Not modelled: FCMOVcc whose condition is false does not wait; an x87 instruction with a memory operand reads it before it waits.
Source: SDM 1, "Alignment of Packed and Scalar Data"; SDM 2, "Exceptions Type 1", "MOV", "FXRSTOR"; Unicorn 2.1.4 `tcg_gen_qemu_ld_i64`
"""
from emu.core import x87
from emu.core.template import filled, joined, parts
from emu.spec.cpu import CR4, VECTOR
from emu.spec.engine import ENGINE

MO_ALIGN_16, MO_32 = 4 << 4, 2              # of the engine's memory operations
DB_COUNT = 0x1C                             # in DisasContextBase: number of the instruction that is translated, from 1
# Helpers that come first in an instruction that waits, at most three parameters after `env`; those of x87.ROWS wait there
WAITING = ("fwait", "enter_mmx", "emms", "fdecstp", "fincstp", "ffree_STN", "fmov_ST0_FT0", "fxam_ST0", "fldcw", "fldenv", "frstor",
           "f2xm1", "fyl2x", "fptan", "fpatan", "fxtract", "fprem", "fprem1", "fyl2xp1", "fsincos", "fsin", "fcos", "fldt_ST0",
           "fstt_ST0", "fildl_FT0", "fbld_ST0", "fbst_ST0")
# Helpers that may end a pending exception: FERR# goes with it
CLEARING = ("fclex", "fninit", "fldenv", "frstor", "fsave", "fxrstor")

_PARTS = parts("strict")


def stubs(constants, address):
    """Return (IR text, {function of the engine: name of its stub}); `address` gives the host address of such a function."""
    numbers = dict(constants, gp=int(ENGINE.EXCEPTION + VECTOR.GP), reserved=~0xFFFF & 0xFFFF_FFFF, db_count=DB_COUNT,
                   align_16=MO_ALIGN_16, mo_32=MO_32)
    gp, mf = (filled(_PARTS["leave"], event=int(ENGINE.EXCEPTION + vector)) for vector in (VECTOR.GP, VECTOR.MF))
    texts = [filled(_PARTS["common"], load_seg=address("helper_load_seg"), load_32=address("cpu_ldl_data_ra"), leave_gp=gp, **numbers)]
    names = {"helper_load_seg": "strict_load_seg", "tcg_gen_qemu_ld_i64": "strict_load",
             "tcg_gen_qemu_st_i64": "strict_store", "helper_fxrstor": "strict_fxrstor"}
    for name, enable, alignment, asked in (("fxrstor", CR4.OSFXSR, 15, 0), ("xrstor", CR4.OSXSAVE, 63, 2)):
        texts.append(filled(_PARTS["restore"], name=name, enable=int(enable), alignment=alignment, asked=asked,
                            original=address(f"helper_{name}"), **numbers))
    for name, function in (("load", "tcg_gen_qemu_ld_i64"), ("store", "tcg_gen_qemu_st_i64")):
        texts.append(filled(_PARTS["access"], name=name, original=address(function), **numbers))
    more, arithmetic = x87.stubs(numbers, address, mf)
    texts.append(more)
    names.update(arithmetic)
    for name in dict.fromkeys((*WAITING, *CLEARING)):
        if name == "fxrstor":
            continue
        start = "br i1 %none, label %go, label %look, !prof !1" if name in WAITING else "br label %go"
        clear = filled(_PARTS["clear"], **numbers) if name in CLEARING else ""
        texts.append(filled(_PARTS["wait"], name=name, start=start, original=address(f"helper_{name}"), leave_mf=mf, clear=clear,
                            **numbers))
        names[f"helper_{name}"] = f"strict_{name}"
    return joined(texts), names
