"""The target description that gdb asks for, and registers in its order.

Source: Debugging with GDB, "Target Descriptions", "i386 Features"
"""
from collections import namedtuple
from xml.sax.saxutils import quoteattr

from emu.bits import ALL_ONES, shift_of
from emu.debug.views import registers
from emu.debug.views.vmcs import Vmcs
from emu.errors import DebugError
from emu.spec.cpu import CR0, CR4, EFER, GPR, RFLAGS
from emu.spec.outcome import MODE
from emu.spec.vmx import PIN, PROC, PROC2

Register = namedtuple("Register", "name bits type source")  # source: a name of views.registers, or a function of the thread

ORDER = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)))
SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs")
FLAGS = {"cr0_flags": (CR0, 8), "cr4_flags": (CR4, 8), "efer_flags": (EFER, 8), "pin_flags": (PIN, 4), "proc_flags": (PROC, 4),
         "proc2_flags": (PROC2, 4)}
MODES = {int(MODE.BARE): "bare", int(MODE.ROOT): "root", int(MODE.NONROOT): "nonroot"}


def _zero(thread):
    return 0


def _field(name):
    """Return a function: thread -> field of the current VMCS, None without one."""
    def value(thread):
        return Vmcs(thread.machine, thread.processor)[name] if thread.c.vmcs_pointer != ALL_ONES else None
    return value


def _mode(thread):
    return thread.host.vmx_mode


def _pointer(thread):
    return thread.host.vmcs_pointer


def _bits(thread):
    return thread.bits


CORE = (*(Register(name, 64, "data_ptr" if name in ("rbp", "rsp") else "int64", name) for name in ORDER),
        Register("rip", 64, "code_ptr", "rip"), Register("eflags", 32, "i386_eflags", "rflags"),
        *(Register(name, 32, "int32", name) for name in SEGMENTS), *(Register(f"st{n}", 80, "i387_ext", f"st{n}") for n in range(8)),
        *(Register(name, 32, "int", name) for name in ("fctrl", "fstat", "ftag")),
        *(Register(name, 32, "int", _zero) for name in ("fiseg", "fioff", "foseg", "fooff", "fop")))
SSE = (*(Register(f"xmm{n}", 128, "vec128", f"xmm{n}") for n in range(16)), Register("mxcsr", 32, "i386_mxcsr", "mxcsr"))
BASES = (Register("fs_base", 64, "int", "fs_base"), Register("gs_base", 64, "int", "gs_base"))
SYSTEM = (Register("cr0", 64, "cr0_flags", "cr0"), Register("cr2", 64, "data_ptr", "cr2"), Register("cr3", 64, "int64", "cr3"),
          Register("cr4", 64, "cr4_flags", "cr4"), Register("cr8", 64, "int64", "cr8"), Register("efer", 64, "efer_flags", "efer"),
          *(Register(name, 64, "int64", name) for name in registers.DEBUG),
          *(Register(f"{table}_{part}", 64 if part == "base" else 32, "data_ptr" if part == "base" else "int32", f"{table}_{part}")
            for table in registers.TABLES for part in ("base", "limit")),
          *(Register(name, 32, "int32", name) for name in ("ldtr", "tr")),
          *(Register(f"{name}_base", 64, "data_ptr", f"{name}_base") for name in ("cs", "ss", "ds", "es", "ldtr", "tr")),
          Register("code_bits", 32, "int32", _bits))
VMX = (Register("vmx_mode", 32, "vmx_modes", _mode), Register("vmcs_pointer", 64, "int64", _pointer),
       Register("exit_reason", 32, "int32", _field("exit_reason")),
       Register("exit_qualification", 64, "int64", _field("exit_qualification")),
       Register("pin_controls", 32, "pin_flags", _field("pin_based_controls")),
       Register("proc_controls", 32, "proc_flags", _field("primary_controls")),
       Register("proc2_controls", 32, "proc2_flags", _field("secondary_controls")))
FEATURES = (("org.gnu.gdb.i386.core", CORE), ("org.gnu.gdb.i386.sse", SSE), ("org.gnu.gdb.i386.segments", BASES),
            ("org.hvlab.system", SYSTEM), ("org.hvlab.vmx", VMX))
EVERY_REGISTER = tuple(register for _, group in FEATURES for register in group)
RIP = next(register for register in CORE if register.name == "rip")
RIP_NUMBER, RSP_NUMBER, RBP_NUMBER = map([register.name for register in EVERY_REGISTER].index, ("rip", "rsp", "rbp"))
GROUPS = {"org.hvlab.system": "system", "org.hvlab.vmx": "vmx"}
VECTORS = (("v8i16", "int16", 8), ("v4i32", "int32", 4), ("v2i64", "int64", 2), ("v16i8", "int8", 16), ("v4f", "ieee_single", 4),
           ("v2d", "ieee_double", 2))
