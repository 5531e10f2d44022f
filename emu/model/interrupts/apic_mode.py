"""The local APIC's modes and reset: IA32_APIC_BASE, power-up, INIT.

Source: SDM 3A, "Local APIC State"; "x2APIC State Transitions"
"""
from emu.bits import LOW_32
from emu.jit import kernel
from emu.model.fault import gp0
from emu.spec.apic import APICBASE, LVT, SVR
from emu.spec.outcome import RESULT
from emu.spec.platform import MEMORY
from emu.state import apic_at, machine_at, tlb_at

MODE_BITS = APICBASE.EN | APICBASE.EXTD


@kernel
def _clear(a):
    """Bring every register but the ID to its state after power-up or INIT; pins keep their levels.

    Source: SDM 3A, "Local APIC State After Power-Up or Reset"
    """
    for k in range(4):
        a.isr[k] = 0
        a.tmr[k] = 0
        a.irr[k] = 0
    for k in range(7):
        a.lvt[k] = LVT.MASKED
    a.tpr = 0
    a.ldr = 0
    a.dfr = LOW_32
    a.svr = SVR.VECTOR
    a.esr = 0
    a.errors = 0
    a.icr = 0
    a.extint = 0
    a.initial = 0
    a.divide = 0
    a.count = 0
    a.tsc_deadline = 0


@kernel
def reset(c, init):
    """Reset the APIC: by INIT (`init` true; mode, base and ID stay), or by power-up."""
    a = apic_at(c.apic)[0]
    _clear(a)
    if not init:
        a.id = c.id
        c.apic_base = MEMORY.LOCAL_APIC | APICBASE.EN | (0 if c.id else APICBASE.BSP)


@kernel
def set_base(c, value):
    """Write IA32_APIC_BASE; returns RESULT, #GP(0) for reserved bits and forbidden mode changes.

    Source: SDM 3A, "x2APIC State Transitions"
    """
    allowed = APICBASE.BSP | MODE_BITS | APICBASE.BASE & machine_at(c.machine)[0].address_mask
    old, new = c.apic_base & MODE_BITS, value & MODE_BITS
    if value & ~allowed or new == APICBASE.EXTD:
        return gp0(c)
    if old == MODE_BITS and new == APICBASE.EN or old == 0 and new == MODE_BITS:
        return gp0(c)
    if new == 0 and old != 0:
        _clear(apic_at(c.apic)[0])
    if new == MODE_BITS and old != MODE_BITS:
        apic_at(c.apic)[0].icr &= LOW_32
    if (c.apic_base ^ value) & (APICBASE.BASE | MODE_BITS) and c.root_tlb:
        tlb_at(c.root_tlb)[0].engine_flush += 1             # other pages are the device's now
        tlb_at(c.guest_tlb)[0].engine_flush += 1
    c.apic_base = value
    return RESULT.NEXT
