"""What is due between two instructions: INIT, SIPI, debug traps, NMI, interrupts, timers; and until when to run.

Order: SDM 3A, "Prioritization of Concurrent Events"; in non-root operation SDM 3C, "Other Causes of VM Exits" by
`guest_mode.boundary`.
"""
from emu.bits import ALL_ONES, U64
from emu.jit import kernel
from emu.model import guest_mode, reset, route
from emu.model.cpu import base, refresh_hflags
from emu.model.devices import events
from emu.model.fault import unmodelled
from emu.model.interrupts import apic, apic_timer
from emu.model.observe import monitor
from emu.spec import engine
from emu.spec.cpu import EVENT, INTR, RFLAGS, SEG, VECTOR
from emu.spec.engine import HFLAGS
from emu.spec.outcome import INJECTED, MODE, UNMODELLED, WATCH
from emu.spec.vmx import ACTIVITY, BLOCKING, BLOCKING_SHADOW, MWAIT, PROC
from emu.state import env_of, machine_at

INTERCEPT_IRET = engine.intercept(engine.SVM.IRET)


@kernel
def watch_iret(c):
    """Ask the engine to report IRET while NMIs, or virtual NMIs, are blocked."""
    e = env_of(c.env)[0]
    if guest_mode.iret_unblocks(c) and not c.iret_step:
        e.intercept |= INTERCEPT_IRET
    else:
        e.intercept &= ~INTERCEPT_IRET


@kernel
def wake(c):
    """Bring the processor from HLT, and from MWAIT, to the active state."""
    c.activity = ACTIVITY.ACTIVE
    c.monitor_armed = 0


@kernel
def interrupted(c, e):
    """Set RF when the event that comes now finds a repeated string instruction between two of its iterations.

    Source: SDM 3B, "Instruction-Breakpoint Exception Condition"
    """
    if c.repeated_at and c.repeated_at == c.instructions:
        e.eflags |= RFLAGS.RF


@kernel
def one_event(c, e):
    """Deal with the most urgent event that is due in root or bare operation; returns whether there was one."""
    if c.init_pending and c.vmx_mode == MODE.BARE:
        reset.init(c)
        return True
    if c.activity == ACTIVITY.WAIT_SIPI:
        if not c.sipi_pending:
            return False
        reset.start(c, c.sipi_vector)
        return True
    if c.activity == ACTIVITY.SHUTDOWN:
        return False
    if c.pending_debug and not c.interruptibility & BLOCKING.MOV_SS:
        interrupted(c, e)
        route.event(c, EVENT.HARD, VECTOR.DB, 0, 0)
        return True
    return nmi(c, e) or external(c, e)


@kernel
def nmi(c, e):
    """Deliver an NMI if one is pending and may come now; returns whether there was one."""
    if not c.nmi_pending or c.interruptibility & (BLOCKING.NMI | BLOCKING_SHADOW):
        return False
    c.nmi_pending = 0
    wake(c)
    interrupted(c, e)
    route.event(c, EVENT.NMI, VECTOR.NMI, 0, 0)
    return True


@kernel
def external(c, e):
    """Deliver an external interrupt if one may come now; else arrange to be asked when it may."""
    vector = apic.pending(c)
    if vector == ALL_ONES:
        return False
    if not e.eflags & RFLAGS.IF or c.interruptibility & BLOCKING_SHADOW:
        if c.activity == MWAIT and c.monitor_break:
            wake(c)
        if c.activity == ACTIVITY.ACTIVE:
            c.watch = WATCH.IF
        return False
    vector = apic.acknowledge(c, vector)
    wake(c)
    interrupted(c, e)
    route.event(c, EVENT.EXTERNAL, vector, 0, 0)
    return True


