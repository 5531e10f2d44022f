"""No packet ends the server or meets an error of ours: every packet's name with awkward contents,
    by hypothesis and by a seeded stream."""
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.debug.gdb import breakpoints, description, packet
from emu.debug.gdb.stub import Stub
from emu.errors import ImageError
from tests.machines import close, loaded, program
from tests.programs import COUNT, ENTER

HEADS = sorted(({head.encode() for table in (Stub.WHOLE, Stub.BEGUN) for head in table} | {
    b"X", b"qSearch:memory:", b"vFile:", b"vFile:setfs:", b"vFile:open:", b"vFile:pread:", b"vFile:close:", b"vFile:fstat:", b"Z0,",
    b"Z1,",
    b"Z2,", b"Z3,", b"Z4,", b"z0,", b"qXfer:features:read:", b"qXfer:threads:read:", b"qXfer:osdata:read:", b"qXfer:libraries:read:",
    b"qXfer:exec-file:read:", b"qXfer:auxv:read:", b"vCont;", b"vCont;s:", b"vCont;r", b"Hg", b"Hc", b"qOffsets", b"qL", b"qP",
    b"vFlashErase:",
    b"bc", b"bs", b"QPassSignals:", b"qTStatus", b"A", b"B", b"d", b"i", b"t", b"\xff", b"", b"_", b"x"}) - {b"vRun;", b"R"})
NUMBERS = (b"0", b"1", b"-1", b"+1", b"10", b"7fffffff", b"ffffffff", b"600000", b"200000", b"fee00000", b"7fffffffffffffff",
    b"8000000000000000",
           b"fffffffffffffff8", b"ffffffffffffffff", b"10000000000000000", b"f" * 40, b"0x10", b"1_0", b" 1", b"", b"zz", b"p1.1",
    b"p-1.-1",
           b"p0.0", b"p2.1", b"p", b"p1.", b"\xfe\xff", b"xx", b"00" * 8, b"target.xml", b"read")
DIVIDERS = (b",", b";", b":", b"=", b".", b"#", b"*", b"}")
COMMANDS = ("help", "state", "vmcs", "exits", "xlate", "why-irq", "why memory", "why register", "why vmcs", "seek", "type",
    "explain exit",
            "explain field", "explain msr", "explain check", "points", "break", "delete", "until", "disassemble", "error", "save")
WORDS = ("", "0", "-1", "1", "0x600000", "9" * 5000, "0x" + "f" * 30, "1__2", "0b", "nowhere", "rsp", "guest_rip", "write", "exit",
    "return", "256", "32",
         "exit=cpuid", "ignore", "not " * 3000 + "exit", "(" * 500 + "exit", "~" * 4000 + "1", "exit==" + "1+" * 3000 + "1",
    "exit==1e9", "\0", "é", "%s", "{}",
         "exit.x", "exit[0]", "lambda: exit", "(exit:=1)", "exit and f'{1}'", "exit==99999999999999999999999999", "-5", "1.5",
    "a.hvz/b.hvz")
CALM = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])

contents = st.lists(st.one_of(st.sampled_from(NUMBERS), st.sampled_from(DIVIDERS), st.binary(max_size=6)), max_size=8).map(b"".join)


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    """Return a Stub of a program with a hypervisor and a guest, before its VM entry."""
    made, assembly = [], program(tmp_path_factory.mktemp("fuzz"), ENTER, "lib.s", "vmxlib.s")

    def make():
        made.append(loaded(assembly))
        return made[-1]

    stub = Stub(make)
    stub.poll = lambda: True                               # as Ctrl-C does: a packet may let the machine go anywhere, and run without end
    yield stub
    stub.session.close()
    for machine in made:
        close(machine)


def fresh(unit):
    """Bring the machine back to its first moment when a packet has ended it or let it go, and forget the points."""
    unit.killed = unit.detached = False
    if unit.exited or unit.ended:
        unit.restart()
    for key in list(unit.points):
        breakpoints.drop(unit, key)
    for point in unit.session.breakpoints():
        unit.session.remove(point.number)


