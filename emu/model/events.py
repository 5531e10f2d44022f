"""What devices do by themselves: the earliest cycle at which one wants to act, and letting it."""
from emu.jit import kernel
from emu.model import uart


@kernel
def next_event(m):
    """Return the earliest cycle at which a device of MACHINE record `m` wants to act, all ones if never."""
    return uart.next_event(m)


@kernel
def advance(m, now):
    """Let every device do what is due at cycle `now`; renews m.next_event."""
    uart.advance(m, now)
    m.next_event = next_event(m)
