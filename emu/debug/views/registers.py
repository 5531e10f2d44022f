"""Registers of one world of a processor by name: `rax`, `rip`, `rflags`, `cs`, `cs_base`, `cr3`, `efer`, `gdtr_limit`, `xmm0`, `dr7` ...

A world that runs has its registers in the engine's ENV record.  A guest whose hypervisor runs has them in its VMCS, but for
the general and the x87 and SSE registers, which its hypervisor keeps where only it knows.
"""
import numpy as np

from emu.bits import ADDRESSES, details
from emu.errors import DebugError
from emu.model import cpu
from emu.model.instructions import control
from emu.model.interrupts import apic
from emu.model.memory import tlb
from emu.model.observe import breakpoint
from emu.model.vmx import intercept, world
from emu.spec.cpu import DEBUGREG, GPR, SEG
from emu.spec.outcome import RESULT
from emu.state import ENV, env_of

U64 = np.uint64
GENERAL = tuple(name.lower() for name in GPR._fields)
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr")
TABLES = ("gdtr", "idtr")
PARTS = ("base", "limit", "attributes")
SEGMENT_PARTS = {"": (0, 0, 16), "base": (1, 0, 64), "limit": (2, 0, 32), "attributes": (2, 32, 32)}     # word of ENV.seg, shift, width
CONTROL, DEBUG = ("cr0", "cr2", "cr3", "cr4", "cr8"), ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")
VECTOR = tuple(f"xmm{n}" for n in range(16))
X87_NAMES = tuple(f"st{n}" for n in range(8))
FLOAT = (*X87_NAMES, "fctrl", "fstat", "ftag", *VECTOR, "mxcsr")
DEBUG_ROWS = {name.lower(): (row.writable, row.reset) for name, row in details(DEBUGREG).rows.items()}
XMM_WORDS = 8                                             # of the engine for each vector register
NEEDS_STATE = tuple(name for name in GENERAL if name != "rsp")
VMCS_PLAIN = {"rip": "guest_rip", "rsp": "guest_rsp", "rflags": "guest_rflags", "cr0": "guest_cr0", "cr3": "guest_cr3", "cr4": "guest_cr4",
              "dr7": "guest_dr7", "efer": "guest_efer"}
NAMES = (*GENERAL, "rip", "rflags", *SEGMENTS, *(f"{s}_{part}" for s in (*SEGMENTS, *TABLES) for part in PARTS if s in SEGMENTS or
                                                 part != "attributes"), *CONTROL, "efer", *DEBUG, *FLOAT)


def width(name):
    """Return how many bits a register has."""
    if name in VECTOR:
        return 128
    if name in X87_NAMES:
        return 80
    if name in ("fctrl", "fstat", "ftag", *SEGMENTS):
        return 16
    return 32 if name == "mxcsr" or name.endswith(("_limit", "_attributes")) else 64


def checked(name, value=0):
    """Return the name in lower case; raises DebugError when there is no such register or the value does not fit."""
    name = name.lower()
    if name not in NAMES:
        raise DebugError(f"there is no register {name!r}; there are {', '.join(NAMES[:18])}, cs, cs_base, cs_limit, cs_attributes, "
                         f"gdtr_base, cr0 to cr8, efer, dr0 to dr7, st0 to st7, xmm0 to xmm15")
    if not 0 <= value < 1 << width(name):
        raise DebugError(f"{name} has {width(name)} bits, {value:#x} does not fit")
    return name


def address(c, name):
    """Return the host address of a general register of the world that a processor is in."""
    return int(c.env) + ENV.fields["regs"][1] + 8 * GENERAL.index(name)


