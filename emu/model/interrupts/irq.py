"""Interrupt lines of devices: each drives both the 8259 pair and the I/O APIC."""
from emu.bits import U64
from emu.jit import kernel
from emu.model.interrupts import ioapic, pic
from emu.spec.platform import IRQ, PIN


@kernel
def set_line(m, irq, level):
    """Drive ISA line `irq` (IRQ code) to `level` (0, 1) at both controllers; line 0 is pin 2 of the I/O APIC."""
    pic.set_line(m, irq, level)
    ioapic.set_line(m, PIN.PIT if irq == IRQ.PIT else irq, level)


@kernel
def change(m, irq, old, level):
    """Drive a line only when its level differs from `old`; returns `level`."""
    if level != old:
        set_line(m, irq, level)
    return level


@kernel
def later(now, cycles):
    """Return the later of two times: a device's clock never goes back when processors take turns."""
    return cycles if cycles > now else U64(now)
