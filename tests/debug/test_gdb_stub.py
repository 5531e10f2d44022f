"""gdb's packets answered: registers, memory, breakpoints, steps, processes; whatever comes, the machine keeps its state."""
import random
import re
import socket
import threading
import xml.etree.ElementTree as ElementTree

import pytest

from emu.debug.gdb import description, packet
from emu.debug.gdb.server import Server, address_of
from emu.debug.gdb.stub import Stub
from emu.debug.history import snapshot_file
from emu.errors import ConfigError
from tests.machines import close
from tests.programs import COUNT, ECHO, ENTER


@pytest.fixture
def stub(guest):
    """Return a function: program text -> (Stub, {symbol: address})."""
    made = []

    def of(text, processors=1):
        make, program = guest(text, processors)
        made.append(Stub(make))
        assert b"error-message+" in made[-1].answer(b"qSupported:multiprocess+;error-message+")
        return made[-1], program.symbols

    yield of
    for each in made:
        each.session.close()


def registers(stub):
    """Return {name: text} of the g packet."""
    text, found, at = stub.answer(b"g").decode(), {}, 0
    for register in description.EVERY_REGISTER:
        found[register.name] = text[at:at + register.bits // 4]
        at += register.bits // 4
    assert at == len(text)
    return found


def number(stub, name):
    return int.from_bytes(bytes.fromhex(registers(stub)[name]), "little")


def test_description_is_what_gdb_takes(stub):
    unit, _ = stub(COUNT)
    text, offset = "", 0
    while True:
        part = packet.unescape(unit.answer(b"qXfer:features:read:target.xml:%x,400" % offset)).decode()
        text, offset = text + part[1:], offset + len(part) - 1
        if part[0] == "l":
            break
    tree = ElementTree.fromstring(text.replace('<!DOCTYPE target SYSTEM "gdb-target.dtd">', ""))
    rows = tree.findall(".//reg")
    assert [row.get("name") for row in rows] == [register.name for register in description.EVERY_REGISTER]
    assert {"org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse",
    "org.gnu.gdb.i386.segments"} < {f.get("name") for f in tree.findall("feature")}
    assert unit.answer(b"qXfer:features:read:other.xml:0,10").startswith(b"E.there is no other.xml")


def test_breakpoint_step_and_registers(stub):
    unit, at = stub(COUNT)
    assert unit.answer(b"?") == b"T05thread:p1.1;"
    assert unit.answer(b"Z0,%x,1" % at["test.loop"]) == b"OK"
    assert unit.answer(b"vCont;c") == b"T05thread:p1.1;core:0;swbreak:;"
    assert number(unit, "rip") == at["test.loop"] and number(unit, "rcx") == 0
    assert unit.answer(b"vCont;s:p1.1") == b"T05thread:p1.1;core:0;"
    assert number(unit, "rcx") == 1
    assert unit.answer(b"P2=0900000000000000") == b"OK" and unit.answer(b"p2") == b"0900000000000000"
    assert unit.answer(b"vCont;r%x,%x:p1.1" % (at["test.loop"], at["test.loop"] + 14)) == b"T05thread:p1.1;core:0;"
    assert number(unit, "rip") == at["test.loop"] + 14
    assert unit.answer(b"z0,%x,1" % at["test.loop"]) == b"OK"
    assert unit.answer(b"c") == b"T05thread:p1.1;core:0;replaylog:end;"     # it passed: one can go back from here
    assert unit.answer(b"qfThreadInfo") == b"mp1.1" and number(unit, "rcx") == 10
    assert unit.answer(b"bs") == b"T05thread:p1.1;core:0;" and unit.answer(b"bs") == b"T05thread:p1.1;core:0;"
    assert unit.answer(b"c") == b"T05thread:p1.1;core:0;replaylog:end;" and unit.answer(b"c") == b"W00;process:1"
    assert unit.answer(b"qfThreadInfo") == b"l" and unit.answer(b"g").startswith(b"E.there is no thread")


def test_write_all_registers_back_changes_nothing(stub):
    unit, at = stub(ENTER)
    unit.answer(b"Z1,%x,1" % at["guest"])
    assert unit.answer(b"c") == b"T05thread:p1.1;core:0;hwbreak:;"
    digest, before = unit.machine.digest(), unit.answer(b"g")
    assert unit.answer(b"G" + before) == b"OK" and unit.machine.digest() == digest


def test_watchpoints_report_the_address(stub):
    unit, at = stub(COUNT)
    assert unit.answer(b"Z2,%x,4" % (at["cell"] + 2)) == b"OK"
    assert unit.answer(b"c") == b"T05thread:p1.1;core:0;watch:%x;" % (at["cell"] + 2)
    assert unit.answer(b"z2,%x,4" % (at["cell"] + 2)) == b"OK"
    assert unit.answer(b"Z3,%x,1" % at["cell"]) == b"OK"
    assert unit.answer(b"c") == b"T05thread:p1.1;core:0;rwatch:%x;" % at["cell"]


def test_condition_of_gdb_is_evaluated_here(stub):
    unit, at = stub(COUNT)
    program = "260002220713" + "27"                        # reg 2 (rcx) == 7
    assert unit.answer(b"Z0,%x,1;X7,%s" % (at["test.loop"], program.encode())) == b"OK"
    unit.answer(b"c")
    assert number(unit, "rcx") == 7


def test_malformed_condition_is_refused_when_it_is_set(stub):
    unit, at = stub(COUNT)
    for program in (b"X1,27", b"X2,2205", b"X1,ee", b"X4,22012b27", b"X3,210000;"):
        assert unit.answer(b"Z0,%x,1;%s" % (at["test.loop"], program)).startswith(b"E.")
    assert not unit.points and not unit.defects and unit.answer(b"c").endswith(b"replaylog:end;")


def test_condition_that_only_the_server_can_evaluate(stub):
    unit, at = stub(COUNT)
    name = next(n for n, register in enumerate(description.EVERY_REGISTER) if register.name == "mxcsr")
    rcx = next(n for n, register in enumerate(description.EVERY_REGISTER) if register.name == "rcx")
    program = b"26%04x" % name + b"231f80" + b"13" + b"26%04x" % rcx + b"2206130f27"       # mxcsr == 0x1f80 & (rcx == 6)
    assert unit.answer(b"Z0,%x,1;X%x,%s" % (at["test.loop"], len(program) // 2, program)) == b"OK"
    unit.answer(b"c")
    assert number(unit, "rcx") == 6 and unit.session.breakpoints()[0].asks is None


def test_stop_reply_has_what_gdb_asks_for_at_each_step(guest):
    make, program = guest(COUNT)
    unit = Stub(make)
    unit.answer(b"qSupported:multiprocess+;xmlRegisters=i386")
    unit.answer(b"Z0,%x,1" % program.symbols["test.loop"])
    for packet_ in (b"c", b"vCont;s:p1.1;c:p1.-1", b"vCont;s:p1.1;c:p1.-1", b"bs"):
        reply = unit.answer(packet_).decode()
        named = {int(key, 16): value for key, value in (part.split(":") for part in reply[3:].split(";") if ":" in part)
                 if re.fullmatch("[0-9a-f]+", key)}
        assert {description.EVERY_REGISTER[n].name for n in named} == {"rip", "rsp", "rbp"}
        assert all(registers(unit)[description.EVERY_REGISTER[n].name] == value for n, value in named.items())
    unit.session.close()


def test_points_of_gdb_and_conditions_that_are_met_together(stub):
    unit, at = stub(COUNT)
    printed, loop, cell = [], at["test.loop"], at["cell"]
    unit.tell = printed.append
    command = b"qRcmd," + b"break rip==test.loop and rcx<2".hex().encode()
    assert b"condition 1" in bytes.fromhex(unit.answer(command).decode())
    never = b"X3,220027"
    assert unit.answer(b"Z1,%x,1;%s" % (loop, never)) == b"OK" and unit.answer(b"Z0,%x,1" % loop) == b"OK"
    assert unit.answer(b"c").endswith(b"swbreak:;") and len(printed) == 1 and printed[0].startswith("hvlab: 1: instruction at ")
    assert unit.answer(b"Z2,%x,4" % cell) == b"OK" and unit.answer(b"Z4,%x,4" % cell) == b"OK"
    assert unit.answer(b"c").endswith(b"watch:%x;" % cell)
    assert unit.answer(b"c").endswith(b"awatch:%x;" % cell) and len(printed) == 1
    assert unit.answer(b"c").endswith(b"swbreak:;") and len(printed) == 2
    assert [(point.number, point.hits) for point in unit.session.breakpoints()] == [(1, 2), (2, 0), (3, 2), (4, 1), (5, 2)]


def test_memory(stub):
    unit, at = stub(COUNT)
    unit.answer(b"Z0,%x,1" % at["test"])
    unit.answer(b"c")
    assert unit.answer(b"M%x,4:11223344" % at["cell"]) == b"OK" and unit.answer(b"m%x,4" % at["cell"]) == b"11223344"
    assert unit.answer(b"X%x,3:" % at["cell"] + packet.escape(b"#$}")) == b"OK" and unit.answer(b"m%x,3" % at["cell"]) == b"23247d"
    assert unit.answer(b"m7f0000000000,4").startswith(b"E.linear address 0x7f0000000000 is not mapped")
    assert unit.answer(b"M%x,4:11" % at["cell"]).startswith(b"E.4 bytes are announced, 1 came")
    assert unit.answer(b"qSearch:memory:%x;1000;$}" % at["test"]) == unit.answer(b"qSearch:memory:0;ffffffff;\xff") == b""
    assert unit.answer(b"Qqemu.PhyMemMode:1") == b"OK" and unit.answer(b"qqemu.PhyMemMode") == b"1"
    assert unit.answer(b"m%x,3" % at["cell"]) == b"23247d"


def test_partitions_are_processes_and_breakpoints_have_their_scope(stub):
    unit, at = stub(ENTER)
    unit.answer(b"Z0,%x,1" % at["guest"])
    unit.answer(b"c")
    assert unit.answer(b"qfThreadInfo") == b"mp1.1"
    assert unit.answer(b"vAttach;9").startswith(b"E.there is no process 9, only 1, 2")
    assert unit.answer(b"vAttach;2") == b"T05thread:p2.1;"
    assert unit.answer(b"qfThreadInfo") == b"mp1.1,p2.1" and unit.answer(b"qC") == b"QCp2.1"
    assert unit.answer(b"Z0,%x,1" % at["after"]) == b"OK"                        # in the partition
    assert unit.answer(b"Hgp1.1") == b"OK" and unit.answer(b"Z0,%x,1" % (at["after"])) == b"OK"      # in the root: never met
    assert unit.answer(b"vCont;s:p2.1") == b"T05thread:p2.1;core:0;"
    stop = unit.answer(b"vCont;s:p2.1")
    assert stop == b"T05thread:p1.1;core:0;"               # CPUID exits: the hypervisor's entry point
    assert unit.answer(b"vCont;c") == b"T05thread:p2.1;core:0;swbreak:;"
    assert number(unit, "rip") == at["after"]
    assert [point.hits for point in unit.session.breakpoints()] == [1, 1, 0]
    threads = unit.answer(b"qXfer:threads:read::0,1000").decode()
    assert re.findall(r'name="([^"]+)"', threads) == [unit.session.guests()[0].name] * 2      # the processor is in that guest


def test_step_of_a_waiting_partition_runs_until_it_is_there(stub):
    unit, at = stub(ENTER)
    unit.answer(b"Z0,%x,1" % at["guest"])
    unit.answer(b"c")
    unit.answer(b"vAttach;2")
    unit.answer(b"vCont;s:p2.1")
    assert unit.answer(b"vCont;s:p2.1").startswith(b"T05thread:p1.1")
    assert unit.answer(b"vCont;s:p2.1") == b"T05thread:p2.1;core:0;"
    assert number(unit, "rip") == at["after"]


def test_end_that_nobody_asked_for_stops_first(guest):
    printed = []
    unit = Stub(guest("test:   lidt    [rip + none]\n        ud2\nnone:   .quad   0, 0\n")[0], tell=printed.append)
    assert unit.answer(b"c") == b"T0bthread:p1.1;core:0;"
    assert "triple fault" in "".join(printed) and "reverse-stepi" in "".join(printed) and number(unit, "rip")
    assert unit.answer(b"c").startswith(b"W")
    unit.session.close()


def test_guest_that_failed_stops_first_and_one_goes_back_from_there(guest):
    printed = []
    make, at = guest("test:   mov     eax, 3\n        out     PORT_DEBUG_EXIT, eax\n")
    unit = Stub(make, tell=printed.append)
    assert unit.answer(b"c") == b"T06thread:p1.1;core:0;"
    assert "the guest ended the run: failed with exit code 3" in "".join(printed)
    assert unit.answer(b"bs") == b"T05thread:p1.1;core:0;" and unit.result is None
    assert number(unit, "rip") == at.symbols["test"] + 5   # before OUT
    assert unit.answer(b"c") == b"T06thread:p1.1;core:0;" and unit.answer(b"c") == b"W03;process:1"
    unit.session.close()


def test_errors_are_numbers_for_a_client_that_does_not_know_words(stub):
    unit, at = stub(COUNT)
    unit.answer(b"Z0,%x,1" % at["test"])
    unit.answer(b"c")
    assert b"error-message" not in unit.answer(b"qSupported:multiprocess+;swbreak+")
    assert unit.answer(b"m7f0000000000,4") == b"E01" and unit.answer(b"m-1,4") == b"E16"

    def ask(line):
        return bytes.fromhex(unit.answer(b"qRcmd," + line.encode().hex().encode()).decode()).decode()

    assert ask("error") == "an address must be hexadecimal, not '-1'\n"


@pytest.mark.parametrize("packet", [
    b"m-1,4", b"mffffffffffffffffffff,4", b"m+1,4", b"m 1,4", b"m1_0,4", b"m0x10,4", b"mffffffffffffffff,2", b"m0,-1", b"X-1,0:",
    b"Xffffffffffffffffffff,1:a",
    b"X0,ffffffffffffffffffff:a", b"Mffffffffffffffff,2:0000", b"Z0,-1,1", b"Z2,ffffffffffffffffffff,1",
    b"Z2,10,ffffffffffffffffffff",
    b"Z0", b"z0", b"Z0,1", b"H", b"Hx1", b"p-1", b"p", b"P1", b"G-1", b"qXfer:features:read:target.xml:-1,10", b"qXfer:features",
    b"vCont;r-1,-2:p1.1", b"vAttach;-1", b"D;-1", b"T-5",
])
def test_numbers_that_are_none_are_refused(stub, packet):
    unit, _ = stub(COUNT)
    digest = unit.machine.digest()
    assert unit.answer(packet).startswith((b"E.", b"F-1")) and not unit.defects and unit.machine.digest() == digest


def test_restart_begins_again(stub):
    unit, at = stub(COUNT)
    unit.answer(b"Z0,%x,1" % at["test.loop"])
    unit.answer(b"c")
    assert unit.answer(b"vRun;") == b"T05thread:p1.1;" and number(unit, "rip") == 0xFFFFFFF0
    assert unit.answer(b"Z0,%x,1" % at["test.loop"]) == b"OK"
    assert unit.answer(b"c") == b"T05thread:p1.1;core:0;swbreak:;"


def monitor(unit):
    """Return a function: line of a monitor command -> what it prints."""
    return lambda line: bytes.fromhex(unit.answer(b"qRcmd," + line.encode().hex().encode()).decode()).decode()


def test_monitor_commands(stub):
    unit, at = stub(ENTER)
    unit.answer(b"Z0,%x,1" % at["after"])
    unit.answer(b"c")
    ask = monitor(unit)
    assert "why-irq VECTOR" in ask("help")
    assert re.search(r"cpu0 +nonroot +partition 1", ask("state"))
    assert re.search(r"0x4402 +EXIT_REASON +0xa +CPUID", ask("vmcs exit"))
    assert "VM entry" in ask("vmcs check")
    assert ask("exits").split() == ["CPUID", "1"]
    assert "host-physical 0x600018: RAM" in ask("xlate 0x600018 write")
    assert "0x30" in ask("why-irq 0x30") or "no interrupt" in ask("why-irq 0x30")
    assert "EPT violation" in ask("explain exit 48")
    assert re.search(r"execute +linear", ask("points"))
    assert re.match(rf"{at['after']:#x} ", ask("disassemble"))
    for line, words in (("dance", "must be one of help"), ("vmcs nowhere", "must be one of control"), ("xlate", "usage: monitor xlate"),
                        ("xlate nowhere", "not 'nowhere'"), ("why color rax", "must be one of memory, register, vmcs"),
                        ("why-irq 3", "16 to 255"), ("xlate 0 fly", "must be one or more of read")):
        assert words in ask(line), line


def test_monitor_reports_who_wrote_it_and_stays_where_it_is(stub):
    unit, at = stub(ENTER)
    unit.answer(b"Z0,%x,1" % at["after"])
    unit.answer(b"c")
    ask = monitor(unit)
    digest, cycle = unit.machine.digest(), int(unit.machine.cpu[0].cycles)
    said = ask("why vmcs exit_reason")
    assert re.search(rf"EXIT_REASON of VMCS 0x\w+: 0x0 -> 0xa by the instruction at {at['exits']:#x}", said)
    assert 'the instruction at' in ask(f"why memory {int(unit.machine.cpu[0].vmcs_pointer):#x} 4")
    assert "rsp: " in ask("why register $rsp")
    assert (unit.machine.digest(), int(unit.machine.cpu[0].cycles)) == (digest, cycle)
    assert re.match(rf"cpu0 at cycle {cycle - 5000:,}\d*|cpu0 at cycle", ask(f"seek {cycle - 5000}"))
    assert int(unit.machine.cpu[0].cycles) < cycle
    assert unit.answer(b"c") == b"T05thread:p1.1;core:0;swbreak:;" and unit.machine.digest() == digest


def test_monitor_breaks_before_an_instruction(stub):
    unit, at = stub(COUNT)
    said = []
    unit.tell = said.append

    def ask(line):
        return bytes.fromhex(unit.answer(b"qRcmd," + line.encode().hex().encode()).decode()).decode()

    assert ask("break rip==test.loop and rcx==3").startswith("condition 1: ")
    assert unit.answer(b"c") == b"T05thread:p1.1;core:0;" and number(unit, "rcx") == 3 and number(unit, "rip") == at["test.loop"]
    assert said[0].startswith(f"hvlab: 1: instruction at {at['test.loop']:#x}, cpu0, cycle ")
    assert re.search(r"1 +execute +rip==test.loop and rcx==3 +1 hits", ask("points")) and ask("delete 1") == "1 is gone\n"
    assert "write 'rip==ADDRESS and rcx==3' or 'exit and rcx==3'" in ask("break rcx==3")


def test_monitor_types_and_saves(stub, tmp_path):
    unit, _ = stub(ECHO)

    def ask(line):
        return bytes.fromhex(unit.answer(b"qRcmd," + line.encode().hex().encode()).decode()).decode()

    said = bytearray()
    unit.machine.on_console(lambda source, data: said.extend(data))
    assert "4 bytes reach the serial port" in ask("type a\\x21c.")
    assert "why go on from it" in ask(f"save {tmp_path / 'a.hvz'}")
    assert unit.answer(b"c").endswith(b"replaylog:end;") and said.endswith(b"a!c.")
    again = snapshot_file.machine_of(snapshot_file.load(tmp_path / "a.hvz"))
    again.run()
    assert again.digest() == unit.machine.digest()
    close(again)
    assert "ends in .hvz" in ask("save a.txt") and "usage: monitor save" in ask("save") and "an invalid escape" in ask("type \\x")


def test_malformed_packets_leave_the_machine_as_it_is(stub):
    unit, at = stub(COUNT)
    unit.answer(b"Z0,%x,1" % at["test.loop"])
    unit.answer(b"c")
    digest, chance = unit.machine.digest(), random.Random(5)
    heads = [
        b"g", b"G", b"p", b"P", b"m", b"M", b"X", b"Z", b"z", b"H", b"T", b"qXfer:", b"qXfer:features:read:",
        b"qRcmd,", b"vFile:", b"vFile:open:", b"vAttach;", b"qThreadExtraInfo,", b"qSearch:memory:",
        b"Qqemu.PhyMemMode:", b"vFile:pread:", b"qOffsets", b"\xff", b"",
    ]
    for _ in range(3000):
        tail = bytes(chance.choice(b"0123456789abcdef,;:=pXz-\xfe") for _ in range(chance.randrange(12)))
        head = chance.choice(heads)
        if head in (b"M", b"X", b"G", b"P"):
            tail = b"zz" + tail                            # what they could write is tested elsewhere
        if not head and tail[:1] in (b"c", b"X"):          # these are in order
            continue
        assert isinstance(unit.answer(head + tail), bytes)
    assert unit.machine.digest() == digest


# ---- over a socket ----------------------------------------------------------------------------------------------
class Client:
    """A connection to a server that runs in a thread."""

    def __init__(self, address):
        self.socket, self.reader, self.waiting = socket.create_connection(address, timeout=20), packet.Reader(), []

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, kind="packet"):
        while True:
            while self.waiting:
                found = self.waiting.pop(0)
                if found.kind == kind:
                    return found.data
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.waiting += self.reader.feed(data)

    def ask(self, data):
        self.send(packet.frame(data))
        return self.receive()


@pytest.fixture
def served(guest):
    """Return a function: program text -> (a function that connects, {symbol: address}, the server)."""
    servers, clients = [], []

    def of(text):
        make, program = guest(text)
        server = Server(("127.0.0.1", 0), lambda poll, tell: Stub(make, poll, tell))
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        servers.append((server, thread))

        def connect(introduced=True):
            clients.append(Client(server.address))
            if introduced:
                assert b"QStartNoAckMode+" in clients[-1].ask(b"qSupported:error-message+")
            return clients[-1]

        return connect, program.symbols, server

    yield of
    for client in clients:
        client.socket.close()
    for server, thread in servers:
        server.stub.killed = True
        thread.join(20)
        assert not thread.is_alive()
        server.close()
        server.stub.session.close()


def test_server_acknowledges_and_stops_doing_so(served):
    connect, _, _ = served(COUNT)
    client = connect(introduced=False)
    client.send(b"$g#00")
    assert client.receive("nak") == b""
    client.send(packet.frame(b"QStartNoAckMode"))
    assert client.receive("ack") == b"" and client.receive() == b"OK"
    client.send(b"$g#00")
    assert client.receive() == b"E16"


def test_second_client_gets_a_message_and_a_dropped_one_leaves_the_machine(served):
    connect, at, _ = served(COUNT)
    first = connect()
    assert first.ask(b"Z0,%x,1" % at["test.loop"]) == b"OK"
    assert first.ask(b"c").startswith(b"T05")
    second = connect(introduced=False)
    assert second.receive().startswith(b"E.another debugger holds this machine")
    with pytest.raises(EOFError):
        second.receive()
    assert first.ask(b"p2") == b"0" * 16
    first.socket.close()
    third = connect()
    assert third.ask(b"p10") == at["test.loop"].to_bytes(8, "little").hex().encode()       # where the first left it
    assert third.ask(b"s") == b"T05thread:p1.1;core:0;"


def test_interrupt_stops_a_run(served):
    connect, _, _ = served("test: jmp test\n")
    client = connect()
    client.send(packet.frame(b"c"))
    client.send(b"\x03")
    assert client.receive() == b"T02thread:p1.1;core:0;"


def test_detach_lets_the_machine_run_on(served):
    connect, at, server = served("test: inc qword ptr [rip + cell]\n jmp test\n .align 8\ncell: .quad 0\n")
    client = connect()
    assert client.ask(b"D;1") == b"OK"
    client = connect()
    assert client.ask(b"?") == b"T05thread:p1.1;"
    assert int.from_bytes(bytes.fromhex(client.ask(b"m%x,8" % at["cell"]).decode()), "little") >= 0
    client.send(packet.frame(b"k"))


WRITE = packet.frame(b"qSupported") + packet.frame(b"M%x,1:ff" % 0x200000) + packet.frame(b"k")


@pytest.mark.parametrize(("sent", "words"), [
    (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\n" + WRITE, "a request of HTTP"),
    (b"GET /" + WRITE + b" HTTP/1.1\r\n\r\n", "a request of HTTP"), (b"hello" + WRITE, "no debugger's packets"),
    (b"OPTIONS / HTTP/1.1\r\n\r\n" + WRITE, "a request of HTTP"),
    (b"\x16\x03\x01" + WRITE, "no debugger's packets"), (b"\n" + WRITE, "no debugger's packets"),
    (packet.frame(b"M%x,1:ff" % 0x200000), "a debugger's first packet is"), (packet.frame(b"k"), "a debugger's first packet is"),
])
def test_who_does_not_speak_as_a_debugger_is_let_go_unanswered(served, sent, words):
    connect, _, server = served(COUNT)
    said: list[str] = []
    server.log, digest = said.append, server.stub.machine.digest()
    stranger = connect(introduced=False)
    stranger.send(sent)
    with pytest.raises((EOFError, ConnectionError)):
        stranger.receive()
    debugger = connect()
    assert debugger.ask(b"?") == b"T05thread:p1.1;"
    assert any(words in line for line in said) and server.stub.machine.digest() == digest and not server.stub.killed


def test_who_says_nothing_keeps_no_debugger_out(served):
    connect, _, _ = served(COUNT)
    connect(introduced=False)
    assert connect().ask(b"?") == b"T05thread:p1.1;"


@pytest.mark.parametrize("text", ["0.0.0.0:1234", "example.org:1", "port", "70000", ""])
def test_other_addresses_are_refused(text):
    with pytest.raises(ConfigError, match="127.0.0.1"):
        address_of(text)
