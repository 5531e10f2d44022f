"""The engine's shared library, seen from below: its symbols, and replacing helpers that it calls.

Unicorn translates guest code into host code that calls helper functions.  It reaches each of them through
its global offset table, so that a helper can be replaced before the first engine exists.  These are:

- `check_exit_request`, called at the start of every translated block, becomes the *block stub*: it charges
  the block's cycles from a table keyed by the block's host address, or asks `block` what to do;
- helpers of sensitive instructions (CPUID, RDMSR, IN, MOV CR, ...) become *intercept stubs*: they leave the
  block with the processor state exact at that instruction and report an event;
- `translator_loop` gets an instruction limit from `limit`, so that no block reaches over its page, and does not read
  what the model executes in its place;
- `raise_exception` and `tb_flush` pass through `undefined` (VMREAD, VMWRITE) and `forget` (the block table);
- `tlb_set_dirty` is replaced by `written` (which stores need no comparison with code), and `cpu_loop_exit_noexc`, which a
  block whose store changed its own code leaves by, passes through `modified` (what did not run is not charged);
- far transfers of protected mode have the next block ask: they may have changed the limit of CS.

Measured against the same through `uc_hook_add` (block hook, SVM intercepts): 3,200 instead of 1,700 MIPS on
an ALU loop.  The stubs are a few instructions of LLVM IR; they find the processor through `owner`, the field
of the engine's state that Unicorn would use for SVM's host-save area.  Engines with a zero there are not ours
and behave as before.

Source: Unicorn 2.1.4, qemu/accel/tcg and qemu/target/i386.  Not portable to other versions or hosts than
64-bit ELF: `install` checks what it replaces and refuses with EngineError.
"""
import ctypes
from functools import lru_cache

import llvmlite.binding as llvm
import llvmlite.ir as ir
import numpy as np
from elftools.elf.elffile import ELFFile
from numba import types
from numba.extending import intrinsic

from emu.core import far_stubs, simd, strict
from emu.core.stubs import STORES
from emu.core.template import expanded
from emu.errors import EngineError
from emu.spec.engine import ENGINE

VERSION = "2.1.4"
SUFFIX = "_x86_64"
_SYM = np.dtype([("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")])
_RELA = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<i8")])

# What the intercept stubs report; helpers that become ones.
INSTRUCTION, STEPPED, NOT_AVAILABLE = (int(number) for number in (ENGINE.INSTRUCTION, ENGINE.STEPPED, ENGINE.NOT_AVAILABLE))
INTERCEPTED = (
    "cpuid", "rdtsc", "rdtscp", "rdpmc", "rdmsr", "wrmsr", "hlt", "monitor", "mwait", "pause", "invlpg", "read_crN",
    "write_crN", "lmsw", "clts", "set_dr", "get_dr", "xsetbv", "xgetbv", "rdrand", "syscall", "sysret", "sysenter", "sysexit",
    "inb", "inw", "inl", "outb", "outw", "outl", "lldt", "ltr", "rsm",
)
# Helpers that use x87 and SSE state without looking at the task-switched flag: #NM is reported while it is set.
GUARDED = ("xsave", "xsaveopt", "xrstor")
# Far transfers that may switch tasks, which only legacy protected mode has: (name, RFLAGS that are set then, whether a
# transfer that the model has looked at goes through).  The model looks at them first (`emu.model.vmx.task`).
SWITCHES = (("ljmp_protected", 0, -1), ("lcall_protected", 0, -1), ("iret_protected", 1 << 14, 0))
# Called after an instruction, when the state is already that of the next: reported without restoring.
TRAPS = ("single_step",)


