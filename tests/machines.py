"""What tests of several folders share: programs that stand on tests/guests, machines with them, and closing those."""
from functools import cache

from emu.asm import assemble
from emu.bits import MIB
from emu.image import of_assembly
from emu.machine import Config, Machine
from tests.guests import guests


def head(*libraries):
    """Return the lines that include libraries of tests/guests."""
    return "".join(f'        .include "{(guests.FOLDER / name).as_posix()}"\n' for name in libraries)


HEAD = head("lib.s", "vmxlib.s")


@cache
def assembled(path):
    """Return the Assembly of a guest program."""
    return assemble(path)


def program(folder, text, *libraries):
    """Return the Assembly of a program that stands on libraries of tests/guests."""
    path = folder / "program.s"
    path.write_text(head(*libraries) + text)
    return assemble(path)


def loaded(assembly, memory_mib=16, **config):
    """Return a machine with an Assembly loaded."""
    machine = Machine(Config(memory_bytes=memory_mib * MIB, **config))
    machine.load(of_assembly(assembly, memory_mib * MIB))
    return machine


def demo(memory_mib=128, **config):
    """Return a machine with the demonstration."""
    machine = Machine(Config(memory_bytes=memory_mib * MIB, **config))
    machine.load_demo()
    return machine


def named(name, **config):
    """Return a machine with a program of tests/guests, or with the demonstration."""
    if name == "demo":
        return demo()
    guest = guests.parse(guests.FOLDER / f"{name}.s")
    return loaded(assembled(guest.path), guest.memory, **({"processors": guest.processors} | config))


def close(machine):
    """Let a machine's engines go, those that still run."""
    for processor in machine.processors:
        for unit in processor.engines:
            if hasattr(unit, "uc"):
                unit.close()
