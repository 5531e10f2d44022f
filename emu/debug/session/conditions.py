"""Conditions on trace events: parsed from text, compiled to small stack programs that the machine evaluates.

    exit=ept_violation and gpa==0xfee00300 and partition==2
    msr in (efer, tsc_deadline) and write
    hypercall and input & 0xffff == 0x5c

    rip==loop+5 and rax > 3

The first name is the kind of trace event (kinds.KINDS); the others are its fields, fields that all have (COMMON), general
registers of the world it happens in, symbols of the images, or, in a comparison, names of the manual's tables.  `=` is `==`; and,
or, not, in, == != < <= > >=, & | ^ + - << >>, unsigned 64-bit.  Conditions on several kinds are joined by `or`.

Without a kind it is asked before the instructions at the addresses that RIP must be equal to, or, in a trace, at every row.
"""
import ast
import operator
import re
from dataclasses import dataclass

from emu.bits import ONES_64
from emu.debug.explain import lookup
from emu.debug.session.kinds import COMMON, COMMON_NAMES, KINDS, Kind, Variant, const
from emu.debug.views.registers import GENERAL
from emu.errors import ConfigError
from emu.machine.trace_ring import key
from emu.spec.trace import ANY_REASON, EVENT_KIND, NO_LIST, OP
from emu.state import PROGRAM_WORDS

COMPARE = {ast.Eq: OP.EQ, ast.NotEq: OP.NE, ast.Lt: OP.LT, ast.LtE: OP.LE, ast.Gt: OP.GT, ast.GtE: OP.GE}
BINARY = {ast.BitAnd: OP.BIT_AND, ast.BitOr: OP.BIT_OR, ast.BitXor: OP.XOR, ast.Add: OP.ADD, ast.Sub: OP.SUB, ast.LShift: OP.SHL,
          ast.RShift: OP.SHR}
LOGICAL = {ast.And: OP.AND, ast.Or: OP.OR}
SINGLE = re.compile(r"(?<![=!<>])=(?!=)")
DOTTED = re.compile(r"\w+(\.\w+)*")                      # a local label of the assembler: test.loop
FOLDED = {ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.Add: operator.add, ast.Sub: operator.sub,
          ast.LShift: lambda a, b: a << b if b < 64 else 0, ast.RShift: operator.rshift}
CHARACTERS_LIMIT, DEEPEST = 4000, 100                      # characters of a condition; operators within each other


