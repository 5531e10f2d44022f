"""ACPI fixed hardware: PM1a event and control blocks, PM timer, SCI, soft off.

ACPI mode is switched by the SMI command port without an SMI: the chipset does what the BIOS's handler would.
Not modelled: sleep states other than S5 (stop by name), buttons, wake events, general-purpose events.
Source: ACPI, "ACPI Register Model"
"""
from emu.bits import LOW_8, get
from emu.jit import kernel
from emu.model.devices import clock
from emu.model.fault import unmodelled
from emu.model.interrupts import irq
from emu.spec.outcome import STOP, UNMODELLED
from emu.spec.platform import ACPI, DEVICE, HZ, IRQ, PM1CNT, PM1EN, PM1STS, PORT
from emu.state import NEVER, acpi_at

PM1_STATUS = PM1STS.TMR | PM1STS.BM | PM1STS.GBL | PM1STS.PWRBTN | PM1STS.SLPBTN | PM1STS.RTC | PM1STS.WAK
PM1_ENABLE = PM1EN.TMR | PM1EN.GBL | PM1EN.PWRBTN | PM1EN.SLPBTN | PM1EN.RTC
PM1_CONTROL = PM1CNT.SCI_EN | PM1CNT.BM_RLD | PM1CNT.GBL_RLS | PM1CNT.SLP_TYP
FIRST_PORT = PORT.PM1_STATUS


@kernel
def _count(r):
    return clock.ticks(r.now, HZ.PM_TIMER) & (1 << r.timer_bits) - 1


@kernel
def _next_toggle(r):
    """Return the cycle at which the top bit of the timer changes next."""
    half = 1 << (r.timer_bits - 1)
    return clock.cycle_of((clock.ticks(r.now, HZ.PM_TIMER) // half + 1) * half, HZ.PM_TIMER)


@kernel
def _update(m, r):
    asked = r.control & PM1CNT.SCI_EN != 0 and r.status & r.enable & PM1_ENABLE != 0
    r.line = irq.change(m, IRQ.SCI, r.line, 1 if asked else 0)


@kernel
def advance(m, now):
    """Let the timer run until cycle `now`."""
    r = acpi_at(m.devices[DEVICE.ACPI])[0]
    r.now = irq.later(r.now, now)
    if r.now >= r.overflow_at:
        r.status |= PM1STS.TMR
        r.overflow_at = _next_toggle(r)
        _update(m, r)


@kernel
def next_event(m):
    """Return the cycle at which the timer raises SCI next."""
    r = acpi_at(m.devices[DEVICE.ACPI])[0]
    asked = r.control & PM1CNT.SCI_EN != 0 and r.enable & PM1EN.TMR != 0
    return r.overflow_at if asked and not r.line else NEVER


@kernel
def _block(r):
    """Return the twelve bytes of the blocks as two words: status, enable, control in the low one; the timer."""
    return r.status | r.enable << 16 | r.control << 32, _count(r)


@kernel
def read(m, now, port):
    """Return a byte of the SMI command, PM1a or timer registers at cycle `now`."""
    advance(m, now)
    r = acpi_at(m.devices[DEVICE.ACPI])[0]
    if port == PORT.SMI_COMMAND:
        return 0
    if port == PORT.SMI_DATA:
        return r.smi_data
    low, timer = _block(r)
    if port >= PORT.PM_TIMER:
        return timer >> 8 * (port - PORT.PM_TIMER) & LOW_8
    return low >> 8 * (port - FIRST_PORT) & LOW_8


@kernel
def _sleep(c, m, r):
    """Enter the sleep state that SLP_TYP names."""
    if get(r.control, PM1CNT.SLP_TYP) != ACPI.S5:
        unmodelled(c, UNMODELLED.DEVICE, PORT.PM1_CONTROL, r.control)
    else:
        m.stop = STOP.POWER_OFF
        m.stop_cpu = c.id


@kernel
def _smi_command(r, value):
    if value == ACPI.ENABLE:
        r.control |= PM1CNT.SCI_EN
    elif value == ACPI.DISABLE:
        r.control &= ~PM1CNT.SCI_EN


@kernel
def write(c, m, port, value):
    """Write a byte of the SMI command or PM1a registers; status bits are cleared by writing 1."""
    advance(m, c.cycles)
    r = acpi_at(m.devices[DEVICE.ACPI])[0]
    if port == PORT.SMI_COMMAND:
        _smi_command(r, value)
    elif port == PORT.SMI_DATA:
        r.smi_data = value
    elif port < PORT.PM1_CONTROL + 2:
        shift = 8 * (port & 1)
        byte, bits = LOW_8 << shift, value << shift
        if port < PORT.PM1_ENABLE:
            r.status &= ~(bits & PM1_STATUS)
        elif port < PORT.PM1_CONTROL:
            r.enable = r.enable & ~byte | bits & PM1_ENABLE
        else:
            r.control = r.control & ~byte | bits & PM1_CONTROL
            if bits & PM1CNT.SLP_EN:
                _sleep(c, m, r)
    _update(m, r)


@kernel
def reset(m):
    """Return to legacy mode with nothing enabled; the timer goes on."""
    r = acpi_at(m.devices[DEVICE.ACPI])[0]
    r.status = 0
    r.enable = 0
    r.control = 0
    r.overflow_at = _next_toggle(r)
    _update(m, r)
