"""The engine's shared library, seen from below: its symbols, and replacing helpers that it calls.

Unicorn translates guest code into host code that calls helper functions.  It reaches each of them through
its global offset table, so that a helper can be replaced before the first engine exists.  These are:

- `check_exit_request`, called at the start of a translated block until that charges itself (`emu.core.head`), becomes the *block stub*: it
  charges the block's cycles from its entry, which lies in front of its code, or asks `block` what to do;
- `tcg_tb_alloc` leaves room for that entry;
- `helper_lookup_tb_ptr` and `tb_htable_lookup` look into a table first that a flush of the engine's TLB leaves as it is;
  `tlb_flush_by_mmuidx` and `tlb_flush_page_by_mmuidx` count the table's epochs;
- helpers of sensitive instructions (CPUID, RDMSR, IN, MOV CR, ...) become *intercept stubs*: they leave the
  block with the processor state exact at that instruction and report an event; RDTSC, RDTSCP, PAUSE and MOV from CR ask `quick` first;
- `translator_loop` gets an instruction limit from `limit`, so that no block of several instructions reaches over its page, and does
  not read what the model executes in its place;
- `raise_exception` and `tb_flush` pass through `undefined` (VMREAD, VMWRITE) and `forget` (whose blocks are in no list any more);
- `tlb_set_dirty` is replaced by `written` (which stores need no comparison with code), and `cpu_loop_exit_noexc`, which a
  block whose store changed its own code leaves by, passes through `modified` (what did not run is not charged, and what of the
  store was made is taken back: `tb_invalidate_phys_page_fast` passes through `storing`, which keeps what is there);
- far transfers of protected mode have the next block ask: they may have changed the limit of CS.

Measured against the same through `uc_hook_add` (block hook, SVM intercepts): 3,200 instead of 1,700 MIPS on
an ALU loop.  The stubs are a few instructions of LLVM IR (`stubs/*.ll`, read by `emu.core.template`); they find the
processor through `owner`, the field of the engine's state that Unicorn would use for SVM's host-save area.  Engines with
a zero there are not ours and behave as before.

Source: Unicorn 2.1.4, qemu/accel/tcg and qemu/target/i386.  Not portable to other versions or hosts than
64-bit ELF: `install` checks what it replaces and refuses with EngineError.
"""
import ctypes
import hashlib
import re
from functools import cache, lru_cache

import numpy as np
from elftools.elf.elffile import ELFFile

from emu.core import far_stubs, simd, strict
from emu.core.template import expanded, filled, joined, parts
from emu.errors import EngineError
from emu.jit import Intrinsic
from emu.kernel_cache import cache_root, processor, read_sealed, versions, write_sealed
from emu.object_code import Code
from emu.spec.engine import ENGINE
from emu.spec.insn import INSN

VERSION = "2.1.4"
SUFFIX = "_x86_64"
_SYM = np.dtype([("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")])
_RELA = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<i8")])