# ---- compiling -----------------------------------------------------------------------------------------------------------
class _Compiler:
    """Compiles the syntax tree of a condition for one Variant."""

    def __init__(self, text, name, kind, variant, symbols):
        self.text, self.name, self.kind, self.variant, self.symbols = text, name, kind, variant, symbols
        self.names = {**COMMON_NAMES, **kind.names}
        self.reasons = set()                               # exit reasons that a conjunct of the whole asks for

    def refuse(self, what):
        raise ConfigError(f"condition {self.text!r}: {what}")

    def boolean(self, node):
        """Return the program of a node whose truth is asked: the bare name of the kind means any."""
        if isinstance(node, ast.Name) and node.id == self.name:
            return const(1)
        return self.of(node)

    def of(self, node):
        """Return the program of a node."""
        if isinstance(node, ast.BoolOp):
            parts = [self.boolean(each) for each in node.values]
            program = list(parts[0])
            for part in parts[1:]:
                program += [*part, int(LOGICAL[type(node.op)])]
            return tuple(program)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return *self.boolean(node.operand), int(OP.NOT)
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            return *self.of(node.left), *self.of(node.right), int(BINARY[type(node.op)])
        if isinstance(node, ast.Constant) and type(node.value) is int:
            if node.value > ONES_64:
                self.refuse(f"{node.value:#x} has more than 64 bits")
            return const(node.value)
        if isinstance(node, ast.Name):
            return self.field(node.id)
        if isinstance(node, ast.Attribute) and DOTTED.fullmatch(name := ast.unparse(node)):
            return self.field(name)
        return self.refuse(f"{ast.unparse(node)} is not understood; there are and, or, not, in, comparisons, & | ^ + - << >>, numbers")

    def field(self, name):
        """Return the program of a field or register."""
        found = self.variant.fields.get(name) or COMMON.get(name)
        if found:
            return found
        if name in GENERAL:
            return (int(OP.REGISTER) | GENERAL.index(name) << 8,)
        address = self.symbols(name)
        if address is not None:
            return const(address)
        if self.kind is NO_KIND:
            refuse_without_kind(self.text, self.symbols)
        known = sorted({*self.variant.fields, *COMMON})
        return self.refuse(f"{self.name} has no field {name!r}; its fields are {', '.join(known)}, registers such as rax, "
                           "and symbols of the image")

    def _operand(self, node, table):
        """Return the program of one side of a comparison; table: the names that the other side gives meaning to, or None."""
        if isinstance(node, ast.Name) and table and not self._known(node.id):
            return const(table[lookup.name(node.id, list(table), "name", f"Allowed here: {', '.join(list(table)[:12])} ...")])
        return self.of(node)

    def _known(self, name):
        return name in self.variant.fields or name in COMMON or name in GENERAL

    def _table(self, node):
        return self.names.get(node.id) if isinstance(node, ast.Name) else None

    def constant(self, node):
        """Return the constant that a node is, None when a field or a register is in it."""
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value & ONES_64
        if isinstance(node, ast.BinOp) and type(node.op) in FOLDED:
            sides = self.constant(node.left), self.constant(node.right)
            return None if None in sides else FOLDED[type(node.op)](*sides) & ONES_64
        name = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
        return None if not name or self._known(name) else self.symbols(name)

    def addresses(self, node):
        """Return the addresses of which RIP must be one where a node holds; none when it may be another."""
        if isinstance(node, ast.BoolOp):
            each = [self.addresses(part) for part in node.values]
            if isinstance(node.op, ast.And):
                return next(filter(None, each), ())
            return tuple(dict.fromkeys(address for part in each for address in part)) if all(each) else ()
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            return ()
        op, left, right, sides = node.ops[0], node.left, node.comparators[0], []
        if isinstance(op, ast.Eq) and (_is_rip(left) or _is_rip(right)):
            sides = [right if _is_rip(left) else left]
        elif isinstance(op, ast.In) and _is_rip(left) and isinstance(right, ast.Tuple | ast.List | ast.Set):
            sides = right.elts
        found = [self.constant(each) for each in sides]
        return () if None in found else tuple(dict.fromkeys(found))

    def comparison(self, node):
        """Return the program of a comparison, chained ones as Python has them."""
        program, left = [], node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                part = self._among(left, right)
                part = (*part, int(OP.NOT)) if isinstance(op, ast.NotIn) else part
            elif type(op) in COMPARE:
                a, b = self._operand(left, self._table(right)), self._operand(right, self._table(left))
                part = (*a, *b, int(COMPARE[type(op)]))
            else:
                self.refuse(f"{ast.unparse(node)} is not understood")
            program += [*part, int(OP.AND)] if program else part
            left = right
        return tuple(program)

    def _among(self, left, right):
        if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
            self.refuse(f"{ast.unparse(right)} must be a list, such as (1, 2)")
        value, table, found = self.of(left), self._table(left), []
        for each in right.elts:
            found += [*value, *self._operand(each, table), int(OP.EQ), *([int(OP.OR)] if found else [])]
        return tuple(found)


def _reason(compiler, tree):
    """Return the exit reason that the whole condition asks for by `exit=...` among its conjuncts, else ANY_REASON."""
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    for part in parts:
        if not isinstance(part, ast.Compare) or len(part.ops) != 1 or not isinstance(part.ops[0], ast.Eq):
            continue
        if isinstance(part.left, ast.Name) and part.left.id == "exit":
            program = compiler._operand(part.comparators[0], compiler._table(part.left))
            if program[0] == int(OP.CONST) and program[1] < ANY_REASON:
                return program[1]
    return ANY_REASON


