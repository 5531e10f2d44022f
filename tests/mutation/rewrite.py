"""Find where errors can be planted in kernels, and rewrite kernels so that a number chooses the error at run time.

Kinds of error: a comparison swapped, a constant one more or less or the next row of its table, an operator swapped, a condition
negated or decided once for all, an effect dropped (the assignment of a field, a call for its effect), a returned value changed.
Only the bodies of functions under `@kernel` are touched: what a module computes when it is imported is a constant to the compiler.
An expression `x` becomes `(error if chosen(17) else x)`: both have the type of `x`, or the compiler refuses.
"""
import ast
import copy
import random
from dataclasses import dataclass, field

import numpy as np

HEADER = "from tests.mutation.selector import chosen as _chosen, returned as _returned\nfrom numpy import uint64 as _word\n"
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
OPERATORS = {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.Add: ast.Sub, ast.Sub: ast.Add,
             ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.And: ast.Or, ast.Or: ast.And}
FIELDS = ast.Attribute | ast.Subscript
MASK = 2**64 - 1


@dataclass(frozen=True)
class Mutant:
    """One error that can be planted: at which node of the file's tree (counted as ast.walk goes), and which."""

    file: str
    line: int
    function: str
    kind: str
    node: int
    change: str
    make: object = field(compare=False, repr=False)        # the node, its children already rewritten -> the erroneous one

    @property
    def place(self):
        """Return where it is, for people."""
        return f"{self.file}:{self.line} {self.function}"


# ---- kinds of error: each yields functions that turn a copy of a node into the erroneous one ---------------------
def _comparison(node, names):
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        def make(node):
            node.ops[0] = COMPARISONS[type(node.ops[0])]()
            return node
        yield make


def _operator(node, names):
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in OPERATORS:
        def make(node):
            node.op = OPERATORS[type(node.op)]()
            return node
        yield make


def _constant(node, names):
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool):
        yield lambda node: ast.Constant(not value)
    elif isinstance(value, int):
        yield from (lambda node, step=step: ast.Constant(value + step) for step in (1, -1) if value + step >= 0)
    elif isinstance(node, ast.Name) and node.id.isupper() and isinstance(names.get(node.id), np.uint64):
        number = int(names[node.id])
        yield from (lambda node, step=step: _call("_word", ast.Constant(number + step & MASK)) for step in (1, -1))
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in (rows := _rows(names, node.value.id)):
        after = rows[(rows.index(node.attr) + 1) % len(rows)]
        yield lambda node: ast.Attribute(node.value, after, ast.Load())


def _rows(names, name):
    table = names.get(name)
    return table._fields if hasattr(table, "_fields") and all(isinstance(row, np.uint64) for row in table) else ()


def _condition(node, names):
    equality = isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq)
    if getattr(node, "decides", False) and not isinstance(node, ast.Constant) and not equality:
        yield lambda node: ast.UnaryOp(ast.Not(), node)


def _guard(node, names):
    if getattr(node, "decides", None) in (ast.If, ast.IfExp) and not isinstance(node, ast.Constant):
        yield from (lambda node, always=always: ast.Constant(always) for always in (True, False))


def _dropped(node, names):
    targets = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    stored = all(isinstance(target, FIELDS) for target in getattr(targets, "elts", [targets]))
    if stored or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield lambda node: ast.Pass()


def _returned(node, names):
    if isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Tuple):
        yield lambda node: node                            # `_Planter` writes it


KINDS = dict(comparison=_comparison, operator=_operator, constant=_constant, condition=_condition, guard=_guard, dropped=_dropped,
             returned=_returned)


# ---- finding ----------------------------------------------------------------------------------------------------
def mutants(file, source, names):
    """Return all mutants of a source text; `names` are the globals of its module."""
    tree = ast.parse(source)
    numbers, found = {node: number for number, node in enumerate(ast.walk(tree))}, []
    for node in numbers:
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            node.test.decides = type(node)
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and "kernel" in map(ast.unparse, function.decorator_list):
            for node in (node for statement in function.body for node in ast.walk(statement)):
                found += _mutants_of(file, function.name, node, numbers[node], names)
    return found


def _mutants_of(file, function, node, number, names):
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return
    for kind, find in KINDS.items():
        for make in find(node, names):
            before = ast.unparse(node).partition("\n")[0]
            wrong = ast.unparse(ast.fix_missing_locations(make(copy.deepcopy(node)))).partition("\n")[0]
            after = {"dropped": "(nothing)", "returned": "another value"}.get(kind, wrong)
            yield Mutant(file, node.lineno, function, kind, number, f"{before} -> {after}", make)


def picked(found, seed):
    """Yield mutants in the order of a seed: files by how many of their lines have any, kinds alike."""
    rng, rest = random.Random(seed), {}
    for mutant in found:
        rest.setdefault(mutant.file, {}).setdefault(mutant.kind, []).append(mutant)
    lines = {file: len({mutant.line for group in kinds.values() for mutant in group}) for file, kinds in rest.items()}
    while rest:
        file = rng.choices(list(rest), [lines[name] for name in rest])[0]
        kind = rng.choice(list(rest[file]))
        group = rest[file][kind]
        yield group.pop(rng.randrange(len(group)))
        if not group:
            del rest[file][kind]
        if not rest[file]:
            del rest[file]


# ---- rewriting --------------------------------------------------------------------------------------------------
class _Planter(ast.NodeTransformer):
    """Rewrite the nodes that have mutants, inner ones first."""

    def __init__(self, numbered):
        self.numbered = numbered                            # node -> [(number, mutant)]

    def visit(self, node):
        """Return the node, or what chooses between it and its errors."""
        mine = self.numbered.get(node, [])
        self.generic_visit(node)
        right = node
        for number, mutant in mine:
            chosen = _call("_chosen", ast.Constant(number))
            if mutant.kind == "returned":
                node.value = _call("_returned", ast.Constant(number), node.value)
                continue
            wrong = mutant.make(copy.deepcopy(node))
            statement = isinstance(node, ast.stmt)
            right = ast.If(chosen, [wrong], [right]) if statement else ast.IfExp(chosen, wrong, right)
        return right


def _call(name, *arguments):
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def planted(source, numbered):
    """Return a source text with errors planted: `numbered` are (number, mutant) of this text."""
    tree = ast.parse(source)
    by_node = {}
    for number, mutant in numbered:
        by_node.setdefault(mutant.node, []).append((number, mutant))
    tree = _Planter({node: by_node[at] for at, node in enumerate(list(ast.walk(tree))) if at in by_node}).visit(tree)
    start = 1 if ast.get_docstring(tree) is not None else 0
    tree.body[start:start] = ast.parse(HEADER).body
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
