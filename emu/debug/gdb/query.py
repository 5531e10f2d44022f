"""What gdb asks about the machine as a whole: features, threads, files, the monitor's commands."""
from emu.debug.gdb import description, files
from emu.debug.gdb.numbers import Refused, hexadecimal, octets, parts, place
from emu.debug.gdb.packet import PACKET_LIMIT, escape
from emu.errors import DebugError
from emu.files import printable

REPLY_BYTES = 0x2000                                       # bytes of a qXfer reply
PROCESS = 1
FEATURES = ("multiprocess+", "swbreak+", "hwbreak+", "qXfer:features:read+", "qXfer:threads:read+", "qXfer:exec-file:read+",
            "qXfer:libraries:read+", "qXfer:osdata:read+", "QStartNoAckMode+", "vContSupported+", "ConditionalBreakpoints+", "ReverseStep+",
            "ReverseContinue+", "QNonStop-")
ACCEPTED, NOTHING = b"OK", b""


def supported(stub, text):
    """Answer qSupported; errors in words for a client that understands them, registers by number for one that knows them."""
    understood = text.lstrip(":").split(";")
    stub.words, stub.numbered = "error-message+" in understood, any(each.startswith("xmlRegisters=") for each in understood)
    return ";".join((f"PacketSize={PACKET_LIMIT:x}", *FEATURES, *(["error-message+"] if stub.words else []))).encode()


def first_threads(stub, _):
    """Answer qfThreadInfo: all threads at once."""
    known = ",".join(f"p{p:x}.{n:x}" for p, n in stub.threads())
    return f"m{known}".encode() if known else b"l"


def info(stub, text):
    """Answer qThreadExtraInfo."""
    thread = stub.thread(stub.which(text))
    return f"{thread.name}, {'runs' if thread.running else 'waits'}, {thread.bits}-bit".encode().hex().encode()


def command(stub, text):
    """Answer qRcmd: a monitor command."""
    line = octets(text, "a command").decode("utf-8", "replace")
    try:
        answer = stub.monitor.run(stub.thread() if not stub.exited else stub.session.current(), line)
    except DebugError as error:
        answer = f"{error}\n"
    return printable(answer).encode().hex().encode()      # gdb prints it as it is: names in it may be of others


def nonstop(stub, text):
    """Refuse QNonStop:1."""
    raise Refused("non-stop is not offered: the machine stops as a whole")


def transfer(stub, text):
    """Answer qXfer: a window of a document."""
    what, operation, name, window = parts(text, ":", 4, "qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH")
    offset, size = place(window)
    if operation != "read":
        return NOTHING
    content = {"features": features, "threads": thread_list, "exec-file": exec_file,
               "libraries": libraries, "osdata": osdata}.get(what, lambda *_: None)(stub, name)
    if content is None:
        return NOTHING
    data = content.encode()
    part = data[offset:offset + min(size, REPLY_BYTES)]
    return (b"m" if offset + len(part) < len(data) else b"l") + escape(part)


def features(stub, name):
    """Return target.xml."""
    if name != "target.xml":
        raise Refused(f"there is no {name}, only target.xml")
    return description.xml()


def _nameless(what, name):
    if name:
        raise Refused(f"{what} has no annex {name!r}")


def thread_list(stub, name):
    """Return the list of threads."""
    _nameless("threads", name)
    rows = [f'<thread id="p{p:x}.{n:x}" core="{thread.processor}" name="{thread.name}">{"runs" if thread.running else "waits"}</thread>'
            for (p, n), thread in stub.threads().items()]
    return f'<?xml version="1.0"?><threads>{"".join(rows)}</threads>'


def exec_file(stub, name):
    """Return the file that gdb should read symbols from, None when there is none."""
    paths, process = list(stub.files), hexadecimal(name, "a process") if name else PROCESS
    return "/" + (paths[0] if process == PROCESS else paths[-1]).lstrip("/") if paths else None


def libraries(stub, name):
    """Return the list of further symbol files."""
    _nameless("libraries", name)
    rows = [f'<library name="/{path.lstrip("/")}"><section address="{files.range_of(stub.files, path):#x}"/></library>'
            for path in list(stub.files)[1:] if path.startswith("hvlab/")]
    return f'<library-list>{"".join(rows)}</library-list>'


def osdata(stub, name):
    """Return the list of processes, or of what can be listed."""
    guests = {guest.partition for guest in stub.session.guests()}
    rows = [(PROCESS, "the machine: hypervisor or bare")] + [(PROCESS + n, f"partition {n}") for n in sorted(guests)]
    if name == "":
        items = '<item><column name="Type">processes</column><column name="Description">The machine and its partitions</column></item>'
        return f'<osdata type="types">{items}</osdata>'
    if name != "processes":
        raise Refused(f"there is no list of {name!r}, only of processes")
    items = "".join(f'<item><column name="pid">{pid}</column><column name="command">{text}</column></item>' for pid, text in rows)
    return f'<osdata type="processes">{items}</osdata>'