class Library:
    """The loaded libunicorn: addresses of its functions and the table slots that refer to them."""

    def __init__(self):
        import unicorn
        import unicorn.unicorn_py3.unicorn as binding
        if unicorn.__version__ != VERSION:
            raise EngineError(f"the execution engine is Unicorn {unicorn.__version__}; this program needs exactly {VERSION}")
        self.lib, path = binding.uclib, binding.uclib._name
        try:
            with open(path, "rb") as file:
                self._read(ELFFile(file))
        except Exception as error:
            raise EngineError(f"{path} is not the 64-bit ELF library of Unicorn {VERSION}: {error}") from error
        start = ctypes.cast(self.lib.uc_open, ctypes.c_void_p).value
        self.base = start - int(self.symbols["value"][self._index("uc_open")])

    def _read(self, elf):
        def data(name, dtype):
            return np.frombuffer(elf.get_section_by_name(name).data(), dtype)
        self.symbols, self.strings = data(".dynsym", _SYM), elf.get_section_by_name(".dynstr").data()
        self.slots = np.concatenate([data(".rela.dyn", _RELA), data(".rela.plt", _RELA)])

    def _index(self, name):
        at = self.strings.find(b"\0" + name.encode() + b"\0") + 1
        found = np.nonzero(self.symbols["name"] == at)[0] if at else []
        if len(found) != 1:
            raise EngineError(f"the execution engine has no symbol {name}")
        return int(found[0])

    def address(self, name):
        """Return the host address of a function of the library."""
        return self.base + int(self.symbols["value"][self._index(name)])

    def replace(self, name, address):
        """Make every reference of the library to function `name` lead to `address` instead."""
        index, old = self._index(name), self.address(name)
        places = self.slots["offset"][(self.slots["info"] >> np.uint64(32)) == index]
        for place in places:
            where = self.base + int(place)
            _make_writable(where)
            word = ctypes.c_uint64.from_address(where)
            if word.value not in (old, 0) and (int(place) % 8 or not self._lazy(word.value)):
                raise EngineError(f"the execution engine's reference to {name} is not what it should be")
            word.value = address
        if not len(places):
            raise EngineError(f"the execution engine does not reach {name} through a table")

    def _lazy(self, value):
        """Return whether a slot still holds its procedure-linkage stub (not yet bound)."""
        return self.base <= value < self.base + (64 << 20)


def _make_writable(address):
    libc = ctypes.CDLL(None, use_errno=True)
    page = address & ~0xFFF
    if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(0x2000), 3):
        raise EngineError("the execution engine's tables cannot be made writable (mprotect failed)")


@lru_cache(maxsize=1)
def library():
    """Return the loaded library, read once."""
    return Library()


# ---- stubs ------------------------------------------------------------------------------------------------

