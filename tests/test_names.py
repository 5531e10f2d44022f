"""Names: one name, one number, one module; none that says nothing but its number; none that nobody reads.

What is bound where is read from the sources, in whatever form; what it is, from the module itself.
"""
import ast
import importlib
import re
import sys
import types
from collections import defaultdict, namedtuple
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from emu import bits

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "emu").rglob("*.py"))
WORDS = frozenset("""zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion""".split())
# Whose numbers have other names where they are used: there it is said what the bits mean, or of what the offset is.
RAW = {"emu.bits": "masks of bits", "emu.core.context": "offsets in the engine"}
LOCAL = re.compile("_[a-z]")                # of a loop in a module's body, and functions for it alone
Bound = namedtuple("Bound", "value expression")
PRONOUNS = {"one", "zero"}                  # of variables: "one, other"; the zero page of Linux


# ---- what the sources bind ------------------------------------------------------------------------------------------------
def _targets(target, value):
    """Yield (name, expression or None) of what an assignment binds, element by element where both sides are written out."""
    if isinstance(target, ast.Starred):
        target, value = target.value, None
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        values = [None] * len(target.elts)
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(values):
            values = value.elts
        elif isinstance(value, ast.GeneratorExp | ast.ListComp) and isinstance(value.generators[0].iter, ast.Tuple | ast.List):
            listed = value.generators[0].iter.elts             # X, Y = (U64(n) for n in (at.X, at.Y))
            values = listed if len(listed) == len(values) else values
        for each, its in zip(target.elts, values, strict=True):
            yield from _targets(each, its)


def bindings(body):
    """Yield (name, expression or None) of what statements of a module bind, those under `if`, `try`, `for` and `with` too."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name, None
            continue
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                yield from _targets(target, statement.value)
        elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
            yield from _targets(statement.target, statement.value)
        elif isinstance(statement, ast.For):
            yield from _targets(statement.target, None)
        elif isinstance(statement, ast.With):
            for item in statement.items:
                yield from _targets(item.optional_vars, None)
        inner = [part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.expr)]
        yield from ((part.target.id, part.value) for each in inner for part in ast.walk(each) if isinstance(part, ast.NamedExpr))
        for part in ("body", "orelse", "finalbody"):
            yield from bindings(getattr(statement, part, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from bindings(handler.body)


def is_number(value):
    """Return whether a value is a number; truth values are none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def uncast(expression):
    """Return what an expression converts: `at.X` of `U64(at.X)`, `np.uint64(int(at.X))`."""
    while isinstance(expression, ast.Call) and len(expression.args) == 1 and not expression.keywords:
        expression = expression.args[0]
    return expression


def source_of(expression, module):
    """Return (module's name, name) of the number of another module that an expression only takes, or None."""
    taken = uncast(expression)
    if isinstance(taken, ast.Attribute) and isinstance(taken.value, ast.Name):
        home = vars(module).get(taken.value.id)
        found = isinstance(home, types.ModuleType) and is_number(getattr(home, taken.attr, None))
        return (home.__name__, taken.attr) if found else None
    if isinstance(taken, ast.Name) and is_number(vars(module).get(taken.id)):
        for statement in ast.parse(Path(module.__file__).read_text()).body:
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    if (alias.asname or alias.name) == taken.id:
                        return statement.module, alias.name
    return None


def homes_of(modules):
    """Return {name: {module's name: Bound}} of all that modules bind, but for a number taken under its name from another module.

    modules: [(module, tree)].  Second, what is wrong with the numbers that are taken.
    """
    homes, wrong = defaultdict(dict), []
    for module, tree in modules:
        for name, expression in bindings(tree.body):
            value, source = vars(module).get(name), source_of(expression, module)
            if source and source[1] != name and source[0] not in RAW:
                wrong.append(f"{module.__name__}.{name} is {source[0]}.{source[1]} under another name")
            elif source and source[1] == name and int(value) != int(getattr(importlib.import_module(source[0]), name)):
                wrong.append(f"{module.__name__}.{name} is not {source[0]}.{name}")
            elif not source or source[1] != name:
                homes[name][module.__name__] = Bound(value, expression)
    return homes, wrong


def shared(homes):
    """Return what more than one module binds, and is a number in one of them."""
    return [f"{name}: {', '.join(found)}" for name, found in sorted(homes.items())
            if len(found) > 1 and any(is_number(bound.value) for bound in found.values()) and not LOCAL.match(name)]


