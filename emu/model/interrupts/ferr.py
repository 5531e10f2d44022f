"""An unmasked x87 exception that an instruction finds pending: #MF, or with CR0.NE = 0 what a PC does about FERR#.

With CR0.NE = 0 the processor asserts FERR#, which a PC latches as interrupt line 13, and waits for an interrupt in front of
the instruction.  A write to port 0xF0 clears the latch and asserts IGNNE#: then instructions do not wait, until the
exception is cleared.  FERR# of every processor leads to the one latch.
`CPU.ferr`: 0, or 1 while FERR# is asserted, or 2 while IGNNE# is as well.
Simplification: FERR# is asserted by the instruction that finds the exception, never by the one that raised it.
Source: SDM 1, "MS-DOS Compatibility Sub-mode"; SDM 1 D, "Guidelines for Writing SIMD and x87 FPU Exceptions Handlers"
"""
from emu.bits import U64
from emu.jit import kernel
from emu.model.fault import raise_exception
from emu.model.interrupts import irq
from emu.spec.cpu import CR0, VECTOR
from emu.spec.outcome import FAULT
from emu.spec.platform import IRQ
from emu.spec.vmx import ACTIVITY, BLOCKING
from emu.state import cpu_at, env_of, machine_at

ASSERTED, IGNNE = U64(1), U64(2)


@kernel
def pending(c):
    """Deal with the exception that the instruction at RIP finds pending; returns whether `c.fault` is #MF."""
    if env_of(c.env)[0].cr[0] & CR0.NE:
        raise_exception(c, VECTOR.MF, 0)
        return True
    c.fault = FAULT.NONE
    c.ferr = ASSERTED
    irq.set_line(machine_at(c.machine)[0], IRQ.FERR, 1)
    c.interruptibility &= ~(BLOCKING.STI | BLOCKING.MOV_SS)
    c.activity = ACTIVITY.HLT                              # RIP stays: the instruction comes again after the interrupt
    return False


@kernel
def acknowledge(m):
    """Do what a write to port 0xF0 does: clear the latch of line 13, and assert IGNNE# where FERR# is."""
    irq.set_line(m, IRQ.FERR, 0)
    for i in range(m.cpu_count):
        c = cpu_at(m.cpus[U64(i)])[0]
        if c.ferr:
            c.ferr = IGNNE
