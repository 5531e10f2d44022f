"""Which processor runs, and until when: the one with the smallest clock, for a quantum.  Ties go to one that wakes, then the lower id.

Halted processors take part with the time of what may wake them; when all are halted the clock jumps there.
"""

from emu.bits import ALL_ONES, U64
from emu.core.native import call
from emu.core.state import core_at
from emu.jit import entry, kernel
from emu.model import guest_mode
from emu.model.interrupts import apic, apic_timer
from emu.model.observe import monitor
from emu.spec.cpu import RFLAGS
from emu.spec.outcome import MODE, STOP
from emu.spec.vmx import ACTIVITY, BLOCKING, MWAIT
from emu.state import cpu_at, env_of, machine_at

SLICE_CYCLES = U64(4_000_000)                # cycles after which the host gets a look when one processor runs


@kernel
def halted_until(c, m):
    """Return the cycle at which a processor that is not active should look for something to do.

    Work that another processor gave it is due when it is first seen, and stays due at that cycle.
    """
    now = c.wake_at
    if now == 0:
        now = m.now if m.now > c.cycles else c.cycles
    if c.activity == ACTIVITY.WAIT_SIPI:
        return now if c.sipi_pending or c.init_pending and c.vmx_mode == MODE.BARE else ALL_ONES
    if c.init_pending and c.vmx_mode != MODE.ROOT or c.nmi_pending and not c.interruptibility & BLOCKING.NMI:
        return now
    if monitor.woken(c):
        return now
    if c.activity == ACTIVITY.SHUTDOWN:
        return guest_mode.next_boundary_deadline(c) if c.vmx_mode == MODE.NONROOT else ALL_ONES
    when = apic_timer.next_deadline(c)
    when = m.next_event if m.next_event < when else when
    if c.vmx_mode == MODE.NONROOT:
        timer = guest_mode.next_boundary_deadline(c)
        when = timer if timer < when else when
    elif not env_of(c.env)[0].eflags & RFLAGS.IF and not (c.activity == MWAIT and c.monitor_break):
        return ALL_ONES
    if apic.pending(c) != ALL_ONES:
        return now
    return when if when > c.cycles else c.cycles


@kernel
def next_time(c, m):
    """Return the key of a processor: its clock, or when it should wake."""
    if c.activity == ACTIVITY.ACTIVE:
        return c.cycles
    when = halted_until(c, m)
    if when <= m.now and c.wake_at == 0:
        c.wake_at = when
    return when


@kernel
def turn(m, chosen, first, second, until):
    """Give the turn to the processor whose key `first` is smallest: until a quantum past the next one's key."""
    c = cpu_at(chosen)[0]
    if c.activity != ACTIVITY.ACTIVE and first > c.cycles:
        c.cycles = first
    c.wake_at = 0
    end = c.cycles + SLICE_CYCLES
    if second != ALL_ONES:
        base = second if second > c.cycles else c.cycles
        end = base + m.quantum
    c.turn_end = end
    play(m, chosen, until)
    if c.activity != ACTIVITY.ACTIVE and c.cycles <= first:
        c.cycles = first + 1                               # it looked and found nothing: time goes on


@kernel
def play(m, chosen, until):
    """Let the processor have its turn, or the part of it before `until`; the rest comes first when the machine runs on.

    The rest of a boundary belongs to the turn, even to one that is over.
    """
    c = cpu_at(chosen)[0]
    stop = call(core_at(c.core)[0].f_processor, chosen, until if until < c.turn_end else c.turn_end, 0, 0, 0, 0)
    amid = stop and c.due == 0
    m.turn = chosen if amid or c.activity == ACTIVITY.ACTIVE and c.cycles < c.turn_end else 0
    if stop and not m.stop:
        m.stop, m.stop_cpu = stop, c.id


@kernel
def overtakes(c, chosen):
    """Return whether a processor goes before a chosen one with the same key: one to be woken before one that runs.

    What woke it came at the other's present clock; otherwise the wake-up time would keep receding.
    """
    return c.activity != ACTIVITY.ACTIVE and cpu_at(chosen)[0].activity == ACTIVITY.ACTIVE


@entry("uint64(uint64, uint64, uint64)")
def run(machine, until, pause):
    """Run the machine until a stop, until the processor whose turn it is reached `until`, or until one has passed `pause`.

    Where `until` cuts a turn changes nothing in what follows: the same processor goes on to the turn's end.

    Returns MACHINE.stop (0: paused).
    """
    m = machine_at(machine)[0]
    ran = False
    if m.turn and m.stop == STOP.NONE:
        play(m, m.turn, until)
        ran = True
    while m.stop == STOP.NONE:
        if m.turn:
            m.stop = STOP.BUDGET
            break
        chosen, first, second = 0, ALL_ONES, ALL_ONES
        for i in range(m.cpu_count):
            c = cpu_at(m.cpus[U64(i)])[0]
            key = next_time(c, m)
            if key < first or key == first != ALL_ONES and overtakes(c, chosen):
                chosen, first, second = m.cpus[U64(i)], key, first
            elif key < second:
                second = key
        if first == ALL_ONES:
            m.stop = STOP.IDLE
        elif first >= until:
            m.stop = STOP.BUDGET
        elif ran and first >= pause:             # not before a turn: a long sleep may begin after the pause
            return STOP.NONE
        else:
            ran = True
            turn(m, chosen, first, second, until)
    return m.stop
