"""Numbers of the execution engine that kernels share with it: what it reports, its hidden flags, its intercepts.

The engine is Unicorn 2.1.4; where things lie in its memory is in `emu.state.ENV` and `emu.core.context`.
"""
from emu.bits import U64, codes, layout
from emu.spec.cpu import VECTOR

SVM = codes("SVM", 'AMD64 APM 2, "SVM Intercept Exit Codes"',
    EXCEPTION=(0x40, "exception 0; the others follow"), INTERCEPT=(0x60, "bit 0 of the intercept word, ENV.intercept; the others follow"),
    PUSHF=(0x70, "PUSHF"), POPF=(0x71, "POPF"), IRET=(0x74, "IRET"))

# The engine reports an SVM exit code as an interrupt of this number and more; ours come after them.
_REPORTED, _OURS = 0x100, 0x3F0
_EXCEPTION = _REPORTED + int(SVM.EXCEPTION)
ENGINE = codes("ENGINE", "Unicorn 2.1.4, UC_HOOK_INTR: SVM exit code + 0x100; from 0x3F0 ours",
    EXCEPTION=(_EXCEPTION, "exception 0; the others follow, up to INTERCEPT"),
    NOT_AVAILABLE=(_EXCEPTION + int(VECTOR.NM), "#NM: perhaps only our lazy switch of the engine's registers"),
    PROTECTION=(_EXCEPTION + int(VECTOR.GP), "#GP"),
    INTERCEPT=(_REPORTED + int(SVM.INTERCEPT), "an intercepted instruction"),
    INSTRUCTION=(_OURS, "an instruction that the model executes"), DEADLINE=(_OURS + 1, "something may be due"),
    DEVICE=(_OURS + 2, "an access to a device"), FAULTED=(_OURS + 3, "an access that faults: CPU.fault"),
    STEPPED=(_OURS + 4, "the end of an instruction that ran with RFLAGS.TF"), SPLIT=(_OURS + 5, "a block is translated again, shorter"),
    WATCH=(_OURS + 6, "an access to a watched byte"), BREAK=(_OURS + 7, "a breakpoint"))

# Flags that the translator keys its code by.  CPL and the 16 bits from TF on lie as in CS, and in RFLAGS or CR0 << 8.
HFLAGS = layout("HFLAGS", 32, "Unicorn 2.1.4, hflags of CPUX86State; LIMITED and SHORT are ours",
    CPL=(1, 0, "privilege level"), INHIBIT=(3, 3, "shadow of STI or MOV SS"), CS32=(4, 4, "32- or 64-bit code"),
    SS32=(5, 5, "32- or 64-bit stack"), ADDSEG=(6, 6, "bases of data segments are added"), PE=(7, 7, "protected mode"),
    TF=(8, 8, "single step"), MP=(9, 9, "CR0.MP"), EM=(10, 10, "CR0.EM"), TS=(11, 11, "CR0.TS"),
    LMA=(14, 14, "long mode active"), CS64=(15, 15, "64-bit code"), GUEST=(21, 21, "SVM intercepts are on"),
    OSFXSR=(22, 22, "CR4.OSFXSR"), SMAP=(23, 23, "CR4.SMAP"),
    LIMITED=(27, 27, "outside 64-bit mode, the limit of CS is below 4 GiB"), SHORT=(28, 28, "it is below 64 KiB"))

CC_OP = codes("CC_OP", "Unicorn 2.1.4, CCOp: how the engine has its arithmetic flags", EFLAGS=(1, "all in cc_src"))


def intercept(code):
    """Return the bit of ENV.intercept that an SVM exit code has."""
    return U64(1 << int(code) - int(SVM.INTERCEPT))