def telling(value):
    """Return whether a number says what it is: large, no power of two, no run of bits, no round decimal."""
    bits = int(value) // (int(value) & -int(value) or 1)
    return value == int(value) and value >= 0x100 and bits & bits + 1 != 0 and int(value) % 100 != 0


def twice_typed(homes):
    """Return numbers that show what they are, and stand under two names in different modules."""
    values = defaultdict(list)
    for name, found in sorted(homes.items()):
        for module, bound in found.items():
            typed = getattr(uncast(bound.expression), "value", None)
            if is_number(bound.value) and is_number(typed) and telling(bound.value):
                values[int(bound.value)].append((module, name))
    return [f"{value:#x}: {', '.join(f'{module}.{name}' for module, name in places)}" for value, places in sorted(values.items())
            if len({module for module, _ in places}) > 1]


# ---- the claims -------------------------------------------------------------------------------------------------------------
@cache
def _all():
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]
    return [(importlib.import_module(name), ast.parse(path.read_text())) for name, path in zip(names, FILES, strict=True)]


def test_a_number_with_a_name_stands_in_one_module():
    """A name that means one number here and another thing there misleads; a number that is typed twice comes apart."""
    homes, _ = homes_of(_all())
    assert sum(any(is_number(bound.value) for bound in found.values()) for found in homes.values()) > 500
    assert not shared(homes), "\n".join(shared(homes))


def test_a_number_has_one_name():
    homes, wrong = homes_of(_all())
    assert wrong == []
    assert not twice_typed(homes), "\n".join(twice_typed(homes))


def words_in(text):
    """Return (line, name) of what a source gives a number's word for a name: variables and parameters; a table's field may be ONE."""
    found = []
    for node in ast.walk(ast.parse(text)):
        name = node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else getattr(node, "arg", "")
        if not isinstance(node, ast.keyword) and isinstance(name, str) and is_word(name):
            found.append((node.lineno, name))
    return found


def test_no_name_only_repeats_its_number():
    wrong = [f"{path.relative_to(ROOT)}:{line} {name}" for path in FILES for line, name in words_in(path.read_text())]
    assert wrong == []


@pytest.mark.parametrize("text", ["EIGHT = 8", "FORTY_EIGHT: int = 48", "def f():\n    twelve = 12", "def f(_TWO=2):\n    pass",
                                  "for SIX in (6,):\n    pass", "if (FIVE := 5):\n    pass", "x = lambda ten: ten"])
def test_word_of_a_number_is_seen_in_every_form(text):
    assert len(words_in(text)) == 1 and words_in("layout(ONE=(1, 1, 'always 1'))") == []


def is_word(name):
    """Return whether a name is a number in words and nothing else."""
    return name not in PRONOUNS and all(part in WORDS for part in name.strip("_").lower().split("_"))


# ---- names that nothing uses ---------------------------------------------------------------------------------------------
PUBLIC = {("emu.spec", "SDM_REVISION"): "says which manual all citations are of",
          ("emu.core.ports", "ROUTER"): "is made when its module is imported, which compiles it with the other units"}


@cache
def _written():
    """Return (attributes that Python files name, (module, name) that they import, words of all other texts)."""
    attributes, imported, words = set(), set(), set()
    for folder in ("emu", "tests", "perf", "docs"):
        for path in set((ROOT / folder).rglob("*.py")) - {Path(__file__)}:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute):
                    attributes.add(node.attr)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    imported |= {(node.module, alias.name) for alias in node.names}
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    attributes.add(node.value)                 # getattr, `__all__`, monkeypatch
    for folder in ("hv", "tests", "firmware"):
        for path in sorted((ROOT / folder).rglob("*.s")):
            words |= set(re.findall(r"\w+", path.read_text()))
    return attributes, imported, words


def unused(module, tree, attributes=frozenset(), imported=frozenset(), words=frozenset()):
    """Return the constants of a module that nobody reads; words: of assembler sources, which read the tables of emu.spec."""
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)} | attributes
    left = {name for name, _ in bindings(tree.body) if name.isupper() and name not in read and (module, name) not in imported}
    if module.startswith("emu.spec."):
        left = {name for name in left if not any(word == name or word.startswith(f"{name}_") for word in words)}
    return sorted(left)


def test_every_constant_is_read():
    found = {(module.__name__, name) for module, tree in _all() for name in unused(module.__name__, tree, *_written())}
    assert found == set(PUBLIC)


@pytest.mark.parametrize("text, said", [("X = 5", ["X"]), ("X, Y = 1, 2\nprint(X)", ["Y"]), ("X: int = 5", ["X"]),
                                        ("if 1:\n    _X = 5", ["_X"]),
                                        ("X = 5\ndef f():\n    return X", []), ("X = 5\nX = 6", ["X"])])