# ---- a world that runs ------------------------------------------------------------------------------------------
class Live:
    """Registers of a world of a Processor that lie in an ENV record (host address `env`).

    The root world keeps those of its last VM entry while the guest runs, but for general and debug registers.
    """

    def __init__(self, processor, env):
        self.c, self.e, self.now = processor.record[0], env_of(env)[0], processor.worlds[int(env)]
        self.floats = processor.worlds[processor.engines[processor.core[0].owner].env_address]    # that holds x87 and SSE registers
        self.stale = int(env) != processor.cells.env

    def read(self, name):
        """Return the value of a register of `NAMES`, None when this world does not have it now."""
        now = self.now
        if self.stale and (name in NEEDS_STATE or name in DEBUG or name in FLOAT or name == "cr8"):
            return None
        if name in GENERAL:
            return now.regs[GENERAL.index(name)]
        if name == "rip":
            return now.rip
        if name == "rflags":
            return int(cpu.rflags(self.e))
        if name == "efer":
            return now.efer
        if name == "cr8":
            return int(intercept.cr8_read(self.c) if intercept.tpr_shadow(self.c) else apic.cr8(self.c))
        if name in CONTROL:
            return now.cr[int(name[2])]
        if name in DEBUG:
            return now.dr[int(name[2])]
        if name in FLOAT:
            return _float(self.floats, name)
        segment, _, part = name.partition("_")
        return _segment(now, segment, part)

    def write(self, name, value):
        """Change a register as far as the processor allows: what MOV to the register would refuse is a DebugError."""
        c, e = self.c, self.e
        if name in GENERAL:
            e.regs[GENERAL.index(name)] = value
        elif name == "rip":
            e.rip = value
        elif name == "rflags":
            cpu.set_rflags(e, U64(value))
            cpu.refresh_hflags(e, cpu.cpl(e))
        elif name in CONTROL:
            self._control(name, value)
        elif name in DEBUG:
            may, must = DEBUG_ROWS.get(name, (ADDRESSES - 1, 0))
            e.dr[int(name[2])] = value & may | must
            breakpoint.arm(c, e)
        elif name in FLOAT:
            _set_float(self.floats, name, value)
        elif name == "efer":
            raise DebugError("efer is written by WRMSR of the program, not by a debugger")
        else:
            self._segment(name, value)

    def _control(self, name, value):
        c, e = self.c, self.e
        if name == "cr2":
            e.cr[2] = value
            return
        kept = c.fault, c.fault_vector, c.fault_error
        result = control.set_cr8(c, U64(value)) if name == "cr8" else getattr(control, f"set_{name}")(c, e, U64(value))
        c.fault, c.fault_vector, c.fault_error = kept
        if result == RESULT.FAULT:
            raise DebugError(f"the processor refuses {value:#x} in {name}: MOV of it would be a #GP now (SDM 3A, \"Control Registers\")")
        tlb.flush_all(c)

    def _segment(self, name, value):
        segment, _, part = name.partition("_")
        e, number = self.e, int(getattr(SEG, segment.upper()))
        values = {which: _segment(self.now, segment, which) for which in ("", *PARTS)} | {part: value}
        cpu.set_segment(e, U64(number), U64(values[""]), U64(values["base"]), U64(values["limit"]), U64(values["attributes"]))
        cpu.refresh_hflags(e, cpu.cpl(e))


def segment_place(segment, part):
    """Return (word of ENV.seg, shift, width) of a part of a segment or table register: `emu.model.cpu.selector`, `base`, ..."""
    word, shift, bits = SEGMENT_PARTS[part]
    return 3 * int(getattr(SEG, segment.upper())) + word, shift, bits


def _segment(e, segment, part):
    word, shift, bits = segment_place(segment, part)
    return e.seg[word] >> shift & (1 << bits) - 1


def _float(e, name):
    if name in VECTOR:
        first = int(name[3:]) * XMM_WORDS
        return e.xmm[first] | e.xmm[first + 1] << 64
    if name in X87_NAMES:
        place = (int(name[2]) + e.fpstt) % 8 * 2
        return e.fpregs[place] | (e.fpregs[place + 1] & 0xFFFF) << 64
    if name == "ftag":
        return sum((3 if e.fptags[n] else 0) << 2 * n for n in range(8))
    return {"fctrl": e.fpuc, "fstat": e.fpus & ~0x3800 | (e.fpstt & 7) << 11, "mxcsr": e.mxcsr}[name]


def _set_float(e, name, value):
    if name in VECTOR:
        first = int(name[3:]) * XMM_WORDS
        e.xmm[first], e.xmm[first + 1] = value % ADDRESSES, value >> 64
    elif name in X87_NAMES:
        place = (int(name[2]) + int(e.fpstt)) % 8 * 2
        e.fpregs[place], e.fpregs[place + 1] = value % ADDRESSES, value >> 64
    else:
        raise DebugError(f"{name} is written by the program (FLDCW, FXRSTOR, LDMXCSR), not by a debugger")


# ---- a guest whose hypervisor runs --------------------------------------------------------------------------------
class Saved:
    """Registers of a guest as its VMCS holds them; the rest is None."""

    def __init__(self, vmcs):
        self.vmcs = vmcs

    def _field(self, name):
        segment, _, part = name.partition("_")
        if segment in SEGMENTS:
            return f"guest_{segment}_{ {'': 'selector', 'attributes': 'access_rights'}.get(part, part)}"
        return f"guest_{name}" if segment in TABLES else VMCS_PLAIN.get(name)

    def read(self, name):
        """Return the value of a register, None when the VMCS does not hold it."""
        field = self._field(name)
        if field is None:
            return None
        value = self.vmcs[field]
        return int(world.attributes_of(U64(value))) if name.endswith("_attributes") else value

    def write(self, name, value):
        """Change the field of the VMCS; whether the value is possible shows at VM entry."""
        field = self._field(name)
        if field is None:
            raise DebugError(f"{name} of a guest that does not run is where its hypervisor keeps it, not in the VMCS")
        self.vmcs[field] = int(world.rights_of(U64(value))) if name.endswith("_attributes") else value
