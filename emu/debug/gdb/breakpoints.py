"""What Z and z packets ask for: breakpoints and watchpoints, with conditions as gdb compiles them.

Source: Debugging with GDB, "Packets" (z and Z)
"""
from emu.debug.gdb import agent, bytecode, description
from emu.debug.gdb.numbers import PACKET_SHOWN, Refused, hexadecimal, octets, parts
from emu.debug.gdb.query import ACCEPTED, NOTHING, PROCESS
from emu.errors import DebugError

ACCESS = {"2": "write", "3": "read", "4": "access"}
NAMES = tuple(None if callable(register.source) else register.source for register in description.EVERY_REGISTER)      # by gdb's number
WATCHED = 1 << 20                                          # bytes of a watchpoint: each access to its pages is checked


def programs_of(text):
    """Return the agent expressions of a Z packet, of which one must hold; Refused or DebugError for what is none."""
    programs = []
    while text.startswith("X"):
        size, _, rest = text[1:].partition(",")
        size = hexadecimal(size, "a length")
        programs.append(octets(rest[:2 * size], "a condition"))
        if len(programs[-1]) != size:
            raise Refused(f"a condition of {size} bytes is announced, {len(programs[-1])} came")
        bytecode.checked(programs[-1])
        text = rest[2 * size:]
    if text:
        raise Refused(f"conditions must be Xlength,bytecode, not {text[:PACKET_SHOWN]!r}; commands are gdb's to carry out")
    return programs


def condition_of(programs):
    """Return the condition of some agent expressions as a function of the Thread, evaluated here; None without any."""
    if not programs:
        return None

    def holds(thread):
        def register(number):
            found = description.value(thread, description.EVERY_REGISTER[number]) if number < len(description.EVERY_REGISTER) else None
            return 0 if found is None else found

        def memory(address, size):
            data = thread.read(address, size)
            if len(data) != size:
                raise DebugError(f"{size} bytes at {address:#x} are not all mapped")
            return int.from_bytes(data, "little")

        try:
            return any(agent.evaluate(program, register, memory) for program in programs)
        except DebugError:
            return True                                    # gdb looks for itself
    return holds


def scope_of(stub):
    """Return what limits a point of the process that gdb has chosen to it."""
    process = stub._chosen[0]
    if process > PROCESS:
        return {"eptp": stub.thread((process, -1)).eptp, "world": 1}
    return {"world": 0} if len(stub._attached) > 1 or stub.machine.partitions else {}


def point_of(text):
    """Return (type, address, size) of a Z or z packet, None for a type that there is not."""
    kind, address, size = parts(text, ",", 3, "Z or z TYPE,ADDRESS,KIND")
    if kind not in ("0", "1", *ACCESS):
        hexadecimal(kind, "a type")
        return None
    found = kind, hexadecimal(address, "an address"), hexadecimal(size, "a length")
    if kind in ACCESS and not 1 <= found[2] <= WATCHED:
        raise Refused(f"a watchpoint covers 1 to {WATCHED:#x} bytes, not {found[2]:#x}")
    return found


def insert(stub, text):
    """Do Z: set a point, in the place of the same one."""
    head, _, condition = text.partition(";")
    found = point_of(head)
    if found is None:
        return NOTHING
    kind, at, size = found
    key, programs, scope = (*found, stub._chosen[0]), programs_of(condition), scope_of(stub)
    words = bytecode.translated(programs, NAMES) if programs and kind not in ACCESS else None
    holds = condition_of(programs) if words is None else None
    drop(stub, key)
    _, before = stub.monitor.withdrawn.pop(key, (None, 0))
    if kind in ACCESS:
        stub.points[key] = stub.session.watch(at, size, access=ACCESS[kind], condition=holds, **scope)
    else:
        stub.points[key] = stub.session.break_at(at, condition=holds, program=words, **scope)
    stub.monitor.carried[stub.points[key]] = before
    return ACCEPTED


def drop(stub, key):
    """Remove a point of gdb's; returns (it, its hits), None when there is none."""
    if key not in stub.points:
        return None
    number = stub.points.pop(key)
    point = stub.session.points.get(number)
    hits = point.hits + stub.monitor.carried.pop(number, 0)
    stub.session.remove(number)
    return point, hits


def remove(stub, text):
    """Do z: take a point out, if it is there."""
    point = point_of(text)
    if point is None:
        return NOTHING
    key = *point, stub._chosen[0]
    if (found := drop(stub, key)) is not None:
        stub.monitor.withdrawn[key] = found                # gdb takes all of them out whenever the machine stops
    return ACCEPTED