PARTS = (("v4_float", "v4f"), ("v2_double", "v2d"), ("v16_int8", "v16i8"), ("v8_int16", "v8i16"), ("v4_int32", "v4i32"),
         ("v2_int64", "v2i64"), ("uint128", "uint128"))
VEC128 = "".join(f'<vector id="{name}" type="{kind}" count="{count}"/>' for name, kind, count in VECTORS) + \
    f'<union id="vec128">{"".join(f"""<field name="{name}" type="{kind}"/>""" for name, kind in PARTS)}</union>'
MXCSR_FLAGS = ("IE", "DE", "ZE", "OE", "UE", "PE", "DAZ", "IM", "DM", "ZM", "OM", "UM", "PM")


def _flags(name, table, size):
    """Return the flag type of a layout: one-bit fields by name, wider ones as numbers."""
    fields = []
    for field, mask in zip(table._fields, table, strict=True):
        low, mask = shift_of(mask), int(mask)
        high = mask.bit_length() - 1
        if high < size * 8:
            kind = ' type="bool"' if low == high else ' type="uint64"' if size == 8 else ' type="uint32"'
            fields.append(f'<field name={quoteattr(field)} start="{low}" end="{high}"{kind}/>')
    return f'<flags id="{name}" size="{size}">{"".join(fields)}</flags>'


def _types(feature):
    if feature == "org.gnu.gdb.i386.core":
        return _flags("i386_eflags", RFLAGS, 4)
    if feature == "org.gnu.gdb.i386.sse":
        bits = "".join(f'<field name="{name}" start="{n}" end="{n}"/>' for n, name in enumerate(MXCSR_FLAGS))
        return f'{VEC128}<flags id="i386_mxcsr" size="4">{bits}<field name="FZ" start="15" end="15"/></flags>'
    if feature == "org.hvlab.system":
        return "".join(_flags(name, *FLAGS[name]) for name in ("cr0_flags", "cr4_flags", "efer_flags"))
    if feature == "org.hvlab.vmx":
        modes = "".join(f'<evalue name="{name}" value="{value}"/>' for value, name in MODES.items())
        return "".join(_flags(name, *FLAGS[name]) for name in ("pin_flags", "proc_flags", "proc2_flags")) + \
            f'<enum id="vmx_modes" size="4">{modes}</enum>'
    return ""


def xml():
    """Return target.xml."""
    number, parts = 0, []
    for feature, group in FEATURES:
        rows = []
        for register in group:
            where = f' group="{GROUPS[feature]}"' if feature in GROUPS else ""
            rows.append(f'<reg name="{register.name}" bitsize="{register.bits}" type="{register.type}" regnum="{number}"{where}/>')
            number += 1
        parts.append(f'<feature name="{feature}">{_types(feature)}{"".join(rows)}</feature>')
    return ('<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">'
            f'<architecture>i386:x86-64</architecture><osabi>none</osabi>{"".join(parts)}</target>')


def expedited(where, processor):
    """Return the registers of a stop reply: those that gdb asks for at each step, of a processor of emu.debug.session.where."""
    general = where.env(processor).regs
    rows = (RIP_NUMBER, where.pc(processor)), (RSP_NUMBER, general[int(GPR.RSP)]), (RBP_NUMBER, general[int(GPR.RBP)])
    return "".join([f"{number:x}:{found.to_bytes(8, 'little').hex()};" for number, found in rows])


def value(thread, register, world=None):
    """Return the value of a Register, None where the thread does not have it; RIP is linear outside 64-bit code.

    world: what thread.world_registers() returned, when many are read.
    """
    if callable(register.source):
        return register.source(thread)
    if register.name == "rip":
        return thread.pc
    found = world.read(register.source) if world else thread.register(register.source)
    return None if found is None else found & (1 << register.bits) - 1


def text(thread, register, world=None):
    """Return a register as gdb wants it: hexadecimal, little-endian; x where it is not known.  world: as of `value`."""
    size, found = register.bits // 8, value(thread, register, world)
    return b"xx" * size if found is None else found.to_bytes(size, "little").hex().encode()


def change(thread, register, number):
    """Write a Register; DebugError where the processor does not allow it."""
    if callable(register.source):
        if register.source is not _zero:
            raise DebugError(f"{register.name} cannot be written")
        return
    if register.name == "rip" and thread.bits != 64:
        number = number - thread.register("cs_base") & 0xFFFF_FFFF
    if register.name == "eflags":
        number = thread.register("rflags") & ~0xFFFF_FFFF | number
    thread.set_register(register.source, number)