# What the intercept stubs report; helpers that become ones.
INSTRUCTION, STEPPED, NOT_AVAILABLE = (int(number) for number in (ENGINE.INSTRUCTION, ENGINE.STEPPED, ENGINE.NOT_AVAILABLE))
INTERCEPTED = (
    "cpuid", "rdpmc", "rdmsr", "wrmsr", "hlt", "monitor", "mwait", "invlpg", "write_crN",
    "lmsw", "clts", "set_dr", "get_dr", "xsetbv", "xgetbv", "rdrand", "syscall", "sysret", "sysenter", "sysexit",
    "inb", "inw", "inl", "outb", "outw", "outl", "lldt", "ltr", "rsm",
)
# Those that `quick` may execute within the block.
QUICK = {"rdtsc": INSN.RDTSC, "rdtscp": INSN.RDTSCP, "pause": INSN.PAUSE, "read_crN": INSN.MOV_FROM_CR}
# Helpers that use x87 and SSE state without checking the task-switched flag: #NM is reported while it is set.
GUARDED = ("xsave", "xsaveopt", "xrstor")
# Far transfers that may switch tasks, which only legacy protected mode has: (name, RFLAGS that are set then, whether a
# transfer that the model has examined goes through).  The model examines them first (`emu.model.vmx.task`).
SWITCHES = (("ljmp_protected", 0, -1), ("lcall_protected", 0, -1), ("iret_protected", 1 << 14, 0))
# Called after an instruction, when the state is already that of the next: reported without restoring.
TRAPS = ("single_step",)
# Functions of the engine that have a stub of their own in `stubs/block.ll`, `stubs/find.ll` and `stubs/stores.ll`
REPLACED = {"helper_check_exit_request": "block", "helper_raise_exception": "raise", "tb_flush": "forget", "tcg_tb_alloc": "allot",
            "helper_lookup_tb_ptr": "lookup", "tb_htable_lookup": "table", "tlb_flush_by_mmuidx": "flush",
            "tlb_flush_page_by_mmuidx": "flush_page", "tlb_set_dirty": "dirty", "tlb_reset_dirty_by_vaddr": "reset_dirty",
            "cpu_loop_exit_noexc": "again", "tb_invalidate_phys_page_fast": "storing", "translator_loop": "translate"}


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
        slots = np.concatenate([data(".rela.dyn", _RELA), data(".rela.plt", _RELA)])
        users = slots["info"] >> np.uint64(32)             # symbol that each refers to
        order = np.argsort(users, kind="stable")
        self.slots, self.users = slots[order], users[order]
        self.indexes, twice = {}, set()                    # place of its name: number of a symbol
        for number, at in enumerate(self.symbols["name"].tolist()):
            if at in self.indexes:
                twice.add(at)
            self.indexes[at] = number
        for at in twice:
            del self.indexes[at]

    def _index(self, name):
        found = self.indexes.get(self.strings.find(b"\0" + name.encode() + b"\0") + 1)
        if not found:                                      # number 0 stands for none
            raise EngineError(f"the execution engine has no symbol {name}")
        return found

    def address(self, name):
        """Return the host address of a function of the library."""
        return self.base + int(self.symbols["value"][self._index(name)])

    def replace(self, name, address):
        """Make every reference of the library to function `name` lead to `address` instead."""
        index, old = self._index(name), self.address(name)
        first, last = np.searchsorted(self.users, (index, index + 1))
        places = self.slots["offset"][first:last]
        for place in places:
            where = self.base + int(place)
            _make_writable(where & ~0xFFF)
            word = ctypes.c_uint64.from_address(where)
            if word.value not in (old, 0) and (int(place) % 8 or not self._lazy(word.value)):
                raise EngineError(f"the execution engine's reference to {name} is not what it should be")
            word.value = address
        if not len(places):
            raise EngineError(f"the execution engine does not reach {name} through a table")

    def _lazy(self, value):
        """Return whether a slot still holds its procedure-linkage stub (not yet bound)."""
        return self.base <= value < self.base + (64 << 20)


@cache
def _make_writable(page):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(0x2000), 3):
        raise EngineError("the execution engine's tables cannot be made writable (mprotect failed)")


@lru_cache(maxsize=1)
def library():
    """Return the loaded library, read once."""
    return Library()


# ---- stubs ------------------------------------------------------------------------------------------------

OUTSIDE = "outside."                        # symbols of what the stubs call: its addresses are others in each process
_DONE = {}
_DEFINED = re.compile(r"^define (?!internal)[^@]*@(\w+)", re.MULTILINE)


def install(constants, **functions):
    """Replace the helpers, once in a process, before the first engine exists.

    constants: offsets by name (see `emu.core.context.stub_constants`)
    functions: addresses of C functions by name:
        slow(processor, engine, return address, entry of the block)
        limit(processor, block, engine, uint64[3]) -> instructions allowed in the block, or 1 and in bits 47:32 the length of one
            that the engine must not read; sets which of them (bit n for instruction n) have an operand of each kind of
            emu.spec.simd.OPERAND
        undefined(processor, state) -> 1 when it executed what the engine calls undefined
        quick(processor, state, INSN) -> 1 when it executed the instruction of that kind at RIP within the block; what MOV from CR
            reads is in CORE.value_read
        forget(processor, CPU state) is called before the engine drops all its blocks: host addresses are used again
        written(CPU state, linear address) lets stores to a page go unnoticed, where they may
        modified(CPU state) takes back what a block that changed itself did not run
        storing(CPU state, offset in RAM, bytes, return address) is called before each piece of a store to a page with code
        before(processor, return address, FAR, operand) is called before the helpers of far transfers and segment loads
    Returns the addresses of the stubs by name.
    """
    if processor() and "sse4_1" not in processor()["flags"].split():
        raise EngineError("the processor of this computer has no SSE4.1: SSE arithmetic of guests is done by its own instructions")
    if _DONE:
        return _DONE
    lib, places = library(), {}

    def outside(name, address):
        places[OUTSIDE + name] = address
        return f"ptrtoint (i8* @{OUTSIDE}{name} to i64)"

    def address(name):
        return outside(name, lib.address(name + SUFFIX))

    constants = dict(constants, loop_exit_restore=address("cpu_loop_exit_restore"))
    text, replaced = _stubs(address, constants, {name: outside(name, where) for name, where in functions.items()})
    found = {name: at for name, at, _ in _loaded(expanded(text, constants), places).functions}
    for name, stub in replaced.items():
        lib.replace(name + SUFFIX, found[stub])
    _DONE.update({name: found[name] for name in _DEFINED.findall(text)})
    return _DONE