@kernel
def nonroot_event(c, e):
    """Deal with the most urgent event that is due in non-root operation; returns whether there was one."""
    if c.vectoring & INTR.VALID and c.vectoring_source == INJECTED:
        info, error, length = c.vectoring, c.vectoring_error, c.vectoring_length
        c.fault_length = 0
        wake_for(c, info)
        c.injected[info & INTR.VECTOR] += 1
        route.deliver(c, info, error, length)
        return True
    reason = guest_mode.boundary(c)
    if reason != ALL_ONES:
        interrupted(c, e)
        route.depart(c, reason, c.fault_qualification)
        return True
    if c.activity == ACTIVITY.WAIT_SIPI or c.activity == ACTIVITY.SHUTDOWN:
        return False
    if c.pending_debug and not c.interruptibility & BLOCKING.MOV_SS:
        interrupted(c, e)
        if guest_mode.exception(c, VECTOR.DB, 0):
            route.other(c)
        else:
            route.event(c, EVENT.HARD, VECTOR.DB, 0, 0)
        return True
    return nmi(c, e) or external(c, e)


@kernel
def wake_for(c, info):
    """Bring an injected event's target out of HLT."""
    if c.activity == ACTIVITY.HLT:
        wake(c)


@kernel
def advance_time(c):
    """Let timers and devices do what they do up to this processor's clock."""
    m = machine_at(c.machine)[0]
    if c.cycles > m.now:
        m.now = c.cycles
    apic_timer.advance(c)
    if c.cycles >= m.next_event:
        events.advance(m, c.cycles)


@kernel
def until(c):
    """Return the cycle at which something will be due for this processor."""
    m = machine_at(c.machine)[0]
    due = c.quantum_end
    when = apic_timer.next_deadline(c)
    due = when if when < due else due
    due = m.next_event if m.next_event < due else due
    if c.vmx_mode == MODE.NONROOT:
        when = guest_mode.next_boundary_deadline(c)
        due = when if when < due else due
    return due


@kernel
def prepare(c):
    """Deal with everything due at this boundary, then say until when the processor may run; 0: a stop leaves the rest for later."""
    m = machine_at(c.machine)[0]
    while True:
        c.watch = c.request = c.recheck = 0
        if c.stop | m.stop:
            if not c.stop:
                c.stop = m.stop
            c.halted_or_stopped = 1
            c.due = 0
            return
        advance_time(c)
        e = env_of(c.env)[0]
        if monitor.woken(c):
            wake(c)
        happened = nonroot_event(c, e) if c.vmx_mode == MODE.NONROOT else one_event(c, e)
        if not happened:
            break
        c.iret_step = 0                                   # the transfer that was to run alone is not what runs next
    finish(c, e)


@kernel
def finish(c, e):
    """Set the engine's hidden flags and the processor's deadline; note whether it must not run."""
    level = U64(e.hflags) & 3
    if c.interruptibility & BLOCKING_SHADOW:
        c.shadow_at = c.instructions + 1                   # of this kind until an instruction completes
    e.hflags = U64(e.hflags) & ~HFLAGS.INHIBIT | (HFLAGS.INHIBIT if c.interruptibility & BLOCKING_SHADOW else 0)
    refresh_hflags(e, level)
    watch_iret(c)
    m = machine_at(c.machine)[0]
    if m.kick:
        m.kick = 0
        end = c.cycles + m.quantum
        c.turn_end = end if end < c.turn_end else c.turn_end
        c.quantum_end = end if end < c.quantum_end else c.quantum_end
    c.due = until(c)
    if c.vmx_mode == MODE.NONROOT:
        c.mtf_step = c.proc & PROC.MTF
        awaited = guest_mode.window_awaited(c)
        c.watch = awaited if awaited > c.watch else c.watch
    awaits_nmi = c.nmi_pending and not c.interruptibility & BLOCKING.NMI
    if c.activity == ACTIVITY.ACTIVE and c.interruptibility & BLOCKING_SHADOW and (awaits_nmi or c.pending_debug):
        c.watch = WATCH.SHADOW
    if U64(e.hflags) & HFLAGS.CS64 and base(e, SEG.CS):    # the engine would add it
        unmodelled(c, UNMODELLED.CODE_BASE, e.rip, base(e, SEG.CS))
    if c.stop or c.activity != ACTIVITY.ACTIVE or c.cycles >= c.quantum_end:
        c.halted_or_stopped = 1
