"""What gdb reads and writes: registers and memory of the thread that it has chosen.

Left out: qSearch:memory. gdb waits two seconds for its reply, takes that of a longer search for the reply to its next packet, and says
"Pattern not found" where memory is not mapped; without it gdb reads the memory itself, and can be interrupted.
"""
from emu.debug.gdb import description
from emu.debug.gdb.numbers import Refused, hexadecimal, octets, parts, place
from emu.debug.gdb.packet import PACKET_LIMIT, unescape
from emu.debug.gdb.query import ACCEPTED, NOTHING


def read_all(stub, _):
    """Answer g: every register."""
    thread = stub.thread()
    world = thread.world_registers()
    return b"".join(description.text(thread, register, world) for register in description.EVERY_REGISTER)


def write_all(stub, text):
    """Do G: write the registers that are not what they were."""
    thread, at = stub.thread(), 0
    for register in description.EVERY_REGISTER:
        part, at = text[at:at + register.bits // 4], at + register.bits // 4
        if part and len(part) != register.bits // 4:
            raise Refused(f"{register.name} has {register.bits // 4} hexadecimal digits, not {len(part)}: {part!r}")
        if part and part.strip("x"):                       # x: not known
            number = int.from_bytes(octets(part, "a register"), "little")
            if number != description.value(thread, register):
                description.change(thread, register, number)
    if text[at:]:
        raise Refused(f"the registers have {at} hexadecimal digits, not {len(text)}")
    return ACCEPTED


def _register(stub, text):
    number = hexadecimal(text, "a register number")
    if number >= len(description.EVERY_REGISTER):
        raise Refused(f"there is no register {number}, only 0 to {len(description.EVERY_REGISTER) - 1}")
    return description.EVERY_REGISTER[number]


def read_one(stub, text):
    """Answer p: one register."""
    return description.text(stub.thread(), _register(stub, text))


def write_one(stub, text):
    """Do P: write one register."""
    number, _, value = text.partition("=")
    register, data = _register(stub, number), octets(value, "a register")
    if len(data) * 8 != register.bits:
        raise Refused(f"{register.name} has {register.bits // 8} bytes, not {len(data)}")
    description.change(stub.thread(), register, int.from_bytes(data, "little"))
    return ACCEPTED


def _reader(stub):
    """Return the function (address, size) that reads as gdb has chosen: linear or physical addresses."""
    thread = stub.thread()
    return thread.read_physical if stub.physical else thread.read


def read_memory(stub, text):
    """Answer m: memory, as much as a packet holds."""
    address, size = place(text)
    read = _reader(stub)
    return read(address, min(size, PACKET_LIMIT // 2 - 64)).hex().encode() if size else NOTHING


def _store(stub, address, size, data):
    if len(data) != size:
        raise Refused(f"{size} bytes are announced, {len(data)} came")
    thread = stub.thread()
    if size:
        (thread.write_physical if stub.physical else thread.write)(address, data)
    return ACCEPTED


def write_memory(stub, text):
    """Do M: write memory given in hexadecimal."""
    where, digits = parts(text, ":", 2, "MADDRESS,LENGTH:DATA")
    address, size = place(where)
    return _store(stub, address, size, octets(digits, "memory"))


def write_binary(stub, data):
    """Do X: write memory given as bytes."""
    where, divider, content = data[1:].partition(b":")
    if not divider:
        raise Refused("a packet must be XADDRESS,LENGTH:DATA")
    address, size = place(where.decode("ascii"))
    return _store(stub, address, size, unescape(content))
