"""What devices do by themselves: the earliest cycle at which one wants to act, and letting it."""
from emu.jit import kernel
from emu.model.devices import acpi, pit, rtc, uart


@kernel
def next_event(m):
    """Return the earliest cycle at which a device of MACHINE record `m` wants to act, all ones if never."""
    at = pit.next_event(m)
    other = uart.next_event(m)
    at = other if other < at else at
    other = rtc.next_event(m)
    at = other if other < at else at
    other = acpi.next_event(m)
    return other if other < at else at


@kernel
def advance(m, now):
    """Let every device do what is due at cycle `now`; renews m.next_event."""
    if now >= pit.next_event(m):
        pit.advance(m, now)
    if now >= uart.next_event(m):
        uart.advance(m, now)
    if now >= rtc.next_event(m):
        rtc.advance(m, now)
    if now >= acpi.next_event(m):
        acpi.advance(m, now)
    m.next_event = next_event(m)
