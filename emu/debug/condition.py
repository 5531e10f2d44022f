"""Conditions on what happens, in the words of people, as programs that the machine evaluates by itself.

    exit=ept_violation and gpa==0xfee00300 and partition==2
    msr in (efer, tsc_deadline) and write
    hypercall and input & 0xffff == 0x5c

The first name says what is meant (KINDS); the others are its fields, fields that everything has (COMMON), general registers of
the world it happens in, symbols of the images, or, beside a comparison, names of the manual's tables.  `=` is `==`; and, or, not,
in, == != < <= > >=, & | ^ + - << >>, unsigned 64-bit.  Conditions on several kinds stand beside each other with `or`.
"""
import ast
import re
from dataclasses import dataclass, field

from emu.debug import lookup
from emu.debug.registers import GENERAL
from emu.errors import ConfigError
from emu.spec.cpu import EVENT, VECTOR
from emu.spec.msr import MSR
from emu.spec.tlfs import HVCALL
from emu.spec.vmcs import VMCS
from emu.spec.vmx import REASON, VMERROR
from emu.spec.watch import CYCLE, FIRST, FOURTH, HAPPENING, HEAD, OP, PAGING_MODE, RIP, SECOND, THIRD, VMCS_POINTER
from emu.state import PROGRAM_WORDS
from emu.watching import ANY_REASON, key

COMPARE = {ast.Eq: OP.EQ, ast.NotEq: OP.NE, ast.Lt: OP.LT, ast.LtE: OP.LE, ast.Gt: OP.GT, ast.GtE: OP.GE}
BINARY = {ast.BitAnd: OP.BIT_AND, ast.BitOr: OP.BIT_OR, ast.BitXor: OP.XOR, ast.Add: OP.ADD, ast.Sub: OP.SUB, ast.LShift: OP.SHL,
          ast.RShift: OP.SHR}
LOGICAL = {ast.And: OP.AND, ast.Or: OP.OR}
SINGLE = re.compile(r"(?<![=!<>])=(?!=)")
DOTTED = re.compile(r"\w+(\.\w+)*")                      # a local label of the assembler: test.loop
ALL_ONES = (1 << 64) - 1
LONGEST, DEEPEST = 4000, 100                               # characters of a condition; operators within each other


# ---- fields --------------------------------------------------------------------------------------------------------------
def word(index, low=0, width=64):
    """Return the program that pushes bits of a word of a row."""
    return (int(OP.WORD) | index << 8 | low << 16 | width << 24,)


def const(value):
    """Return the program that pushes a number."""
    return int(OP.CONST), value & ALL_ONES


def _equal(program, *values):
    """Return the program that says whether a value is one of some."""
    found = [*program, *const(values[0]), int(OP.EQ)]
    for value in values[1:]:
        found += [*program, *const(value), int(OP.EQ), int(OP.OR)]
    return tuple(found)


@dataclass(frozen=True)
class Variant:
    """One kind of row that a name stands for: HAPPENING, exit reason, {field: program}, the program of what must hold as well."""

    happening: int
    reason: int
    fields: dict
    guard: tuple = ()


@dataclass(frozen=True)
class Kind:
    """What the first name of a condition means; text for people; names: {field: table of its names}."""

    text: str
    variants: tuple
    names: dict = field(default_factory=dict)


COMMON = {"cycle": word(CYCLE), "cpu": word(HEAD, 8, 8), "world": word(HEAD, 16, 1), "partition": word(HEAD, 32, 32), "rip": word(RIP),
          "vmcs": word(VMCS_POINTER)}
COMMON_NAMES = {"world": {"root": 0, "guest": 1}}
EXIT = dict(exit=word(FIRST, 0, 16), failed=word(FIRST, 31, 1), length=word(FIRST, 32, 32), qualification=word(SECOND), gpa=word(FOURTH),
            gla=word(THIRD), vector=word(THIRD, 0, 8), error=word(THIRD, 32, 32), msr=word(FOURTH, 0, 32), value=word(THIRD),
            leaf=word(FOURTH, 0, 32), subleaf=word(FOURTH, 32, 32), hypercall=word(FOURTH, 0, 16), port=word(SECOND, 16, 16),
            cr=word(SECOND, 0, 4))
