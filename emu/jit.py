"""The two decorators all compiled code uses.

`kernel` makes a function callable from kernels and Python; `entry` makes a C function whose address
travels in a record.  What they compile is kept by `emu.kernel_cache`.

Both make the integer literals of the function unsigned, 64 bits wide, compiled and in plain Python alike: `value >> 12` and
`entry & 1 == 0` mean what the manual means.  A literal is a number modulo 2**64, so -1 is all ones.  Not touched: `True` and
`False`, default values, and the module's own constants, which must be `np.uint64` (`emu.bits.U64`) themselves.
"""
import ctypes
import dis
from contextlib import contextmanager
from types import CodeType

import numpy as np
from numba import carray, types
from numba.core import ccallback, cgutils, codegen, compiler, ir, registry, rewrites, sigutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import _FunctionCompiler
from numba.extending import intrinsic, overload

from emu.kernel_cache import FLAGS, KernelCache

# ---- literals ---------------------------------------------------------------------------------------------
#
# To numba a literal is signed: `value >> 12` would be a signed shift, and `value - 1` of a uint64 is a float.  The numbers
# are replaced in the code object, before numba sees it: plain Python, which tests and people step through, runs the same code.
# CPython computes with literals alone first, in its own integers: `~15 >> 4` is all ones (see docs/design/compile.md).
WORD_MASK = (1 << 64) - 1
_SMALL, _CONSTANT = dis.opmap.get("LOAD_SMALL_INT"), dis.opmap["LOAD_CONST"]


def _unsigned(constant):
    """Return a constant with its integers as uint64, modulo 2**64: CPython makes -2 of `~1`, and a tuple of `a, b = 0, 0`."""
    if type(constant) is tuple:
        return tuple(_unsigned(each) for each in constant)
    if isinstance(constant, CodeType):
        return unsigned(constant)
    return np.uint64(constant & WORD_MASK) if type(constant) is int else constant


def unsigned(code):
    """Return a code object whose integer literals are uint64.

    From Python 3.14 those below 256 stand in the instruction; they become constants like the others.
    """
    constants, places = [_unsigned(each) for each in code.co_consts], {}
    text = bytearray(code.co_code)
    for at in range(0, len(text), 2) if _SMALL else ():
        if text[at] == _SMALL:
            number = text[at + 1]
            if number not in places:
                places[number] = len(constants)
                constants.append(np.uint64(number))
            text[at:at + 2] = _CONSTANT, places[number]    # a ValueError past 256 constants: no kernel has so many
    return code.replace(co_code=bytes(text), co_consts=tuple(constants))


# ---- compiling a call tree once ---------------------------------------------------------------------------
#
# numba compiles every function it meets to machine code, together with everything that it calls, so that a call
# tree ten levels deep is optimised ten times over.  Here a kernel that is compiled because another one calls it
# stays what the front end made of it; the entry, or the kernel that Python calls, links the whole tree and
# optimises it once.  Measured on the event unit: 50 s of processor time became 12.

@rewrites.register_rewrite("before-inference")
class _FoldTables(rewrites.Rewrite):
    """Replace TABLE.ROW, where TABLE is a global named tuple, by the row's number: else each lowers the whole table."""

    def match(self, func_ir, block, typemap, calltypes):
        """Note each such expression of the block."""
        self.block, self.found, self.tables = block, {}, set()
        for statement in block.body:
            if not (isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Expr) and statement.value.op == "getattr"):
                continue
            try:
                table = func_ir.get_definition(statement.value.value)
            except KeyError:
                continue
            if isinstance(table, (ir.Global, ir.FreeVar)) and isinstance(table.value, tuple) and hasattr(table.value, "_fields"):
                number = getattr(table.value, statement.value.attr, None)
                if isinstance(number, np.uint64):
                    self.found[id(statement)] = (f"{table.name}.{statement.value.attr}", number)
                    self.tables.add(statement.value.value.name)
        return bool(self.found)

    def apply(self):
        """Return the block with numbers in their place."""
        block = self.block.copy()
        block.clear()
        for statement in self.block.body:
            dead = (isinstance(statement, ir.Assign) and statement.target.name in self.tables and statement.target.name.startswith("$")) \
                or (isinstance(statement, ir.Del) and statement.value in self.tables and statement.value.startswith("$"))
            if dead:
                continue
            if id(statement) in self.found:
                name, number = self.found[id(statement)]
                statement = ir.Assign(ir.Global(name, number, statement.loc), statement.target, statement.loc)
            block.append(statement)
        return block


_modes = []                                               # innermost last: True while a tree's root is compiled


@contextmanager
def _mode(root):
    _modes.append(root)
    try:
        yield
    finally:
        _modes.pop()


