"""The decorators of compiled code: integer literals are unsigned, compiled and in plain Python alike."""
import ast
import dis
import importlib
import re
import sys
import threading
from pathlib import Path
from types import CodeType

import numpy as np
import pytest

from emu import kernel_cache
from emu.bits import U64
from emu.jit import Entry, Kernel, entry, kernel, unsigned

ROOT = Path(__file__).resolve().parent.parent
KERNEL = re.compile(r"^@(kernel|entry)\b", re.MULTILINE)
TOP = 1 << 63


@kernel
def shifts(value):
    """Use literals as operands on either side: a signed one would shift in signs, or make a float."""
    return value - 1 >> 60, 1 << value % 64, value // 3, 300 - value, ~1 & value, value * 0x1_0000_0001


@kernel
def names(value):
    """Use literals that CPython puts into a tuple, and a negative one."""
    low, high = 0, -1
    low += value
    for part in (4, 2, 1):
        high -= part
    return low - 1 >> 1, high >> 1, -2


@kernel
def truth(value):
    """Return something that is a truth in either form."""
    found = False
    if value & 1:
        found = True
    return found


@kernel
def total(value):
    """Add the numbers below a literal, and elements at literal places."""
    table, result = np.zeros(3, np.uint64), value
    for i in range(3):
        table[i] = i * 300 - 1
        result += i - 1
    return result + table[0] + table[2]


@entry("uint64(uint64)")
def last(value):
    """Return what a signed literal would make a negative number of."""
    return (value - 1) // 2


INPUTS = (0, 1, 2, 255, 256, TOP - 1, TOP, TOP + 1, 2**64 - 1)


def word(number):
    return number % 2**64


@pytest.mark.parametrize("value", INPUTS)
def test_literals_are_unsigned_in_both_forms(value):
    expected = (word(value - 1) >> 60, 1 << value % 64, value // 3, word(300 - value), value & ~1, word(value * 0x1_0000_0001))
    more = (word(value - 1) >> 1, word(-8) >> 1, word(-2))
    with np.errstate(over="ignore"):
        for form in (lambda function: function, lambda function: function.py_func):
            assert tuple(map(int, form(shifts)(U64(value)))) == expected
            assert tuple(map(int, form(names)(U64(value)))) == more
            assert form(truth)(U64(value)) == bool(value & 1)
            assert word(int(form(total)(U64(value)))) == word(value + 598)
        assert last.ctypes(value) == int(last._pyfunc(U64(value))) == word(value - 1) // 2


@pytest.mark.parametrize("function", [shifts.py_func, names.py_func, total.py_func, last._pyfunc], ids=lambda function: function.__name__)
def test_no_literal_of_a_kernel_is_signed(function):
    """Also those that Python 3.14 keeps in the instruction: none is left there for numba to see."""
    code = function.__code__
    assert not [each for each in flat(code.co_consts) if type(each) is int]
    assert "LOAD_SMALL_INT" not in {each.opname for each in dis.get_instructions(code)}


def test_what_is_no_integer_stays():
    def function():
        """Return constants of other types."""
        return True, None, "text", 1.5, (False, "x", (7, None))

    before = function()
    function.__code__ = unsigned(function.__code__)
    assert function() == before and function.__code__.co_consts[0] == function.__doc__
    assert [type(each) for each in function()] == [bool, type(None), str, float, tuple]
    assert [type(each) for each in function()[4]] == [bool, str, tuple] and type(function()[4][2][0]) is np.uint64


def test_key_of_every_kernel_covers_the_decorator():
    """What the decorator does to literals is part of what is compiled: a change of it must compile everything again."""
    files = [path for path in (ROOT / "emu").rglob("*.py") if KERNEL.search(path.read_text())]
    assert len(files) > 70
    for part in ("emu/jit.py", "emu/compiler.py"):
        assert [path for path in files if ROOT / part not in kernel_cache.closure_of(path)] == []


def test_plain_python_is_plain_for_its_thread_alone(monkeypatch):
    """Another thread goes on with compiled code: what numba expands in place has no other form."""
    entered, leave, found = threading.Event(), threading.Event(), []
    inner = Kernel(lambda: "plain")
    inner._made = lambda: "compiled"

    def waits():
        entered.set()
        assert leave.wait(60)
        return inner()

    thread = threading.Thread(target=lambda: found.append(Kernel(waits).plain()))
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "numba", raising=False)
        thread.start()
        assert entered.wait(60)
    found.append(inner())
    leave.set()
    thread.join()
    assert found == ["compiled", "plain"] and inner() == "compiled"


def flat(constants):
    """Yield constants, those inside tuples, sets and code objects too."""
    for each in constants:
        yield from flat(each) if isinstance(each, tuple | frozenset) else flat(each.co_consts) if isinstance(each, CodeType) else (each,)


def test_no_literal_of_any_kernel_is_signed():
    """`x in {1, 2}` has a frozenset."""
    signed, count = [], 0
    for path in (ROOT / "emu").rglob("*.py"):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
        for name, each in vars(module).items():
            function = each.py_func if isinstance(each, Kernel) else each._pyfunc if isinstance(each, Entry) else None
            if function:
                count += 1
                signed += [f"{path.name}: {name}" for constant in flat(function.__code__.co_consts) if type(constant) is int]
    assert count > 900 and signed == []


def test_literals_inside_others_are_seen():
    def function(value):
        return value in {7, 8}, [lambda: (5, (6,))]

    assert {5, 6, 7, 8} <= {*flat(function.__code__.co_consts)}


# ---- literals alone: CPython computes with them before the decorator sees them -------------------------------------
class Unsigned(ast.NodeTransformer):
    """Make each literal of an expression a U64."""

    def visit_Constant(self, node):
        return ast.Call(ast.Name("U64", ast.Load()), [node], [])


def differing(source):
    """Yield (line, text) of the sums of literals in kernels that unsigned arithmetic gives another result."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef) and any(KERNEL.match(f"@{ast.unparse(each)}") for each in function.decorator_list):
            for node in (node for statement in function.body for node in ast.walk(statement)):
                leaves = [each for each in ast.walk(node) if not isinstance(each, ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop)]
                if isinstance(node, ast.BinOp) and all(isinstance(each, ast.Constant) and type(each.value) is int for each in leaves):
                    text = ast.unparse(node)
                    with np.errstate(over="ignore"):
                        if word(eval(text)) != eval(ast.unparse(Unsigned().visit(node)), {"U64": U64}):
                            yield node.lineno, text


def test_sums_of_literals_are_what_unsigned_arithmetic_makes():
    source = "@kernel\ndef f(x):\n    return x & ~15 >> 4 | 3 - 5 & 1 << 40\n"
    assert [text for _, text in differing(source)] == ["~15 >> 4"]
    assert [(path.name, *row) for path in (ROOT / "emu").rglob("*.py") for row in differing(path.read_text())] == []