_STUBS = """
declare i8* @llvm.returnaddress(i32)

define void @block(i64 %uc, i32 %slot) {{
  %ra = caller
  %cs = field i64 %uc {uc_cpu}
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %h1 = lshr i64 %ra, 4
  %h2 = and i64 %h1, {mask}
  %h3 = shl i64 %h2, 7
  %e.a = add i64 %h3, {table}
  %e = inttoptr i64 %e.a to i64*
  %tag = load i64, i64* %e
  %cost.p = getelementptr i64, i64* %e, i64 1
  %cost = load i64, i64* %cost.p
  %count.p = getelementptr i64, i64* %e, i64 2
  %count = load i64, i64* %count.p
  %cycles.p = place i64 %c {cycles}
  %old = load i64, i64* %cycles.p
  %new = add i64 %old, %cost
  %deadline = field i64 %c {deadline}
  %known = icmp eq i64 %tag, %ra
  %fits = icmp ule i64 %new, %deadline
  %fast = and i1 %known, %fits
  br i1 %fast, label %charge, label %slow, !prof !1
charge:
  store i64 %new, i64* %cycles.p
  %insns.p = place i64 %c {instructions}
  %insns = load i64, i64* %insns.p
  %insns.n = add i64 %insns, %count
  store i64 %insns.n, i64* %insns.p
  %block.p = place i64 %c {block}
  store i64 %e.a, i64* %block.p
  ret void
slow:
  %f = inttoptr i64 {slow} to void (i64, i64, i64, i64)*
  tail call void %f(i64 %c, i64 %uc, i64 %ra, i64 %e.a)
  ret void
other:
  %o = inttoptr i64 {check_exit_request} to void (i64, i32)*
  tail call void %o(i64 %uc, i32 %slot)
  ret void
}}

define void @translate(i64 %ops, i64 %db, i64 %cs, i64 %tb, i32 %count) {{
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  store [3 x i64] zeroinitializer, [3 x i64]* @strict_operands
  br i1 %foreign, label %go, label %ours
ours:
  store i64 %db, i64* @strict_block
  store i32 0, i32* @strict_first_of
  %f = inttoptr i64 {limit} to i64 (i64, i64, i64, [3 x i64]*)*
  %n64 = call i64 %f(i64 %c, i64 %tb, i64 %cs, [3 x i64]* @strict_operands)
  %n = trunc i64 %n64 to i32
  %size64 = lshr i64 %n64, 32
  %size16 = trunc i64 %size64 to i16
  %less = icmp slt i32 %n, %count
  %m = select i1 %less, i32 %n, i32 %count
  br label %go
go:
  %k = phi i32 [ %count, %0 ], [ %m, %ours ]
  %size = phi i16 [ 0, %0 ], [ %size16, %ours ]
  %t = inttoptr i64 {translator_loop} to void (i64, i64, i64, i64, i32)*
  call void %t(i64 %ops, i64 %db, i64 %cs, i64 %tb, i32 %k)
  store [3 x i64] zeroinitializer, [3 x i64]* @strict_operands
  %read = icmp eq i16 %size, 0
  br i1 %read, label %done, label %unread
unread:
  %size.p = place i16 %tb {tb_size}
  store i16 %size, i16* %size.p
  br label %done
done:
  ret void
}}

define void @raise(i64 %env, i32 %number) {{
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  %undefined = icmp eq i32 %number, 6
  %not = xor i1 %foreign, true
  %try = and i1 %not, %undefined
  br i1 %try, label %fast, label %go
fast:
  %f = inttoptr i64 {undefined} to i64 (i64, i64)*
  %done = call i64 %f(i64 %c, i64 %env)
  %no = icmp eq i64 %done, 0
  br i1 %no, label %go, label %out
go:
  %o = inttoptr i64 {raise_exception} to void (i64, i32)*
  call void %o(i64 %env, i32 %number)
  ret void
out:
  ret void
}}

define void @forget(i64 %cs) {{
  %f = inttoptr i64 {forget} to i64 (i64, i64)*
  %r = call i64 %f(i64 {table}, i64 {mask})
  %o = inttoptr i64 {tb_flush} to void (i64)*
  tail call void %o(i64 %cs)
  ret void
}}

define void @nothing(i64 %cs) {{
  ret void
}}
"""
_INTERCEPT = """
define i64 @intercept_{name}(i64 %env, i64 %a, i64 %b) {{
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %ra.i = caller
  %ra = and i64 %ra.i, {keep}
  leave {number}
  ret i64 0
other:
  %o = inttoptr i64 {original} to i64 (i64, i64, i64)*
  %r = tail call i64 %o(i64 %env, i64 %a, i64 %b)
  ret i64 %r
}}
"""
_GUARD = """
define i64 @intercept_{name}(i64 %env, i64 %a, i64 %b) {{
  %flags = field i32 %env {env_hflags}
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  %bit = and i32 %flags, 2048
  %set = icmp ne i32 %bit, 0
  %stop = and i1 %ours, %set
  br i1 %stop, label %leave, label %other
leave:
  %ra = caller
  leave {number}
  ret i64 0
other:
  %o = inttoptr i64 {original} to i64 (i64, i64, i64)*
  %r = tail call i64 %o(i64 %env, i64 %a, i64 %b)
  ret i64 %r
}}
"""
_SWITCH = """
define i64 @intercept_{name}(i64 %env, i64 %a, i64 %b, i64 %d, i64 %e) {{
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %hidden = field i32 %env {env_hflags}
  %long = and i32 %hidden, 16384
  %flags = field i64 %env {env_eflags}
  %have = and i64 %flags, {need}
  %step.v = field i64 %c {iret_step}
  %step = and i64 %step.v, {looked}
  %legacy = icmp eq i32 %long, 0
  %needed = icmp eq i64 %have, {need}
  %new = icmp eq i64 %step, 0
  %both = and i1 %legacy, %needed
  %leave = and i1 %both, %new
  br i1 %leave, label %report, label %other
report:
  %ra = caller
  leave {number}
  ret i64 0
other:
  %o = inttoptr i64 {original} to i64 (i64, i64, i64, i64, i64)*
  %r = tail call i64 %o(i64 %env, i64 %a, i64 %b, i64 %d, i64 %e)
  ret i64 %r
}}
"""
_TAIL = """
declare void @llvm.memcpy.p0i8.p0i8.i64(i8*, i8*, i64, i1)
!0 = !{!"branch_weights", i32 1, i32 10000}
!1 = !{!"branch_weights", i32 10000, i32 1}
"""
_KEEP = []                                  # compiled stubs live as long as the process
_DONE = {}