class _Branch(codegen.JITCodeLibrary):
    """A library that is only ever linked into others: no optimisation, no machine code of its own."""

    def finalize(self):
        """Note that the library is complete."""
        self._finalized = True

    def _optimize_functions(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout

    def _get_module_for_linking(self):
        if self._shared_module is None:
            self._shared_module = self._final_module.clone()
            for function in self._shared_module.functions:
                if not function.is_declaration and function.linkage == codegen.ll.Linkage.external:
                    function.linkage = "linkonce_odr"
        return self._shared_module

    def get_pointer_to_function(self, name):
        """Return an address that numba can keep and nobody calls."""
        return 1


def _create_library(self, name, **kwargs):
    kind = _Branch if _modes and not _modes[-1] else self._library_class
    return kind(self, name, **kwargs)


def _add_linking_library(self, library):
    library._ensure_finalized()
    self._linking_libraries.append(library)
    if isinstance(library, _Branch):
        self._linking_libraries += [each for each in library._linking_libraries if each not in self._linking_libraries]


def _set_env(self, env_name, env, original=codegen.JITCPUCodegen.set_env):
    if self._engine.get_global_value_address(env_name):    # a branch has none
        original(self, env_name, env)


codegen.JITCPUCodegen.set_env = _set_env
codegen.CPUCodegen.create_library = _create_library
codegen.CPUCodeLibrary.add_linking_library = _add_linking_library


class _Kernel(registry.CPUDispatcher):
    """A dispatcher that compiles for Python and for other kernels apart."""

    def compile(self, sig):
        """Compile for the argument types: as a tree's root when Python calls, as a branch when a kernel does."""
        args, result = sigutils.normalize_signature(sig)
        with global_compiler_lock:
            return self._root(sig, tuple(args), result) if not _modes else self._branch(tuple(args), result)

    def _branch(self, args, result):
        if args not in self.overloads:
            with _mode(False):
                self.overloads[args] = self._branches().compile(args, result)
        return self.overloads[args].entry_point

    def _branches(self):
        """Return a compiler that makes no wrappers for callers from Python and C."""
        options = dict(FLAGS, nopython=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
        return _FunctionCompiler(self.py_func, self.targetdescr, options, {}, compiler.Compiler)

    def _root(self, sig, args, result):
        roots = self.__dict__.setdefault("_roots", {})
        if args not in roots:
            found = self._cache.load_overload(sig, self.targetctx)
            if found is None:
                with _mode(True), self._cache.compiling():
                    found = self._compiler.compile(args, result)
                self._cache.save_overload(sig, found)
            self._insert([a._code for a in args], found.entry_point, False)
            roots[args] = found
        return roots[args].entry_point


def kernel(function):
    """Compile a model function; it depends on its arguments alone and raises nothing.  Its integer literals are uint64."""
    function.__code__ = unsigned(function.__code__)
    made = _Kernel(function, locals={}, targetoptions=dict(FLAGS, nopython=True))
    made._cache = KernelCache(function)
    return made


def entry(signature):
    """Compile a C function with this numba signature; its `.address` travels in a record.  Its integer literals are uint64."""
    def compiled(function):
        function.__code__ = unsigned(function.__code__)
        made = ccallback.CFunc(function, sigutils.normalize_signature(signature), {}, dict(error_model="numpy"))
        made._cache = KernelCache(function)
        with _mode(True), made._cache.compiling():
            made.compile()
        return made
    return compiled


@intrinsic
def _pointer(typing, address):
    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)
    return types.voidptr(types.uint64), codegen


def viewer(dtype, count=1):
    """Return a function that views `count` elements of `dtype` at a host address (uint64), in kernels and Python.

    The view shares the memory; whoever put the address into a record keeps the memory alive.
    """
    def view(address):
        memory = (ctypes.c_char * (dtype.itemsize * count)).from_address(int(address))
        return np.frombuffer(memory, dtype=dtype)

    @overload(view)
    def compiled(address):
        return lambda address: carray(_pointer(address), count, dtype)

    return view


def words(address, count):
    """View `count` uint64 words at a host address, in kernels and Python."""
    return np.frombuffer((ctypes.c_char * (8 * int(count))).from_address(int(address)), dtype=np.uint64)


@overload(words)
def _words(address, count):
    return lambda address, count: carray(_pointer(address), (count,), np.uint64)


def octets(address, count):
    """View `count` bytes at a host address, in kernels and Python."""
    return np.frombuffer((ctypes.c_char * int(count)).from_address(int(address)), dtype=np.uint8)


@overload(octets)
def _octets(address, count):
    return lambda address, count: carray(_pointer(address), (count,), np.uint8)
