"""gdb's agent expressions as programs of the machine's own: they mean what the plain evaluator says, and broken ones are refused."""
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.debug.gdb import agent, bytecode, description
from emu.debug.gdb.breakpoints import NAMES, condition_of
from emu.debug.session.session import Session
from emu.errors import DebugError
from emu.machine import Config, Machine
from emu.model import condition
from emu.spec.trace import I_RIP
from emu.state import WATCH
from tests.machines import close
from tests.programs import COUNT, ENTER

U = np.uint64
SETTINGS = settings(deadline=None, max_examples=200, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
CODE_OF = {found.name: code for code, found in bytecode.CODES.items()}
BINARY = sorted(agent.BINARY)
PLACES = [0x600FFD, 0x1FFF, 0xFFFF_FFF0, 0xFFFF_FFFE, 0xFEE0_0020, 0x7F00_0000_0000, 1 << 63, (1 << 64) - 3]
NUMBERS = st.one_of(st.integers(0, 80), st.sampled_from([(1 << n) - d for n in (7, 8, 31, 32, 63, 64) for d in (1, 2)]),
                    st.integers(0, (1 << 64) - 1))


# ---- programs as trees --------------------------------------------------------------------------------------------
def trees(registers):
    """Return a strategy of trees (name, ...) that `emit` writes as bytecode which leaves one value."""
    leaves = st.one_of(st.tuples(st.just("const"), NUMBERS), st.tuples(st.just("reg"), registers),
                       st.tuples(st.just("ref"), st.sampled_from(sorted(bytecode.REFERENCE)), st.sampled_from(PLACES)))

    def grown(tree):
        return st.one_of(
            st.tuples(st.sampled_from(BINARY), tree, tree), st.tuples(st.sampled_from(["log_not", "bit_not"]), tree),
            st.tuples(st.sampled_from(["ext", "zero_ext"]), st.integers(0, 70), tree), st.tuples(st.just("?"), tree, tree, tree),
            st.tuples(st.just("dup"), tree, st.sampled_from(BINARY)), st.tuples(st.just("swap"), tree, tree, st.sampled_from(BINARY)),
            st.tuples(st.just("rot"), tree, tree, tree, st.sampled_from(BINARY), st.sampled_from(BINARY)),
            st.tuples(st.just("pick"), tree, tree, st.sampled_from(BINARY), st.sampled_from(BINARY)), st.tuples(st.just("pop"), tree, tree))
    return st.recursive(leaves, grown, max_leaves=6)


def emit(tree, code):
    """Append the bytecode of a tree."""
    def put(name, operand=0):
        code.append(CODE_OF[name])
        code.extend(operand.to_bytes(bytecode.CODES[CODE_OF[name]].operand, "big"))

    name, *parts = tree
    if name == "const":
        put(next(each for each in bytecode.CONSTANT if parts[0] < 1 << 8 * bytecode.CODES[CODE_OF[each]].operand), parts[0])
    elif name == "reg":
        put("reg", parts[0])
    elif name == "ref":
        put("const64", parts[1])
        put(parts[0])
    elif name in ("ext", "zero_ext"):
        emit(parts[1], code)
        put(name, parts[0])
    elif name == "?":                                      # if_goto holds; otherwise; goto end; holds: then; end:
        emit(parts[0], code)
        places = []
        for jump, branch in (("if_goto", parts[1]), ("goto", parts[2])):
            put(jump)
            places.append(len(code) - 2)
            emit(branch, code)
            if jump == "if_goto":
                code[places[0]:places[0] + 2] = (len(code) + 3).to_bytes(2, "big")
        code[places[1]:places[1] + 2] = len(code).to_bytes(2, "big")
    else:
        for each in parts:
            if isinstance(each, tuple):
                emit(each, code)
        put(name, 1 if name == "pick" else 0)
        for each in parts:
            if isinstance(each, str):
                put(each)


def program(tree, *more):
    """Return the bytecode of a tree, further bytes, and the end."""
    code = bytearray()
    emit(tree, code)
    return bytes((*code, *more, CODE_OF["end"]))


def by_machine(session, words):
    """Return what the machine says of a program of its own, before the instruction where the session's processor is."""
    record, row = np.zeros(1, WATCH)[0], np.zeros(8, np.uint64)
    record.program[:len(words)] = words
    row[I_RIP] = session.current().pc
    with np.errstate(over="ignore"):
        return bool(condition.holds(session.machine.cpu[0], record, row, U(0)))


def in_partition():
    """Return a Session in a partition of the demonstration, whose addresses EPT translates."""
    machine = Machine(Config(memory_bytes=64 << 20))
    machine.load_demo()
    session = Session(machine)
    for _ in range(3):
        assert session.run_until("entry").reason == "entry"
    return session


@pytest.fixture(params=["bare", "guest", "partition"])
def stopped(debug, request):
    if request.param == "partition":
        session = in_partition()
        assert session.current().eptp
        yield session
        session.close()
        close(session.machine)
        return
    session, at = debug(COUNT if request.param == "bare" else ENTER)
    if request.param == "bare":
        session.break_at(at["test.loop"])
        session.run()
        session.step(count=5)
    else:
        assert session.run_until("entry").reason == "entry"
        session.step()
    yield session


def test_memory_that_the_machine_looks_at_is_what_a_debugger_reads(stopped):
    thread, known, c = stopped.current(), 0, stopped.machine.cpu[0]
    here, stack = thread.pc, thread.register("rsp")
    for first in (0, here - 0x1000 & ~0xFFF, here, stack, *PLACES, 0x1F_FFFD, 0x3F_FFFF, 0x3FF_FFFC, (1 << 32) - 2):
        for address in range(first, first + 0x3000, 0xFFD):
            for size in (1, 2, 4, 8):
                try:
                    data = thread.read(address % (1 << 64), size)
                except DebugError:
                    data = b""
                found, value = condition._load(c, U(address % (1 << 64)), U(size))
                assert bool(found) == (len(data) == size) and (not found or int(value) == int.from_bytes(data, "little"))
                known += len(data)
    assert known


def value_of(code, session):
    """Return what the evaluator leaves, None where it gives up."""
    thread = session.current()

    def register(number):
        return (description.value(thread, description.EVERY_REGISTER[number]) or 0) if number < len(description.EVERY_REGISTER) else 0

    def memory(address, size):
        data = thread.read(address, size)
        if len(data) != size:
            raise DebugError("cut short")
        return int.from_bytes(data, "little")

    try:
        return agent.evaluate(code, register, memory)
    except DebugError:
        return None


TRANSLATED = [n for n, name in enumerate(NAMES) if name and bytecode.register(name)] + [len(NAMES) + 1]


def test_registers_that_the_machine_can_be_asked_for():
    names = {description.EVERY_REGISTER[n].name for n in TRANSLATED if n < len(NAMES)}
    assert names > {"rax", "r15", "rip", "eflags", "cs", "fs_base", "cr0", "cr3", "efer", "dr7", "gdtr_base", "tr"}
    assert not names & {"xmm0", "st0", "cr8", "vmx_mode", "exit_reason"}


EDGES = (0, 1, 2, 7, 63, 64, 65, (1 << 63) - 1, 1 << 63, (1 << 63) + 5, (1 << 64) - 7, (1 << 64) - 1)


def assert_same(session, tree):
    """Fail unless the machine's program for a tree leaves what the evaluator does, and holds where that gives up."""
    value = value_of(program(tree), session)
    for differs in (0, 1):
        wanted = (value or 0) ^ differs
        words = bytecode.translated([program(tree, CODE_OF["const64"], *wanted.to_bytes(8, "big"), CODE_OF["equal"])], NAMES)
        if words is not None:
            assert by_machine(session, words) == (value is None or not differs)


@pytest.mark.parametrize("name", BINARY)
def test_operations_at_the_edges(stopped, name):
    for a in EDGES:
        for b in EDGES:
            assert_same(stopped, (name, ("const", a), ("const", b)))


@pytest.mark.parametrize("name", ["ext", "zero_ext", "log_not", "bit_not"])
def test_operations_on_the_top_at_the_edges(stopped, name):
    for value in EDGES:
        for bits in (0, 1, 7, 8, 31, 32, 63, 64, 65, 255) if name.endswith("ext") else (None,):
            assert_same(stopped, (name, *([] if bits is None else [bits]), ("const", value)))


@SETTINGS
@given(tree=trees(st.sampled_from(TRANSLATED)))
def test_translation_means_what_the_evaluator_says(stopped, tree):
    bytecode.checked(program(tree))
    assert_same(stopped, tree)


@SETTINGS
@given(trees=st.lists(trees(st.sampled_from(TRANSLATED)), min_size=1, max_size=3))
def test_one_of_some_programs_must_hold(stopped, trees):
    programs = [program(tree) for tree in trees]
    words = bytecode.translated(programs, NAMES)
    if words is not None:
        assert by_machine(stopped, words) == condition_of(programs)(stopped.current())


@SETTINGS
@given(code=st.one_of(st.binary(max_size=30), st.lists(st.sampled_from(sorted(bytecode.CODES)), max_size=30).map(bytes)))
def test_any_bytes_are_refused_or_mean_the_same(stopped, code):
    try:
        bytecode.checked(code)
    except bytecode.Malformed:
        return
    words = bytecode.translated([code], NAMES)
    assert words is None or by_machine(stopped, words) == condition_of([code])(stopped.current())


@pytest.mark.parametrize(("code", "words"), [
    ([], "cut short"), ([0x22], "cut short"), ([0x27], "empty stack"), ([0xEE], "0xee"), ([0x22, 1, 0x2B, 0x27], "empty stack"),
    ([0x22, 1, 0x32, 1, 0x27], "empty stack"), ([0x21, 0, 9], "cut short"), ([0x22, 1, 0x21, 0, 0], "places of stack"),
])
def test_malformed_programs_are_refused(code, words):
    with pytest.raises(bytecode.Malformed, match=words):
        bytecode.checked(bytes(code))


@pytest.mark.parametrize("code", [
    [0x22, 1, 0x28, 0x20, 0, 2, 0x27],                     # a loop
    [0x26, 0, next(n for n, name in enumerate(NAMES) if name == "xmm0"), 0x27], [0x2C, 0, 1, 0x27],
    [0x22, 1, 0x22, 1, 0x27],                              # two values are left
    [*[0x22, 1, 0x22, 1, 0x02, 0x29] * 9, 0x22, 1, 0x27],  # too long
])
def test_what_has_no_translation_is_left_to_the_evaluator(code):
    bytecode.checked(bytes(code))
    assert bytecode.translated([bytes(code)], NAMES) is None


def test_machine_lets_go_on_by_itself(debug, monkeypatch):
    session, at = debug(COUNT)
    stops = []
    monkeypatch.setattr(Session, "_stopped", lambda self, original=Session._stopped: stops.append(original(self)) or stops[-1])
    rcx = description.EVERY_REGISTER.index(next(each for each in description.EVERY_REGISTER if each.name == "rcx"))
    words = bytecode.translated([program(("equal", ("reg", rcx), ("const", 7)))], NAMES)
    number = session.break_at(at["test.loop"], program=words)
    stop = session.run()
    assert (stop.reason, stop.number, stop.detail, stop.thread.register("rcx")) == ("breakpoint", number, {}, 7)
    assert len(stops) == 1 and session.points.get(number).hits == 1