def install(constants, **functions):
    """Replace the helpers, once in a process, before the first engine exists.

    constants: offsets by name (see `emu.core.context.stub_constants`)
    functions: addresses of C functions by name:
        slow(processor, engine, return address, table entry)
        limit(processor, block, engine, uint64[3]) -> instructions allowed in the block, or 1 and in bits 47:32 the length of one
            that the engine must not read; sets which of them (bit n for instruction n) have an operand of each kind of
            emu.spec.simd.OPERAND
        undefined(processor, state) -> 1 when it executed what the engine calls undefined
        forget(table, mask) empties the block table: host addresses are used again
        written(CPU state, linear address) lets stores to a page go unnoticed, where they may
        modified(CPU state) takes back what a block that changed itself did not run
        storing(CPU state, offset in RAM, bytes, return address) is called before each piece of a store to a page with code
        before(processor, return address, FAR, operand) is called before the helpers of far transfers and segment loads
    Returns the addresses of the stubs by name.
    """
    if not llvm.get_host_cpu_features().get("sse4.1"):
        raise EngineError("the processor of this computer has no SSE4.1: SSE arithmetic of guests is done by its own instructions")
    if _DONE:
        return _DONE
    lib = library()
    constants = dict(constants, loop_exit_restore=lib.address("cpu_loop_exit_restore" + SUFFIX))
    helpers = [(name, INSTRUCTION, -1) for name in INTERCEPTED] + [(name, STEPPED, 0) for name in TRAPS]
    passed = {name: lib.address(name + SUFFIX) for name in ("tb_flush", "tlb_set_dirty", "cpu_loop_exit_noexc",
                                                            "tb_invalidate_phys_page_fast")}
    text = (_STUBS + STORES).format(**constants, **functions, **passed, raise_exception=lib.address("helper_raise_exception" + SUFFIX),
                                    translator_loop=lib.address("translator_loop" + SUFFIX),
                                    check_exit_request=lib.address("helper_check_exit_request" + SUFFIX))
    for name, number, keep in helpers:
        text += _INTERCEPT.format(name=name, number=number, keep=keep, original=lib.address(f"helper_{name}{SUFFIX}"), **constants)
    for name in GUARDED:
        original = lib.address(f"helper_{name}{SUFFIX}")
        if name == "xrstor":
            original = "ptrtoint (void (i64, i64, i64)* @strict_xrstor to i64)"
        text += _GUARD.format(name=name, number=NOT_AVAILABLE, original=original, **constants)
    for name, need, looked in SWITCHES:
        text += _SWITCH.format(name=name, number=INSTRUCTION, need=need, looked=looked, original=lib.address(f"helper_{name}{SUFFIX}"),
                               **constants)
    replaced = {}
    for unit in (simd, strict):
        more, names = unit.stubs(constants, lambda name: lib.address(name + SUFFIX))
        text += more
        replaced.update(names)
    far = far_stubs.names()
    for name in far:
        helper = lib.address(f"helper_{name}{SUFFIX}")
        if f"@intercept_{name}(" in text:
            helper = None
        elif name == "load_seg":                                 # one stub after the other
            helper = f"ptrtoint (void (i64, i32, i32)* @{replaced.pop(f'helper_{name}')} to i64)"
        text += far_stubs.text(name, helper, functions["before"], constants)
    compiled = _compile(expanded(text + _TAIL, constants))
    for name, stub in replaced.items():
        lib.replace(name + SUFFIX, compiled.get_function_address(stub))
    for name in [row[0] for row in (*helpers, *SWITCHES)] + list(GUARDED):
        if name not in far:
            lib.replace(f"helper_{name}{SUFFIX}", compiled.get_function_address(f"intercept_{name}"))
    for name in far:
        lib.replace(f"helper_{name}{SUFFIX}", compiled.get_function_address(f"far_{name}"))
    lib.replace("helper_check_exit_request" + SUFFIX, compiled.get_function_address("block"))
    lib.replace("helper_raise_exception" + SUFFIX, compiled.get_function_address("raise"))
    lib.replace("tb_flush" + SUFFIX, compiled.get_function_address("forget"))
    lib.replace("tlb_set_dirty" + SUFFIX, compiled.get_function_address("dirty"))
    lib.replace("cpu_loop_exit_noexc" + SUFFIX, compiled.get_function_address("again"))
    lib.replace("tb_invalidate_phys_page_fast" + SUFFIX, compiled.get_function_address("storing"))
    lib.replace("translator_loop" + SUFFIX, compiled.get_function_address("translate"))
    _DONE.update({name: compiled.get_function_address(name) for name in ("block", "translate", "nothing", "forget", "unaligned")})
    return _DONE


