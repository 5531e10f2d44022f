"""What compiles: numba, made to compile a call tree once, and its cache of compiled kernels in `emu.kernel_cache`'s folders.

`emu.jit` imports this when something is not in the cache as machine code, or when Python calls a kernel.
"""
import contextlib
import fcntl
import glob
import pickle
import weakref
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numba import carray, types
from numba.core import caching, ccallback, cgutils, codegen, compiler, ir, registry, rewrites, sigutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import _FunctionCompiler
from numba.core.extending import _Intrinsic
from numba.core.typing.templates import infer, infer_global, make_intrinsic_template
from numba.extending import intrinsic, overload

from emu.kernel_cache import FLAGS, PACKAGE, PART, closure_key, folder_of, imports_of, is_as_read, read_sealed, write_sealed


# ---- the cache --------------------------------------------------------------------------------------------
class _Locator(caching._CacheLocator):
    """Place a file's compiled kernels in a folder keyed by what they depend on."""

    def __init__(self, py_func, py_file):
        self._py_file, self._line = py_file, py_func.__code__.co_firstlineno

    def get_cache_path(self):
        return str(folder_of(self._py_file))

    def get_source_stamp(self):
        return closure_key(self._py_file)

    def get_disambiguator(self):
        return str(self._line)

    @classmethod
    def from_function(cls, py_func, py_file):
        """Take every file of `emu`, and files elsewhere (tests, scripts) that import it."""
        path = Path(py_file)
        ours = path.is_relative_to(PACKAGE) or (path.is_file() and imports_of(path))
        return cls(py_func, py_file) if ours else None


caching.CacheImpl._locator_classes.insert(0, _Locator)


class _Files(caching.IndexDataCacheFile):
    """numba's index and data files, sealed."""

    def _load_index(self):
        data = read_sealed(self._index_path)
        stamp, overloads = pickle.loads(data) if data else (None, {})
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads):
        write_sealed(self._index_path, self._dump((self._source_stamp, overloads)))

    def _load_data(self, name):
        data = read_sealed(self._data_path(name))
        if data is None:
            raise FileNotFoundError(name)                  # `load` takes it for a kernel that is not in the cache
        return pickle.loads(data)

    def _save_data(self, name, data):
        write_sealed(self._data_path(name), self._dump(data))


class KernelCache(caching.FunctionCache):
    """The cache of one kernel.  A process that does not find it there compiles it while others wait for it to be saved."""

    def __init__(self, py_func):
        super().__init__(py_func)
        locator = self._impl.locator
        self._source = locator._py_file
        self._cache_file = _Files(locator.get_cache_path(), self._impl.filename_base, locator.get_source_stamp())
        self._lock_path, self._turn = Path(locator.get_cache_path(), f"{self._impl.filename_base}.lock"), None

    def load_overload(self, sig, target_context):
        """Return the compiled kernel; None when the caller is to compile it and call `save_overload`."""
        if not is_as_read(self._source):
            return None
        found = super().load_overload(sig, target_context)
        if found is None and self._turn is None:
            self._take_turn()
            found = super().load_overload(sig, target_context)
            if found is not None:
                self._end_turn()
        return found

    def save_overload(self, sig, data):
        """Save a compiled kernel and let the others have it."""
        if is_as_read(self._source):
            with contextlib.suppress(OSError):             # no folder can be made: it stays in this process
                super().save_overload(sig, data)
        self._end_turn()

    @contextlib.contextmanager
    def compiling(self):
        """Let the others go on when the kernel cannot be compiled: an error, or an interrupt in a process that lives on."""
        try:
            yield
        except BaseException:
            self._end_turn()
            raise

    def _take_turn(self):
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            self._turn = open(self._lock_path, "ab")
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            for part in self._lock_path.parent.glob(f"{glob.escape(self._lock_path.stem)}.*{PART}"):
                part.unlink(missing_ok=True)               # of a process that was killed: this one holds the lock
        except OSError:                                    # a file system without locks: both compile
            self._end_turn()

    def _end_turn(self):
        if self._turn:
            self._turn.close()
        self._turn = None


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


class Dispatcher(registry.CPUDispatcher):
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


# ---- for the decorators of emu.jit ------------------------------------------------------------------------
def dispatcher(function):
    """Return numba's dispatcher of a kernel."""
    made = Dispatcher(function, locals={}, targetoptions=dict(FLAGS, nopython=True))
    made._cache = KernelCache(function)
    return made


def c_function(function, signature):
    """Return numba's CFunc of an entry, compiled or taken from numba's cache."""
    made = ccallback.CFunc(function, sigutils.normalize_signature(signature), {}, dict(error_model="numpy"))
    made._cache = KernelCache(function)
    with _mode(True), made._cache.compiling():
        made.compile()
    return made


def object_of(compiled):
    """Return the object file that a CFunc was loaded from."""
    return _objects.get(compiled._library) or compiled._library._get_compiled_object()


def holds_addresses(compiled):
    """Return whether the code of a CFunc holds addresses of this process, such as that of a ctypes function or of a large array."""
    return compiled._library.has_dynamic_globals


_objects = weakref.WeakKeyDictionary()                     # library: object file, which numba forgets once it is loaded


def _set_compiled_object(self, value, original=codegen.CPUCodeLibrary._set_compiled_object):
    _objects[self] = value
    original(self, value)


codegen.CPUCodeLibrary._set_compiled_object = _set_compiled_object


def register_intrinsic(stands, define):
    """Let kernels call `stands`, an object of `emu.jit`, as numba's intrinsic that `define` makes."""
    made = _Intrinsic(define.__name__, define)
    template = make_intrinsic_template(made, define, define.__name__, prefer_literal=False, kwargs={})
    infer(template)
    infer_global(stands, types.Function(template))


@intrinsic
def _pointer(typing, address):
    def code(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)
    return types.voidptr(types.uint64), code


def register_viewer(view, dtype, count):
    """Let kernels call a function that `emu.jit.viewer` made."""
    @overload(view)
    def compiled(address):
        return lambda address: carray(_pointer(address), count, dtype)


def register_array(view, dtype):
    """Let kernels call a function of (address, count) that views so many elements."""
    @overload(view)
    def compiled(address, count):
        return lambda address, count: carray(_pointer(address), (count,), dtype)