def test_constant_that_nobody_reads_is_seen(text, said):
    assert unused("emu.model.any", ast.parse(text)) == said


def test_reader_of_a_constant_may_be_elsewhere():
    tree = ast.parse("X = 5\nY = 6\nZ = 7\nW = 8")
    assert unused("emu.a", tree, {"X"}, {("emu.a", "Y"), ("emu.b", "Z")}, {"W"}) == ["W", "Z"]
    assert unused("emu.spec.a", tree, words={"X", "Y_FIELD", "Z", "VW"}) == ["W"]


# ---- functions ------------------------------------------------------------------------------------------------------------
def test_a_function_says_what_it_forgets():
    """Four kernels had the same bare name, for hits, events, translations and blocks."""
    bare = [f"{path.relative_to(ROOT)}:{node.lineno}" for path in FILES for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef) and node.name.strip("_") == "forget"]
    assert bare == []


def test_numbers_of_every_layer_are_not_typed_again_in_tests():
    """1 MiB stood in four test modules."""
    known = {name for name, value in vars(bits).items() if is_number(value)}
    wrong = [f"{path.relative_to(ROOT)}: {name}" for folder in ("tests", "perf") for path in sorted((ROOT / folder).rglob("*.py"))
             for name, _ in bindings(ast.parse(path.read_text()).body) if name in known]
    assert {"MIB", "PAGE_BYTES", "LOW_32"} < known and wrong == []


# ---- that the tests see it ------------------------------------------------------------------------------------------------
def _made(**texts):
    made = []
    for name, text in texts.items():
        module = types.ModuleType(name)
        exec(text, vars(module))
        made.append((module, ast.parse(text)))
    return made


@pytest.mark.parametrize("text", [
    "X: int = 5", "X = Y = 5", "if True:\n    X = 5", "try:\n    X = 5\nfinally:\n    pass",
    "try:\n    1 / 0\nexcept ArithmeticError:\n    X = 5",
    "import numpy as np\nX = np.uint64(5)", "X = int('5')", "X, Y = (n for n in (5, 6))", "for X in (4, 5):\n    pass", "(X := 5)",
    "X = 4\nX += 1", "X = len('12345')", "*Y, X = 4, 5", "X = 5.0",
    "def X():\n    pass", "X = 'five'", "X = (5,)",
])
def test_second_module_of_a_name_is_seen_in_every_form(text):
    homes, _ = homes_of(_made(first="X = 5", second=text))
    assert shared(homes) == ["X: first, second"]


@pytest.mark.parametrize("text, said", [
    ("Z = int(at.X)", ["second.Z is first.X under another name"]), ("Z: int = at.X", ["second.Z is first.X under another name"]),
    ("Y, Z = (int(n) for n in (at.W, at.X))", ["second.Y is first.W under another name", "second.Z is first.X under another name"]),
    ("X = int(at.X)", []), ("X = at.X + 1", []), ("W = int(at.W)", ["second.W is not first.W"])])
def test_number_under_another_name_is_seen(text, said, monkeypatch):
    (first, tree), (second, _) = _made(first="X = 5\nW = 6", second="X = 5\nY, Z, W = 6, 5, 7")
    monkeypatch.setitem(sys.modules, "first", first)
    second.at = first
    assert homes_of([(first, tree), (second, ast.parse(text))])[1] == said


def test_number_that_is_taken_and_changed_is_seen():
    (first, tree), (second, _) = _made(first="X = 5", second="X = 6")
    second.at = first
    homes, wrong = homes_of([(first, tree), (second, ast.parse("X = int(at.X + 1)"))])
    assert shared(homes) == ["X: first, second"] and wrong == []


def test_number_typed_twice_is_seen():
    homes, _ = homes_of(_made(first="RESET = 0xFFFF0FF0", second="ONES = 0xFFFF0FF0", third="SIZE = 4096", fourth="BYTES = 4096"))
    assert twice_typed(homes) == ["0xffff0ff0: second.ONES, first.RESET"]


@pytest.mark.parametrize("name, said", [("ZERO", True), ("FORTY_EIGHT", True), ("_EIGHT", True), ("twelve", True), ("ONE", True),
                                        ("one", False), ("ONE_SHOT", False), ("FOUR_YEARS", False), ("LOW_8", False)])
def test_words_of_numbers_are_known(name, said):
    assert is_word(name) == said