E_VECTOR, E_TYPE = word(FIRST, 0, 8), word(FIRST, 8, 3)
EXCEPTIONS = (int(EVENT.HARD), int(EVENT.SOFT_EXC), int(EVENT.PRIV))
IS_READ = word(SECOND, 3, 1)                               # of the exit qualification of an I/O instruction


def _exit(reason, **fields):
    return Variant(int(HAPPENING.EXIT), int(reason), {**EXIT, **fields})


def _table(table):
    return {name.lower(): int(value) for name, value in zip(table._fields, table, strict=True)}


VECTORS = _table(VECTOR)
KINDS = {
    "exit": Kind("a VM exit, by reason", (Variant(int(HAPPENING.EXIT), ANY_REASON, EXIT),),
                 {"exit": _table(REASON), "vector": VECTORS, "msr": _table(MSR), "hypercall": _table(HVCALL)}),
    "entry": Kind("a VM entry; `spent`: cycles since the last exit", (Variant(int(HAPPENING.ENTRY), ANY_REASON, dict(
        entry=const(1), vector=E_VECTOR, type=E_TYPE, injects=word(FIRST, 31, 1), error=word(FIRST, 32, 32), guest_rip=word(SECOND),
        launch=word(THIRD), spent=word(FOURTH))),), {"vector": VECTORS}),
    "injection": Kind("an event that a VM entry injects, by vector", (Variant(int(HAPPENING.ENTRY), ANY_REASON, dict(
        injection=E_VECTOR, type=E_TYPE, error=word(FIRST, 32, 32), guest_rip=word(SECOND), spent=word(FOURTH)), word(FIRST, 31, 1)),),
        {"injection": VECTORS}),
    "failure": Kind("a VMX instruction that fails, by VM-instruction error (0: VMfailInvalid), or exit reason with bit 31",
                    (Variant(int(HAPPENING.FAILURE), ANY_REASON, dict(
                        failure=word(FIRST), qualification=word(SECOND), field=word(THIRD))),),
                    {"failure": _table(VMERROR), "field": _table(VMCS)}),
    "exception": Kind("an exception, delivered or intercepted, by vector", (
        Variant(int(HAPPENING.DELIVERY), ANY_REASON, dict(exception=E_VECTOR, error=word(SECOND), address=word(FOURTH), exits=const(0)),
                _equal(E_TYPE, *EXCEPTIONS)),
        Variant(int(HAPPENING.EXIT), int(REASON.EXCEPTION), dict(
            exception=word(THIRD, 0, 8), error=word(THIRD, 32, 32), address=word(SECOND), exits=const(1)),
            _equal(word(THIRD, 8, 3), *EXCEPTIONS))), {"exception": VECTORS}),
    "interrupt": Kind("an external interrupt, delivered or taken by the exit, by vector", (
        Variant(int(HAPPENING.DELIVERY), ANY_REASON, dict(interrupt=E_VECTOR, exits=const(0)), _equal(E_TYPE, int(EVENT.EXTERNAL))),
        Variant(int(HAPPENING.EXIT), int(REASON.EXTERNAL_INTERRUPT), dict(interrupt=word(THIRD, 0, 8), exits=const(1))))),
    "msr": Kind("RDMSR or WRMSR, carried out or intercepted, by MSR", (
        Variant(int(HAPPENING.MSR), ANY_REASON, dict(msr=word(FIRST, 0, 32), write=word(FIRST, 32, 1), value=word(SECOND), exits=const(0))),
        _exit(REASON.RDMSR, write=const(0), value=const(0), exits=const(1)), _exit(REASON.WRMSR, write=const(1), exits=const(1))),
        {"msr": _table(MSR)}),
    "port": Kind("IN, OUT, INS, OUTS, carried out or intercepted, by port", (
        Variant(int(HAPPENING.PORT), ANY_REASON, dict(port=word(FIRST, 0, 16), size=word(FIRST, 16, 16), write=word(FIRST, 32, 1),
                value=word(SECOND), exits=const(0))),
        _exit(REASON.IO, size=(*word(SECOND, 0, 3), *const(1), int(OP.ADD)), write=(*IS_READ, int(OP.NOT)), exits=const(1)))),
    "hypercall": Kind("VMCALL that exits, by call code", (
        _exit(REASON.VMCALL, input=word(FOURTH), fast=word(FOURTH, 16, 1), reps=word(FOURTH, 32, 12)),), {"hypercall": _table(HVCALL)}),
    "cpuid": Kind("CPUID that exits, by leaf", (_exit(REASON.CPUID, cpuid=word(FOURTH, 0, 32)),)),
    "mode": Kind("a change of the paging mode by MOV to CR or LMSW, by the new one", (
        Variant(int(HAPPENING.MODE), ANY_REASON, dict(mode=word(FIRST, 0, 8), old=word(FIRST, 8, 8))),),
        {"mode": _table(PAGING_MODE), "old": _table(PAGING_MODE)}),
}


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
            if node.value > ALL_ONES:
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
        known = sorted({*self.variant.fields, *COMMON})
        return self.refuse(f"{name!r} is no field of {self.name}; those are {', '.join(known)}, registers such as rax, "
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
    """A condition: its text, the name of its kind, and [(key of the list, program)] for `emu.watching.Watch.add`."""

    text: str
    kind: str
    programs: tuple


def _depth(tree):
    """Return how deep the operators of a syntax tree stand within each other, without recursion."""
    deepest, left = 0, [(tree, 1)]
    while left:
        node, depth = left.pop()
        deepest = max(deepest, depth)
        left += [(each, depth + 1) for each in ast.iter_child_nodes(node)]
    return deepest


def _parsed(text):
    """Return the syntax tree of a condition; ConfigError when it is none, or too long or deep for what goes through it."""
    if len(text) > LONGEST:
        raise ConfigError(f"condition {text[:20]!r}...: it has {len(text):,} characters, {LONGEST:,} are allowed")
    try:
        tree = ast.parse(SINGLE.sub("==", text.strip()), mode="eval").body
    except SyntaxError as error:
        raise ConfigError(f"condition {text!r}: {error.msg}. An example: exit=ept_violation and gpa==0xfee00300") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"condition {text[:60]!r}: it cannot be read ({error or 'too deep'})") from error
    if _depth(tree) > DEEPEST:
        raise ConfigError(f"condition {text[:60]!r}: its operators stand more than {DEEPEST} deep within each other")
    return tree


