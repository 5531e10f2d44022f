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
from emu.cli.group import COMMANDS
from tests.test_public_names import NAMES

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "emu").rglob("*.py"))
WORDS = frozenset("""zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion
    fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth
    twentieth thirtieth fortieth fiftieth sixtieth hundredth thousandth""".split())
SILENT = re.compile(r"the|an|[a-z]|[iu](8|16|32|64)|u?int")        # parts of a name that say nothing: U_TWENTY, TWENTY_U64
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
def all_modules():
    """Return [(module, tree)] of emu."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]
    return [(importlib.import_module(name), ast.parse(path.read_text())) for name, path in zip(names, FILES, strict=True)]


def test_a_number_with_a_name_stands_in_one_module():
    """A name that means one number here and another thing there misleads; a number that is typed twice comes apart."""
    homes, _ = homes_of(all_modules())
    assert sum(any(is_number(bound.value) for bound in found.values()) for found in homes.values()) > 500
    assert not shared(homes), "\n".join(shared(homes))


def test_a_number_has_one_name():
    homes, wrong = homes_of(all_modules())
    assert wrong == []
    assert not twice_typed(homes), "\n".join(twice_typed(homes))


def is_word(name):
    """Return whether a name is a number in words, with nothing that says more."""
    parts = [part for part in name.strip("_").lower().split("_") if not SILENT.fullmatch(part)]
    return name.strip("_") not in PRONOUNS and bool(parts) and all(part in WORDS for part in parts)


def _given(node):
    """Return the name that a node gives to something, or an empty text."""
    if isinstance(node, ast.Name | ast.Attribute):
        return (node.id if isinstance(node, ast.Name) else node.attr) if isinstance(node.ctx, ast.Store) else ""
    if isinstance(node, ast.alias):
        return node.asname or ""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        return node.name or ""
    return node.arg if isinstance(node, ast.arg) else ""


def words_in(text):
    """Return (line, name) of what a source gives a number's word for a name; a table's field may be ONE."""
    return [(node.lineno, _given(node)) for node in ast.walk(ast.parse(text)) if is_word(_given(node))]


def words_of(text):
    """Return the number's words among the constants of an assembler source."""
    found = re.findall(r"^\s*(?:\.(?:equ|set)\s+(?=\w+\s*,)|(?=\w+\s*=))(\w+)", text, re.MULTILINE)
    return [name for name in found if is_word(name)]


def test_no_name_only_repeats_its_number():
    wrong = [f"{path.relative_to(ROOT)}:{line} {name}" for path in FILES for line, name in words_in(path.read_text())]
    wrong += [f"{path.relative_to(ROOT)}: {name}" for folder in ("hv", "firmware") for path in sorted((ROOT / folder).rglob("*.s"))
              for name in words_of(path.read_text())]
    assert wrong == []


@pytest.mark.parametrize("text", [
    "EIGHT = 8", "FORTY_EIGHT: int = 48", "def f():\n    twelve = 12", "def f(_TWO=2):\n    pass", "for SIX in (6,):\n    pass",
    "if (FIVE := 5):\n    pass", "x = lambda ten: ten", "from emu.bits import U64 as SEVENTEEN", "self.NINETEEN = 19",
    "def EIGHTEEN():\n    return 18", "class TEN:\n    pass", "class A:\n    NINE = 9"])
def test_word_of_a_number_is_seen_in_every_form(text):
    assert len(words_in(text)) == 1 and words_in("layout(ONE=(1, 1, 'always 1'))") == []


def test_word_of_a_number_is_seen_in_assembler():
    text = "        .equ    THIRTEEN, 13\n.set A_TEN, 10\nNINE = 9\n  .equ FIRST, 1\n.one: cmp eax, 1"
    assert words_of(text) == ["THIRTEEN", "A_TEN", "NINE"]


# ---- names that nothing uses ---------------------------------------------------------------------------------------------
PUBLIC = {("emu.spec", "SDM_REVISION"): "says which manual all citations are of",
          ("emu.core.ports", "ROUTER"): "is made when its module is imported, which compiles it with the other units"}
PLAIN = {"cache", "contextmanager", "contextlib.contextmanager", "dataclass", "kernel"}    # decorators that hand nothing to anybody
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES}


def reads(module, tree):
    """Yield (module, name) of what a source reads: of its own, imported, as an attribute of a module, a dotted text for a patch.

    The module is None in attributes of what is not a module: `device.reset`, of a list of modules.
    """
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield module, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            home = ast.unparse(node.value)
            home = known.get(home, home)
            yield home if home in MODULES else None, node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("emu."):
            yield tuple(node.value.rsplit(".", 1))


