"""MONITOR and MWAIT: the line that a processor has armed, and what a store to it does.

A processor waits (activity MWAIT) until a store of another processor, of the model or of the host reaches the 64 bytes around
the monitored address, or an event wakes it (`emu.model.boundary`).  Engines ask at each store to a page that another processor
monitors (`emu.core.fill`); nobody else pays.  What a processor stores to its own line itself is not seen, as on processors
sold; an event that is delivered between MONITOR and MWAIT disarms, so that MWAIT then ends at once.
Not modelled: monitored addresses outside RAM (MWAIT ends at once), sleep states deeper than C1 (EAX of MWAIT has no effect).
Source: SDM 3A, "MONITOR/MWAIT Instruction"; SDM 2B, "MONITOR", "MWAIT"; SDM 3C, "Changes to Instruction Behavior in VMX Non-Root
Operation"
"""
from emu.bits import PAGE_MASK, U64
from emu.jit import kernel
from emu.spec.cpuid import LINE_BYTES
from emu.spec.vmx import MWAIT
from emu.state import cpu_at, machine_at

LINE_BYTES = U64(LINE_BYTES)
LINE_MASK = ~(LINE_BYTES - U64(1))


@kernel
def arm(c, address):
    """Monitor the line at physical `address` of RAM from now on: engines learn of it before anything else runs."""
    m = machine_at(c.machine)[0]
    c.monitor_armed, c.monitor_address = 1, address
    m.monitors |= 1 << c.id
    m.monitors_new |= 1 << c.id


@kernel
def rings(c, address, size):
    """Return whether a store of `size` bytes at `address` reaches the line that a processor has armed."""
    line = c.monitor_address & LINE_MASK
    return c.monitor_armed != 0 and address < line + LINE_BYTES and line < address + size


@kernel
def stored(m, but, address, size):
    """Let processors know that `size` bytes at physical `address` are stored; but: id of one that did it, all ones for none.

    One that waits wakes: it sees at its next turn that it is not armed any more.
    """
    for i in range(m.cpu_count):
        bit = 1 << U64(i)
        if not m.monitors & bit or U64(i) == but:
            continue
        c = cpu_at(m.cpus[U64(i)])[0]
        if rings(c, address, size):
            c.monitor_armed = 0
            if c.activity == MWAIT:
                m.kick = 1
        if not c.monitor_armed:
            m.monitors &= ~bit


@kernel
def meets(m, c, address, size):
    """Return whether a store by processor `c` reaches the armed line of another one."""
    for i in range(m.cpu_count):
        if m.monitors >> U64(i) & 1 and U64(i) != c.id and rings(cpu_at(m.cpus[U64(i)])[0], address, size):
            return True
    return False


@kernel
def guards(m, c, address):
    """Return whether a processor other than `c` has armed a line of the page at `address`."""
    return meets(m, c, address & PAGE_MASK, ~PAGE_MASK + 1)


@kernel
def woken(c):
    """Return whether a store has ended the wait of a processor."""
    return c.activity == MWAIT and c.monitor_armed == 0