@dataclass(frozen=True)
class Compiled:
    """A condition: its text, the name of its kind, and [(key of the list, program)] for `emu.machine.trace_ring.Watch.add`.

    addresses: of the instructions before which it is asked; none: it is asked at the trace events of its kind.
    """

    text: str
    kind: str
    programs: tuple
    addresses: tuple = ()


def _depth(tree):
    """Return how deep the operators of a syntax tree stand within each other, without recursion."""
    deepest, left = 0, [(tree, 1)]
    while left:
        node, depth = left.pop()
        deepest = max(deepest, depth)
        left += [(each, depth + 1) for each in ast.iter_child_nodes(node)]
    return deepest


def _parsed(text):
    """Return the syntax tree of a condition; ConfigError when there is none, or it is too long or too deep to be processed."""
    if len(text) > CHARACTERS_LIMIT:
        raise ConfigError(f"condition {text[:20]!r}...: it has {len(text):,} characters, {CHARACTERS_LIMIT:,} are allowed")
    try:
        tree = ast.parse(SINGLE.sub("==", text.strip()), mode="eval").body
    except SyntaxError as error:
        raise ConfigError(f"condition {text!r}: {error.msg}. An example: exit=ept_violation and gpa==0xfee00300") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"condition {text[:60]!r}: it cannot be read ({error or 'too deep'})") from error
    if _depth(tree) > DEEPEST:
        raise ConfigError(f"condition {text[:60]!r}: its operators stand more than {DEEPEST} deep within each other")
    return tree


def _names(tree):
    """Return the names of a syntax tree in their order."""
    return [name for _, _, name in sorted((node.lineno, node.col_offset, node.id) for node in ast.walk(tree) if isinstance(node, ast.Name))]


def _first(tree):
    """Return the first name of a syntax tree, "" without one."""
    return next(iter(_names(tree)), "")


def _by_kind(tree):
    """Return [(name of a kind, its tree)]: of a condition whose parts between `or` begin with different kinds, one of each."""
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or) else [tree]
    kinds = list(dict.fromkeys(name for part in parts if (name := _first(part)) in KINDS))
    if len(kinds) < 2 or any(_first(part) not in KINDS for part in parts):
        return [(_first(tree), tree)]
    groups = [(kind, [part for part in parts if _first(part) == kind]) for kind in kinds]
    return [(kind, own[0] if len(own) == 1 else ast.BoolOp(ast.Or(), own)) for kind, own in groups]


def compiled(text, symbols=lambda name: None, any_kind=False):
    """Return the Compiled condition of a text; raises ConfigError that says what is wrong and what is allowed.

    symbols(name): the address of a symbol, or None; any_kind: without a kind it is on rows of every kind.
    """
    tree = _parsed(text)
    if _first(tree) not in KINDS:
        return _without_kind(text, tree, symbols, any_kind)
    parts = _by_kind(tree)
    programs = tuple(each for name, part in parts for each in _programs(text, name, part, symbols))
    return Compiled(text, " or ".join(name for name, _ in parts), programs)


def _program(compiler, tree):
    """Return the program of a whole condition."""
    program, guard = compiler.boolean(tree), compiler.variant.guard
    if guard:
        program = (*guard, *program, int(OP.AND))
    if len(program) >= PROGRAM_WORDS:
        compiler.refuse(f"it takes {len(program) + 1} words, there are {PROGRAM_WORDS}: make it shorter")
    return *program, int(OP.END)


