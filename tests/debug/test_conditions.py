"""Conditions: what they say is what the machine evaluates, and what is wrong with one is said."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.bits import ONES_64
from emu.debug.session.conditions import compiled
from emu.debug.session.kinds import COMMON, EXIT, KINDS
from emu.errors import ConfigError
from emu.machine.trace_ring import key
from emu.model.observe import watch
from emu.spec.trace import EVENT_KIND, NO_LIST
from emu.spec.vmx import REASON
from emu.state import WATCH
from tests.model.rig import Rig

FORMS = pytest.mark.parametrize("form", [lambda f: f, lambda f: f.py_func], ids=["compiled", "python"])
QUICK = settings(deadline=None, max_examples=80, derandomize=True)
FIELDS = {"cycle": (0, 0, 64), "cpu": (1, 8, 8), "rip": (2, 0, 64), "exit": (4, 0, 16), "qualification": (5, 0, 64), "error": (6, 32, 32),
          "gpa": (7, 0, 64), "leaf": (7, 0, 32)}
NUMBERS = st.one_of(st.integers(0, 80), st.integers(0, ONES_64))
VALUES = st.recursive(
    st.one_of(st.sampled_from(sorted(FIELDS)), NUMBERS.map(str)),
    lambda inner: st.tuples(inner, st.sampled_from(["&", "|", "^", "+", "-", "<<", ">>"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=3)
TERMS = st.one_of(
    st.tuples(VALUES, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), VALUES).map(" ".join),
    st.tuples(st.sampled_from(sorted(FIELDS)), st.lists(NUMBERS.map(str), min_size=1, max_size=2)).map(
        lambda t: f"{t[0]} in ({', '.join(t[1])},)"))
TEXTS = st.tuples(TERMS, st.sampled_from(["and", "or"]), TERMS, st.booleans()).map(
    lambda t: f"exit < 70000 and ({'not ' * t[3]}({t[0]}) {t[1]} {t[2]})")


def reference(text, row):
    """Return what the text means, by Python: fields are 64-bit numbers, results too."""
    class Word(int):
        def __add__(self, b): return Word(int(self) + int(b) & ONES_64)
        def __sub__(self, b): return Word(int(self) - int(b) & ONES_64)
        def __lshift__(self, b): return Word(0 if int(b) > 63 else int(self) << int(b) & ONES_64)
        def __rshift__(self, b): return Word(0 if int(b) > 63 else int(self) >> int(b))
        def __and__(self, b): return Word(int(self) & int(b))
        def __or__(self, b): return Word(int(self) | int(b))
        def __xor__(self, b): return Word(int(self) ^ int(b))

    names = {name: Word(row[at] >> low & (1 << width) - 1) for name, (at, low, width) in FIELDS.items()}
    import re
    return bool(eval(re.sub(r"(?<![\w.])(\d+)", r"Word(\1)", text), {"Word": Word}, names))


@FORMS
@QUICK
@given(text=TEXTS, row=st.lists(NUMBERS, min_size=8, max_size=8))
def test_program_means_what_the_text_says(form, text, row):
    try:
        (_, program), = compiled(text).programs
    except ConfigError as error:
        assert "make it shorter" in str(error)
        return
    record = np.zeros(1, WATCH)[0]
    record.program[:len(program)] = program
    with np.errstate(over="ignore"):
        found = form(watch.holds)(Rig().cpu[0], record, np.array(row, np.uint64), np.uint64(0))
    assert bool(found) == reference(text, row)


def test_names_of_the_tables_and_the_list_of_one_reason():
    one = compiled("exit=ept_violation and gpa==0x1000")
    assert one.programs[0][0] == key(EVENT_KIND.EXIT, int(REASON.EPT_VIOLATION)) and one.kind == "exit"
    assert compiled("exit==48 or gpa==1").programs[0][0] == key(EVENT_KIND.EXIT)
    assert len(compiled("msr==efer and write").programs) == 3
    assert compiled("hypercall==post_message").programs[0][0] == key(EVENT_KIND.EXIT, int(REASON.VMCALL))
    assert compiled("exception").programs[1][0] == key(EVENT_KIND.EXIT, 0)


@pytest.mark.parametrize("text, words", [
    ("", "invalid syntax"), ("gpa==1", "must begin with a trace event"), ("1 == 1", "must begin with"),
    ("colour==1", "'colour' is not a field"),
    ("exit=nowhere", "there is no name 'nowhere'"),
    ("exit and colour", "exit has no field 'colour'"), ("exit == 'x'", "is not understood"), ("exit() == 1", "is not understood"),
    ("msr==efer and gpa==3 and lambda: 0", "invalid syntax"), ("exit in 3", "must be a list"), ("exit is 3", "is not understood"),
    ("exit and " + " and ".join(f"rip=={n}" for n in range(20)), "make it shorter"), ("port.real", "port has no field"),
])
def test_what_is_wrong_is_said(text, words):
    with pytest.raises(ConfigError) as said:
        compiled(text)
    assert words in str(said.value)


@pytest.mark.parametrize("text, addresses", [
    ("rip==loop+5", (0x1005,)), ("0x1000==rip", (0x1000,)), ("rip=loop and rax>3", (0x1000,)), ("rip in (1, loop, 1)", (1, 0x1000)),
    ("cpu==1 and (rip==1 or rip==2 and rbx==3)", (1, 2)), ("not (world==guest) and rip==loop<<4", (0x10000,)),
])
def test_condition_on_rip_says_before_which_instructions_it_is_asked(text, addresses):
    found = compiled(text, {"loop": 0x1000}.get)
    assert (found.kind, found.addresses, [where for where, _ in found.programs]) == ("rip", addresses, [NO_LIST])
    assert not compiled(f"exit and ({text})", {"loop": 0x1000}.get).addresses


@pytest.mark.parametrize("text, ways", [
    ("gpa=1 or gla=2", ["exit and (gpa=1 or gla=2)"]), ("cpu==1 and exit==48", ["exit and cpu==1 and exit==48"]),
    ("write and value==3", ["msr and write and value==3"]), ("rip>loop", ["exit and rip>loop"]), ("rip==rax", ["exit and rip==rax"]),
    ("rip==1 or cpu==2", ["exit and (rip==1 or cpu==2)"]), ("rax==5", ["rip==ADDRESS and rax==5", "exit and rax==5"]),
    ("loop", ["rip==loop"]), ("loop+5", ["rip==loop+5"]), ("rip==1 and gpa==3", ["exit and rip==1 and gpa==3"]),
])
def test_what_to_write_where_a_kind_is_needed_is_said_and_is_taken(text, ways):
    with pytest.raises(ConfigError) as said:
        compiled(text, {"loop": 0x1000}.get)
    for way in ways:
        assert f"{way!r}" in str(said.value)
        compiled(way, {"loop": 0x1000, "ADDRESS": 0x2000}.get)


def test_condition_without_a_kind_is_on_rows_of_every_kind_of_a_trace():
    found = compiled("rip==0x1000 and cpu==1", any_kind=True)
    assert sorted(where for where, _ in found.programs) == [key(kind) for kind in range(1, 8)] and not found.addresses
    with pytest.raises(ConfigError, match="write 'exit and gpa==1'"):
        compiled("gpa==1", any_kind=True)


def test_every_kind_has_its_own_value_field():
    for name, kind in KINDS.items():
        for variant in kind.variants:
            assert name in variant.fields or name in COMMON or variant.fields is EXIT, name
