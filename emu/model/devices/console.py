"""Write-only ports for people: debug consoles 0xE9 and 0x402, self-test code 0x80, debug exit 0xF4.

Source: Bochs and QEMU documentation, "debugcon" and "isa-debug-exit"
"""
from emu.bits import LOW_32, U64
from emu.jit import kernel
from emu.spec.outcome import STOP
from emu.spec.platform import DEVICE, PORT
from emu.state import RING, console_at

OUTPUT_INDEX = U64(RING - 1)
OUTPUT_FULL = U64(RING * 3 // 4)


@kernel
def put(c, m, r, byte):
    """Append a byte to the output ring of record `r`; asks the host to drain it before it overflows."""
    slot = r.sent & OUTPUT_INDEX
    r.output[slot] = byte
    r.output_cycle[slot] = c.cycles
    r.sent += 1
    if r.sent - r.drained >= OUTPUT_FULL and m.stop == STOP.NONE:
        m.stop = STOP.OUTPUT
        m.stop_cpu = c.id


@kernel
def put_tagged(c, m, r, byte):
    """Append a byte of the partition that was named last; the machine stops for the host when the ring is full."""
    r.tagged[r.tagged_sent & OUTPUT_INDEX] = r.partition << 8 | byte
    r.tagged_sent += 1
    if r.tagged_sent - r.tagged_drained >= OUTPUT_FULL and m.stop == STOP.NONE:
        m.stop = STOP.OUTPUT
        m.stop_cpu = c.id


@kernel
def read(m, port):
    """Return a byte: the last self-test code, or the port number, by which software finds that a console is there."""
    if port == PORT.POST:
        return console_at(m.devices[DEVICE.CONSOLE])[0].post
    return PORT.DEBUG_CONSOLE


@kernel
def write(c, m, port, value):
    """Write a byte to the self-test port or a console."""
    r = console_at(m.devices[DEVICE.CONSOLE])[0]
    if port == PORT.POST:
        r.post = value
    elif port == PORT.PARTITION:
        r.partition = value
    elif port == PORT.PARTITION_BYTE:
        put_tagged(c, m, r, value)
    else:
        put(c, m, r, value)


@kernel
def leave(c, m, port, size, value):
    """End the run by a 32-bit write to the debug-exit port; other sizes and ports are ignored."""
    if port == PORT.DEBUG_EXIT and size == 4:
        m.exit_code = value & LOW_32
        m.stop = STOP.EXIT_CODE
        m.stop_cpu = c.id