def answered(unit, data):
    """Answer a packet; fails on an error of ours or a reply that is none or too long."""
    before, reply = unit.defects, unit.answer(data)
    assert isinstance(reply, bytes) and len(reply) <= packet.PACKET_LIMIT + 64 and unit.defects == before, data
    assert not any(byte in b"#$" for byte in reply), data


@settings(CALM, max_examples=1500)
@given(head=st.sampled_from(HEADS), tail=contents, words=st.booleans())
def test_no_packet_raises(unit, head, tail, words):
    unit.words = words
    fresh(unit)
    if not (head + tail).startswith((b"R", b"vRun;")):
        answered(unit, head + tail)


@settings(CALM, max_examples=300)
@given(command=st.sampled_from(COMMANDS), words=st.lists(st.sampled_from(WORDS), max_size=4))
def test_no_monitor_command_raises(unit, command, words, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.getbasetemp())
    fresh(unit)
    answered(unit, b"qRcmd," + " ".join([command, *words]).encode("utf-8", "replace").hex().encode())


def test_no_stream_of_packets_raises(unit):
    chance = random.Random(12)
    for number in range(6000):
        if number % 50 == 0:
            fresh(unit)
        head = chance.choice(HEADS)
        kind = chance.randrange(3)
        if kind == 0:
            tail = bytes(chance.randrange(256) for _ in range(chance.randrange(20)))
        elif kind == 1:
            tail = bytes(chance.choice(b"0123456789abcdef,;:=pX-.") for _ in range(chance.randrange(24)))
        else:
            tail = b"".join(chance.choice(NUMBERS) + chance.choice(DIVIDERS) for _ in range(chance.randrange(6)))
        if not (head + tail).startswith((b"R", b"vRun;")):                   # each makes a machine: they have a test of their own
            answered(unit, head + tail)