def install_addresses():
    """Return the stubs' addresses after `install`."""
    return _DONE


def _compile(text):
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _KEEP.extend((module, machine, engine))
    return engine


# ---- calling C functions from kernels -----------------------------------------------------------------------

@intrinsic
def call(typing, function, a, b, c, d, e, f):
    """Call the C function at an address with six 64-bit arguments (spare ones are ignored by it)."""
    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        target = builder.inttoptr(args[0], ir.FunctionType(word, [word] * 6).as_pointer())
        return builder.call(target, list(args[1:]))
    return types.uint64(*[types.uint64] * 7), codegen


def _access(bits):
    @intrinsic
    def peek(typing, address):
        def codegen(context, builder, signature, args):
            word = builder.load(builder.inttoptr(args[0], ir.IntType(bits).as_pointer()))
            return word if bits == 64 else builder.zext(word, ir.IntType(64))
        return types.uint64(types.uint64), codegen

    @intrinsic
    def poke(typing, address, value):
        def codegen(context, builder, signature, args):
            word = args[1] if bits == 64 else builder.trunc(args[1], ir.IntType(bits))
            builder.store(word, builder.inttoptr(args[0], ir.IntType(bits).as_pointer()))
            return context.get_dummy_value()
        return types.void(types.uint64, types.uint64), codegen

    return peek, poke


peek64, poke64 = _access(64)
peek32, poke32 = _access(32)
peek16, poke16 = _access(16)
peek8, poke8 = _access(8)


@intrinsic
def address(typing, pointer):
    """Return a C pointer as a 64-bit number."""
    def codegen(context, builder, signature, args):
        return builder.ptrtoint(args[0], ir.IntType(64))
    return types.uint64(types.voidptr), codegen