def assembler_reads(texts):
    """Yield (module, name) of the tables of emu.spec that assembler sources import with `.use`, and have a symbol of."""
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    used = [line for text in texts for line in re.findall(r"^\s*\.use\s+([\w, ]+)", text, re.MULTILINE)]
    for table in {*re.findall(r"\w+", " ".join(used))}:
        for name, value in vars(importlib.import_module(f"emu.spec.{table}")).items():
            symbols = bits.symbols(value) if isinstance(value, tuple) and id(value) in bits._DETAILS else {name}
            if words & {*symbols}:
                yield f"emu.spec.{table}", name


@cache
def all_reads():
    """Return all that Python and assembler sources read; a folder's assembler sources together, which include each other."""
    found = set()
    for folder in ("emu", "tests", "perf", "docs", "hv", "firmware"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found |= {*reads(name, ast.parse(path.read_text()))}
        found |= {*assembler_reads([path.read_text() for path in sorted((ROOT / folder).rglob("*.s"))])}
    return found


def unused(module, tree, read):
    """Return the constants, functions and classes of a module that nobody reads; a decorator may hand a function to somebody."""
    names = {name for name, _ in bindings(tree.body) if name.isupper() and (module, name) not in read}
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__")]
    for node in defined:
        if {ast.unparse(each).split("(")[0] for each in node.decorator_list} <= PLAIN:
            names |= {node.name} if not {(module, node.name), (None, node.name)} & read else set()
    return sorted(names)


def test_every_name_is_read():
    found = {(module.__name__, name) for module, tree in all_modules() for name in unused(module.__name__, tree, all_reads())}
    assert found == set(PUBLIC)


def test_every_module_is_imported():
    """By others than tests, which import what docs/ shows; a command is imported by its name, a table by assembler sources."""
    imported = {*NAMES} | {f"emu.cli.commands.{file}" for file, _ in COMMANDS.values()}
    imported |= {home for folder in ("hv", "firmware") for home, _ in assembler_reads([*map(Path.read_text, (ROOT / folder).rglob("*.s"))])}
    for path in [*FILES, *(ROOT / "perf").rglob("*.py")]:
        imported |= {part for home, name in reads("", ast.parse(path.read_text())) if home for part in (home, f"{home}.{name}")}
    left = MODULES - imported
    assert sorted(name for name in left if not any(each.startswith(f"{name}.") for each in imported)) == []


@pytest.mark.parametrize("text, said", [
    ("X = 5", ["X"]), ("X, Y = 1, 2\nprint(X)", ["Y"]), ("X: int = 5", ["X"]), ("if 1:\n    _X = 5", ["_X"]),
    ("X = 5\ndef f():\n    return X\nf()", []), ("X = 5\nX = 6", ["X"]), ("X = 5\na.X", ["X"]), ("X = 5\n'X'", ["X"]),
    ("__all__ = ['X']\nX = 5", ["X"]), ("def f():\n    pass", ["f"]), ("@kernel\ndef f():\n    pass", ["f"]), ("class A: x = 1", ["A"]),
    ("@entry('uint64()')\ndef f():\n    pass", []), ("def f():\n    pass\nfor a in x: a.f()", [])])
def test_name_that_nobody_reads_is_seen(text, said):
    tree = ast.parse(text)
    assert unused("emu.a", tree, {*reads("emu.a", tree)}) == said


@pytest.mark.parametrize("text, said", [
    ("from emu.bits import MIB", True), ("from emu import bits\nbits.MIB", True), ("import emu.bits\nemu.bits.MIB", True),
    ("import emu.bits as b\nb.MIB", True), ("patch('emu.bits.MIB', 5)", True), ("MIB = 5\nprint(MIB)", False), ("self.MIB", False),
    ("from emu import jit as bits\nbits.MIB", False), ("getattr(x, 'MIB')", False), ("from emu import bits\nbits.MIB = 5", False)])
def test_reader_of_a_name_may_be_elsewhere(text, said):
    assert (("emu.bits", "MIB") in {*reads("emu.a", ast.parse(text))}) == said


def test_assembler_reads_what_it_imports():
    texts = [" .use vmx, apic  # both", "mov eax, REASON_HLT\nmov ecx, DELIVERY"]
    assert ("emu.spec.vmx", "REASON") in {*assembler_reads(texts)} and not {*assembler_reads(texts[1:])}
    assert not {("emu.spec.vmx", "PROC"), ("emu.spec.apic", "DELIVERY")} & {*assembler_reads(texts)}


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
                                        ("U_TWENTY", True), ("TWENTY_U64", True), ("_THE_EIGHT", True), ("N_EIGHT", True),
                                        ("EIGHTH", True), ("I_FIRST", False), ("U64", False), ("_", False),
                                        ("one", False), ("ONE_SHOT", False), ("FOUR_YEARS", False), ("LOW_8", False)])
def test_words_of_numbers_are_known(name, said):
    assert is_word(name) == said
