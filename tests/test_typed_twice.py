"""What a table has is typed nowhere else: numbers that show what they are, sets of exit reasons, vectors and VMCS fields."""
import ast
from collections import defaultdict

import pytest

from emu.bits import details, members
from emu.spec.cpu import VECTOR, VECTORS
from emu.spec.exits import EXITS
from emu.spec.vmcs import FIELD
from emu.spec.vmx import REASON
from tests.test_names import all_modules, is_number, telling, uncast

LARGE = 0x1000                              # smaller numbers mean many things: ports, MSRs, offsets
# Numbers that mean something else elsewhere.
ALIKE = {("emu.cli.commands.explain", 0x2020): "an example of a CR4", ("emu.debug.gdb.dwarf", 0x8001): "DWARF's language of assemblers",
         ("emu.debug.gdb.files", 0xFFF1): "SHN_ABS in ELF files that are written; emu.object_code reads others"}
TABLES = {"REASON": REASON, "VECTOR": VECTOR, "FIELD": FIELD}
NUMBERED = {frozenset(int(getattr(table, name)) for name in members(sets, row))
            for table, sets in ((REASON, EXITS), (VECTOR, VECTORS)) for row in details(sets).rows}
# Lists of a table's rows that are no second table.
LISTS = {"emu.debug.explain.exits": "the function that explains each", "emu.debug.explain.msrs": "the rule that checks each",
         "emu.debug.history.builds": "names of trace events that are not compared", "emu.core.simd": "names of columns"}


# ---- numbers ---------------------------------------------------------------------------------------------------------------
def literals(tree):
    """Yield (line, value) of the numbers that a source types anywhere, and of its sums of such."""
    inner = (ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.BinOp):
            continue
        leaves = [leaf for leaf in ast.walk(node) if not isinstance(leaf, inner)]
        if all(isinstance(leaf, ast.Constant) and type(leaf.value) is int for leaf in leaves):
            yield node.lineno, eval(ast.unparse(node))


def typed_again(trees, tables):
    """Return {number: places} of those that show what they are: twice in {module: tree}, or there and in {number: tables}."""
    places = defaultdict(list)
    for module, tree in trees.items():
        for line, value in literals(tree):
            if value >= LARGE and telling(value):
                places[value].append(f"{module}:{line}")
    return {value: [*found, *tables.get(value, ())] for value, found in sorted(places.items()) if len(found) > 1 or value in tables}


def numbers_of(module, tree):
    """Return the numbers of a module of emu.spec: those that it types, and those that its tables compute."""
    values, waiting = {value for _, value in literals(tree)}, [value for name, value in vars(module).items() if name.isupper()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple | list):
            waiting += value
        elif is_number(value):
            values.add(int(value))
    return values


def test_a_number_that_shows_what_it_is_is_typed_once():
    """Wherever it stands: in a comparison, a set, a class, a sum."""
    trees, tables = {}, defaultdict(list)
    for module, tree in all_modules():
        if not module.__name__.startswith("emu.spec"):
            trees[module.__name__] = tree
            continue
        for value in numbers_of(module, tree):
            tables[value].append(module.__name__)
    found = typed_again(trees, tables)
    known = {value: {module for module, number in ALIKE if number == value} for _, value in ALIKE}
    left = {value: [place for place in places if place.split(":")[0] not in known.get(value, ())] for value, places in found.items()}
    assert [places for places in left.values() if any(":" in place for place in places) and len(places) > 1] == []
    assert {*known} <= {*found}


@pytest.mark.parametrize("text", [
    "if x == 0x6876_6C31: pass", "x = {0x6876_6C31: 1}", "x in {1, 0x6876_6C31}", "class A: x = 0x6876_6C31", "x = 0x6876_6C30 + 1",
    "def f(x=0x6876_6C31): return x", "X = U64(0x6876_6C31)", "x = [*y, 0x3400_0000 * 2 | 0x76_6C31]"])
def test_number_typed_again_is_seen_in_every_form(text):
    tree, value = ast.parse(text), 0x6876_6C31
    assert typed_again({"a": tree}, {value: ["emu.spec.a"]}) == {value: ["a:1", "emu.spec.a"]}
    assert value in typed_again({"a": tree, "b": tree}, {}) and not typed_again({"a": tree}, {})


def test_numbers_are_known_that_a_table_computes():
    class Module:
        TABLE = ((0x6876_6C00 + len("x" * 49), 1),)

    assert {0x6876_6C31, 7} <= numbers_of(Module, ast.parse("x = f(7)"))


# ---- facts -----------------------------------------------------------------------------------------------------------------
def _name(node):
    """Return TABLE.ROW of `int(module.TABLE.ROW)`, the value of a constant, or None."""
    node = uncast(node)
    if isinstance(node, ast.Attribute):
        return ".".join(ast.unparse(node).split(".")[-2:])
    return node.value if isinstance(node, ast.Constant) else None


def is_fact(listed):
    """Return whether what a source lists are three or more rows of a table: TABLE.ROW, names or, as a set of emu.spec, numbers."""
    listed = {*listed}
    rows = [{*table._fields} for table in TABLES.values()]
    rows += [{f"{name}.{row}" for row in table._fields} for name, table in TABLES.items()]
    return len(listed) > 2 and (listed in NUMBERED or any(listed <= each for each in rows))


def facts(tree):
    """Return the lines of a source that list what a table has: as a set, the keys of a dict, a tuple, a list, or words in a text."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            listed = node.value.split()
        else:
            listed = [_name(each) for each in (node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", ()))]
        if is_fact(listed):
            found.append(node.lineno)
    return found


def test_what_a_table_says_is_said_once():
    """A set of exit reasons or vectors is a row of EXITS or VECTORS."""
    found = [module.__name__ for module, tree in all_modules() if not module.__name__.startswith("emu.spec") for _ in facts(tree)]
    assert found == sorted(LISTS)


@pytest.mark.parametrize("text, said", [
    ("X = {REASON.CPUID, REASON.HLT, int(vmx.REASON.INVD)}", True), ("X = {'CPUID': 1, 'HLT': 2, 'INVD': 3}", True),
    ("x in (FIELD.GUEST_RIP, FIELD.GUEST_RSP, FIELD.GUEST_CR3)", True), ("X = [VECTOR.DE, VECTOR.GP, VECTOR.PF]", True),
    ("X = frozenset('CPUID HLT INVD'.split())", True), ("X = {48, 49, 66}", True), ("X = {48: 1, 49: 2, 66: 3}", True),
    ("X = {8, 10, 11, 12, 13, 14, 17, 21}", True), ("X = {U64(48), U64(49), U64(66)}", True),
    ("X = {REASON.CPUID, REASON.HLT}", False), ("X = {1, 2, 3}", False), ("X = {REASON.CPUID, FIELD.GUEST_RIP, 5}", False),
    ("X = f(REASON.CPUID, REASON.HLT, REASON.INVD)", False), ("'HLT and CPUID'", False), ("X = {**y, 1: 2}", False)])
def test_second_table_of_a_fact_is_seen(text, said):
    assert bool(facts(ast.parse(text))) == said