def test_every_register_takes_or_refuses_every_value(guest):
    chance, unit = random.Random(3), Stub(guest(COUNT)[0])
    unit.poll = lambda: True
    for number, register in enumerate(description.EVERY_REGISTER):
        for value in (0, 1, (1 << register.bits) - 1, 1 << register.bits - 1, chance.getrandbits(register.bits)):
            answered(unit, b"P%x=%s" % (number, value.to_bytes(register.bits // 8, "little").hex().encode()))
            answered(unit, b"g")
            answered(unit, b"s")
            answered(unit, b"m%x,40" % value)
    unit.session.close()


def test_run_without_an_image_keeps_the_machine(guest):
    make, _ = guest(COUNT)
    unit = Stub(make)
    answered(unit, b"R-1")
    answered(unit, b"vRun;zz")

    def gone():
        raise ImageError("program.s: no such file")

    unit.make, unit.words = gone, True
    assert unit.answer(b"vRun;") == b"E.program.s: no such file" and not unit.defects
    assert unit.answer(b"s").startswith(b"T05")
    unit.session.close()


WRONG = (
    b"z0,100000", b"z0,zz,1", b"z0,100000,-1", b"Z0,100000,1;X3,220127;junk", b"Z0,100000,1;X2,27",
    b"Z0,100000,1;X1,27", b"Z,100000,1", b"Z2,100000,0",
    b"Z2,100000,100001", b"Z2,0,ffffffffffffffff", b"z3,100000,fffffff", b"vKill;", b"vKill;2", b"vKill;other", b"vKill;1;1", b"D;2",
    b"D;", b"vCont;", b"vCont;c;", b"vCont;x", b"vCont;t", b"vCont;cc", b"vCont;s1", b"vCont;C", b"vCont;Czz", b"vCont;c:",
    b"vCont;c:p9.1", b"vCont;c:77", b"vCont;r100000:p1.1", b"vCont;s;r1", b"czz", b"s-1", b"C", b"Czz", b"C05;zz", b"C05;", b"Szz",
    b"qAttached:2", b"qAttached:zz", b"QNonStop:1", b"QNonStop", b"Qqemu.PhyMemMode:2", b"Qqemu.PhyMemMode:", b"vRun;zz",
    b"vRun;2f62696e2f7368", b"vRun;;61", b"M100000,0", b"X100000,0", b"qXfer:threads:read:x:0,10",
    b"qXfer:osdata:read:files:0,10", b"qXfer:libraries:read:1:0,10", b"qXfer:exec-file:read:zz:0,10", b"Hg77", b"T77", b"P0", b"p77",
    b"vAttach;9")
UNKNOWN = (
    b"z9,100000,1", b"Z9,100000,1", b"Z00,100000,1", b"Z5,100000,1", b"qCRC:100000,10", b"qCx", b"gg", b"!!", b"?0", b"kk", b"b9600",
    b"bcc", b"Dx", b"vControl", b"vCont", b"vContX;c", b"vMustReplyEmpty", b"qfThreadInfoX", b"qSupportedX", b"QStartNoAckModeX",
    b"qSymbolX", b"qqemu.sstepX", b"vKill", b"vRunX", b"qXfer:auxv:read::0,10", b"qXfer:features:write::0,10", b"vFile:unlink:41",
    b"qSearch:memory:100000;10;\xff", b"qSearch:memory:-1", b"e", b"t")


def test_what_is_wrong_is_an_error_and_what_is_unknown_is_empty(unit):
    """Source: Debugging with GDB, "Overview": an empty reply to what is not supported; "Packets"."""
    fresh(unit)
    unit.words = False
    digest = unit.machine.digest()
    answers = {data: unit.answer(data) for data in (*WRONG, *UNKNOWN)}
    assert {data: said for data, said in answers.items() if data in WRONG and said[:1] != b"E"} == {}
    assert {data: said for data, said in answers.items() if data in UNKNOWN and said} == {}
    assert unit.machine.digest() == digest and not (unit.exited or unit.detached or unit.points)


def test_what_is_right_is_done(unit, monkeypatch):
    monkeypatch.setattr(unit, "poll", lambda: False)
    fresh(unit)
    for data in (b"Z0,100000,1;X3,220127", b"z0,100000,1", b"Z2,100000,100000", b"z2,100000,100000", b"M100000,0:", b"X100000,0:", b"Hg0",
                 b"Tp1.1", b"Qqemu.PhyMemMode:1", b"Qqemu.PhyMemMode:0", b"!", b"QNonStop:0", b"qSymbol::"):
        assert unit.answer(data) == b"OK", data
    assert unit.answer(b"qAttached") == unit.answer(b"qAttached:1") == b"1" and unit.answer(b"vCont?") == b"vCont;c;C;s;S;r"
    rip = unit.answer(b"p10")
    assert unit.answer(b"s%x" % int.from_bytes(bytes.fromhex(rip.decode()), "little")).startswith(b"T05")
    unit.answer(b"bs")
    assert unit.answer(b"p10") == rip and unit.answer(b"vKill;1") == b"OK" and unit.exited


def test_what_is_read_and_held_is_bounded(unit):
    fresh(unit)
    for data in (b"m100000,ffffffff", b"qXfer:features:read:target.xml:0,ffffffffffffffff", b"X100000,ffffffffffff:" + b"a" * 60000,
                 b"Z0,100000,1;Xffffffffff,27", b"G" + b"00" * 30000, b"vFile:pread:3,ffffffffffffffff,ffffffffffffffff"):
        answered(unit, data)
    path = next(iter(unit.files)).encode().hex().encode()
    unopened = (b"pread:77,1,0", b"close:77", b"fstat:77")
    assert [unit.answer(b"vFile:" + each) for each in unopened] == [b"F-1,9"] * 3, "EBADF"
    assert b"F-1,18" in [unit.answer(b"vFile:open:%s,0,0" % path) for _ in range(70)] and len(unit.host._open) == 64