def _programs(text, name, tree, symbols):
    """Return the programs of a condition on one kind."""
    kind, programs = KINDS[name], []
    for variant in kind.variants:
        compiler = _Compiler(text, name, kind, variant, symbols)
        program = _program(compiler, tree)
        reason = _reason(compiler, tree) if name == "exit" else variant.reason
        programs.append((key(variant.event, reason), program))
    return programs


# ---- without a kind --------------------------------------------------------------------------------------------------------
NO_KIND = Kind("an instruction, or any row", (Variant(int(EVENT_KIND.INSTRUCTION), ANY_REASON, {}),))


def _is_rip(node):
    return isinstance(node, ast.Name) and node.id == "rip"


def _without_kind(text, tree, symbols, any_kind):
    """Return the Compiled condition of a tree that begins with no kind."""
    compiler = _Compiler(text, "rip", NO_KIND, NO_KIND.variants[0], symbols)
    addresses = () if any_kind else compiler.addresses(tree)
    if not addresses and (not any_kind or _is_address(tree)):
        refuse_without_kind(text, symbols)
    program = _program(compiler, tree)
    if addresses:
        return Compiled(text, "rip", ((NO_LIST, program),), addresses)
    return Compiled(text, "any", tuple((key(each), program) for each in EVENT_KIND if each != EVENT_KIND.INSTRUCTION))


def _is_address(tree):
    return isinstance(tree, ast.Name | ast.Attribute | ast.BinOp | ast.Constant)


def _of_kinds(tree):
    """Return {kind: the names in a tree that are its own or those of its fields}."""
    names = [name for name in dict.fromkeys(_names(tree)) if name not in COMMON and name not in GENERAL]
    fields = {kind: {kind, *(name for each in row.variants for name in each.fields)} for kind, row in KINDS.items()}
    return {kind: [name for name in names if name in own] for kind, own in fields.items()}


def _unknown(tree, symbols):
    """Return a name in a tree that means nothing, "" without one."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    known = {*COMMON, *GENERAL, *(name for each in (*_of_kinds(tree).values(), *COMMON_NAMES.values()) for name in each)}
    names = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner]
    return next((name for name in names if name not in known and symbols(name) is None), "")


def _check_proposal(text, proposal, symbols):
    """Raise ConfigError with what is wrong with a condition when a kind before it would not help: that is reported first."""
    try:
        compiled(proposal, symbols)
    except ConfigError as wrong:
        raise ConfigError(str(wrong).replace(repr(proposal), repr(text))) from None


def refuse_without_kind(text, symbols):
    """Raise ConfigError for a condition that names neither a trace event nor an instruction, with what to write instead."""
    tree, own = _parsed(text), text.strip()
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or) or isinstance(tree, ast.IfExp | ast.Lambda):
        own = f"({own})"
    said = f"condition {text!r}: it must begin with a trace event, one of {', '.join(KINDS)}, or with an instruction, as rip==ADDRESS: "
    known = _of_kinds(tree)
    best = max(known, key=lambda kind: (kind in known[kind], len(known[kind])))
    if not _unknown(tree, symbols):
        _check_proposal(text, f"{best if known[best] else 'exit'} and {own}", symbols)
    if known[best]:
        name = known[best][0]
        of = f" ({name!r} is a field of {', '.join(kind for kind, names in known.items() if name in names)})" if name not in KINDS else ""
        raise ConfigError(f"{said}write {f'{best} and {own}'!r}{of}")
    if unknown := _unknown(tree, symbols):
        raise ConfigError(f"{said}{unknown!r} is not a field, a register such as rax or a symbol of the image")
    if _is_address(tree):
        raise ConfigError(f"{said}write {f'rip=={own}'!r}")
    if "rip" in _names(tree):
        raise ConfigError(f"{said}write {f'exit and {own}'!r}, or compare rip with an address by == or with a list of them by in, "
                          "and join the rest by and")
    raise ConfigError(f"{said}write {f'rip==ADDRESS and {own}'!r} or {f'exit and {own}'!r}")