def _stubs(address, constants, functions):
    """Return (IR, {function of the engine: name of its stub}) of all stubs; `address` gives that of a function of the engine, in IR."""
    texts = [filled(joined((parts("block")["blocks"], parts("find")["find"], parts("stores")["stores"])), **constants, **functions,
                    **{name.removeprefix("helper_"): address(name) for name in REPLACED})]
    replaced = dict(REPLACED)
    more, names = _intercepts(address, constants, functions["quick"])
    texts += more
    replaced.update(names)
    for unit in (simd, strict):
        more, names = unit.stubs(constants, address)
        texts.append(more)
        replaced.update(names)
    for name in far_stubs.names():
        before = replaced.get(f"helper_{name}")                  # one stub after the other
        helper = None if before == f"intercept_{name}" else address(f"helper_{name}")
        if name == "load_seg":
            helper = f"ptrtoint (void (i64, i32, i32)* @{before} to i64)"
        texts.append(far_stubs.text(name, helper, functions["before"], constants))
        replaced[f"helper_{name}"] = f"far_{name}"
    return joined([*texts, parts("block")["tail"]]), replaced


def _intercepts(address, constants, quick):
    """Return ([IR], {function of the engine: name of its stub}) of the stubs that leave a block."""
    stubs, texts, names = parts("intercept"), [], []
    for name, number, keep in [*((name, INSTRUCTION, -1) for name in INTERCEPTED), *((name, STEPPED, 0) for name in TRAPS)]:
        texts.append(filled(stubs["intercept"], name=name, number=number, keep=keep, original=address(f"helper_{name}"), **constants))
        names.append(name)
    for name, kind in QUICK.items():
        texts.append(filled(stubs["quick"], name=name, number=INSTRUCTION, kind=int(kind), quick=quick,
                            original=address(f"helper_{name}"), **constants))
        names.append(name)
    for name in GUARDED:
        original = "ptrtoint (void (i64, i64, i64)* @strict_xrstor to i64)" if name == "xrstor" else address(f"helper_{name}")
        texts.append(filled(stubs["guard"], name=name, number=NOT_AVAILABLE, original=original, **constants))
        names.append(name)
    for name, need, looked in SWITCHES:
        texts.append(filled(stubs["switch"], name=name, number=INSTRUCTION, need=need, looked=looked, original=address(f"helper_{name}"),
                            **constants))
        names.append(name)
    return texts, {f"helper_{name}": f"intercept_{name}" for name in names}


def install_addresses():
    """Return the stubs' addresses after `install`."""
    return _DONE


def _loaded(text, places):
    """Return the Code of the stubs, from the cache or compiled; places: addresses by name of what they call."""
    text = joined([text, *(f"@{name} = external global i8" for name in places)])
    path = cache_root() / "stubs" / f"{hashlib.sha256(f'{versions()}{text}'.encode()).hexdigest()[:20]}.o"
    data = read_sealed(path)
    if data is None:
        data = _compile(text)
        write_sealed(path, data)
    try:
        return Code(data, places)
    except ValueError as error:
        raise EngineError(f"the stubs of the execution engine cannot be loaded: {error}") from error


def _compile(text):
    """Return the object file of IR: code for any x86-64, in which every address has room for 64 bits."""
    import llvmlite.binding as llvm
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3, codemodel="large")
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    return machine.emit_object(module)


# ---- calling C functions from kernels -----------------------------------------------------------------------

@Intrinsic
def call(typing, function, a, b, c, d, e, f):
    """Call the C function at an address with six 64-bit arguments (spare ones are ignored by it)."""
    from llvmlite import ir
    from numba import types

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        target = builder.inttoptr(args[0], ir.FunctionType(word, [word] * 6).as_pointer())
        return builder.call(target, list(args[1:]))
    return types.uint64(*[types.uint64] * 7), codegen


def _access(bits):
    @Intrinsic
    def peek(typing, address):
        from llvmlite import ir
        from numba import types

        def codegen(context, builder, signature, args):
            word = builder.load(builder.inttoptr(args[0], ir.IntType(bits).as_pointer()))
            return word if bits == 64 else builder.zext(word, ir.IntType(64))
        return types.uint64(types.uint64), codegen

    @Intrinsic
    def poke(typing, address, value):
        from llvmlite import ir
        from numba import types

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


@Intrinsic
def address(typing, pointer):
    """Return a C pointer as a 64-bit number."""
    from llvmlite import ir
    from numba import types

    def codegen(context, builder, signature, args):
        return builder.ptrtoint(args[0], ir.IntType(64))
    return types.uint64(types.voidptr), codegen
