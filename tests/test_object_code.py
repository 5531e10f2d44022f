"""Object files are loaded whole or refused: what is cut off or asks for more than is known raises ValueError."""
import ctypes
import random

import llvmlite.binding as llvm
import pytest

from emu.core import native
from emu.object_code import _RAISING, _REPORTING, Code

TEXT = """
@outside = external global i8
@count = internal global i64 40
@table = internal constant [4 x i64] [i64 1, i64 2, i64 3, i64 5]
declare i64 @labs(i64)

define i64 @ask(i64 %x) {
  %old = load i64, i64* @count
  %new = add i64 %old, %x
  store i64 %new, i64* @count
  %p = getelementptr [4 x i64], [4 x i64]* @table, i64 0, i64 %x
  %row = load i64, i64* %p
  %sum = add i64 %new, %row
  %place = add i64 %sum, ptrtoint (i8* @outside to i64)
  %absolute = call i64 @labs(i64 %place)
  ret i64 %absolute
}
"""


@pytest.fixture(scope="module")
def data():
    return native._compile(TEXT)


def test_code_runs_with_its_data_and_what_is_outside(data):
    code = Code(data, {"outside": 1 << 40})
    ask = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(code.address("ask"))
    assert [ask(1), ask(3)] == [(1 << 40) + 41 + 2, (1 << 40) + 44 + 5]
    again = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(Code(data, {"outside": 0}).address("ask"))
    assert again(0) == 41                                  # each has data of its own


def test_a_name_that_nobody_has_is_an_error(data):
    with pytest.raises(ValueError, match="nothing is called outside"):
        Code(data)
    with pytest.raises(ValueError, match="0 functions begin with other"):
        Code(data, {"outside": 0}).address("other")


@pytest.mark.parametrize("name", ["numba_frexp", "numba_ldexp", "NRT_Allocate", "PyTuple_New", "_Py_NoneStruct"])
def test_what_only_numba_has_is_an_error_and_not_a_raise(name):
    """Arithmetic among it, which would end the process."""
    data = native._compile(f"@{name} = external global i8\ndefine i64 @ask() {{\n ret i64 ptrtoint (i8* @{name} to i64)\n}}\n")
    with pytest.raises(ValueError, match=name):
        Code(data)
    assert ctypes.CFUNCTYPE(ctypes.c_uint64)(Code(data, {name: 7}).address("ask"))() == 7


@pytest.mark.parametrize("name", [*_RAISING, *_REPORTING])
def test_what_would_raise_is_there(name):
    data = native._compile(f"@{name} = external global i8\ndefine i64 @ask() {{\n ret i64 ptrtoint (i8* @{name} to i64)\n}}\n")
    assert ctypes.CFUNCTYPE(ctypes.c_uint64)(Code(data).address("ask"))()


def test_what_is_cut_off_is_refused(data):
    rng = random.Random(5)
    for size in (0, 3, 63, 64, *(rng.randrange(64, len(data)) for _ in range(50))):
        with pytest.raises(ValueError):
            Code(data[:size], {"outside": 0})


def test_code_for_a_small_address_space_is_refused():
    module = llvm.parse_assembly(TEXT)
    machine = llvm.Target.from_default_triple().create_target_machine(codemodel="small")
    with pytest.raises(ValueError, match="is none of ours"):
        Code(machine.emit_object(module), {"outside": 0})