def _first(tree):
    """Return the first name of a syntax tree, "" without one."""
    names = sorted((node.lineno, node.col_offset, node.id) for node in ast.walk(tree) if isinstance(node, ast.Name))
    return names[0][2] if names else ""


def _by_kind(tree):
    """Return [(name of a kind, its tree)]: of a condition whose parts between `or` begin with different kinds, one of each."""
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or) else [tree]
    kinds = list(dict.fromkeys(name for part in parts if (name := _first(part)) in KINDS))
    if len(kinds) < 2 or any(_first(part) not in KINDS for part in parts):
        return [(_first(tree), tree)]
    groups = [(kind, [part for part in parts if _first(part) == kind]) for kind in kinds]
    return [(kind, own[0] if len(own) == 1 else ast.BoolOp(ast.Or(), own)) for kind, own in groups]


def compiled(text, symbols=lambda name: None):
    """Return the Compiled condition of a text; raises ConfigError that says what is wrong and what is allowed.

    symbols(name): the address of a symbol, or None.
    """
    parts = _by_kind(_parsed(text))
    programs = tuple(each for name, tree in parts for each in _programs(text, name, tree, symbols))
    return Compiled(text, " or ".join(name for name, _ in parts), programs)


def _programs(text, name, tree, symbols):
    """Return the programs of a condition on one kind."""
    if name not in KINDS:
        raise ConfigError(f"condition {text!r}: it must begin with what happens, one of {', '.join(KINDS)}, not {name!r}")
    kind, programs = KINDS[name], []
    for variant in kind.variants:
        compiler = _Compiler(text, name, kind, variant, symbols)
        program = compiler.boolean(tree)
        if variant.guard:
            program = (*variant.guard, *program, int(OP.AND))
        if len(program) >= PROGRAM_WORDS:
            compiler.refuse(f"it takes {len(program) + 1} words, there are {PROGRAM_WORDS}: make it shorter")
        reason = _reason(compiler, tree) if name == "exit" else variant.reason
        programs.append((key(variant.happening, reason), (*program, int(OP.END))))
    return programs
