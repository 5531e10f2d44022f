"""What a machine starts with, and how it starts again after a guest's reset.

A reset brings processors and devices to their state after power-up, keeps RAM, and lets the boot ROM run.  There is no disk
that firmware could load from: what was placed in memory before power-on is placed there again, zeros of the image included,
as a loader would.  Clocks go on, the time-stamp counters begin at 0.
"""
from dataclasses import dataclass, field

import numpy as np

from emu.bits import ALL_ONES, U64
from emu.image.entry import Entry
from emu.model.devices import events
from emu.spec.firmware import LOW

# What a processor was doing: nothing of it survives a reset.  Registers and MSRs are `emu.model.reset`'s.
TRANSIENT = ("stop", "stop_a", "stop_b", "stop_c", "stop_rip", "block", "request", "watch", "single", "device_step", "recheck",
             "halted_or_stopped", "mtf_step", "iret_step", "watch_step", "watch_hits", "crossing", "crossing_end", "crossing_size",
             "passed", "passed_at", "blocked", "blocked_at", "resumed", "resumed_at", "wake_at", "smi_pending",
             "virtual_nmi_blocking", "mtf_pending", "preemption_deadline", "preemption_active", "tsc_guest_offset",
             "entry_valid_key", "entry_keys", "nmi_unblocked", "tpr_below", "pin", "proc", "proc2", "exit_controls",
             "entry_controls", "eptp", "exception_bitmap", "vpid", "fault", "vectoring", "vectoring_error", "vectoring_length",
             "vectoring_source", "chain_length", "failed_count", "failure_open", "repeated", "repeated_at", "repeat_step", "iret_at",
             "guest_chain_length", "recent_count", "same_count", "field_failures")
VECTOR_STATE = ("fpstt", "fpus", "fpregs", "xmm")          # of an ENV, 0 after a reset


@dataclass(frozen=True)
class Placed:
    """What was placed in memory before power-on.

    ranges: [(address, bytes)] that are zeros where no segment lies; segments: [(address, bytes)]; entry: the Entry of a
    real-address mode program, which starts without the boot ROM, else None.
    """

    ranges: list[tuple[int, int]] = field(default_factory=list)
    segments: list[tuple[int, bytes]] = field(default_factory=list)
    entry: Entry | None = None

    def put(self, machine):
        """Place the segments in a machine's memory."""
        for address, data in self.segments:
            machine.write(address, data)


def of_image(image):
    """Return what is Placed for an image: its segments, and the boot block unless it starts in real-address mode."""
    if image.entry.payload is None:
        return Placed(list(image.ranges), list(image.segments), image.entry)
    return Placed(list(image.ranges), [*image.segments, (int(LOW.BLOCK), image.block())])


def _forget_work(c, unit, now):
    """Forget what a processor was doing, its translations, and its vector registers; its clock shows `now`."""
    for name in TRANSIENT:
        c[name] = np.zeros_like(c[name])
    c.vmcs, c.cycles = c.spare_vmcs, max(int(c.cycles), now)
    for tlb in unit.tlbs:
        tlb[:] = np.zeros_like(tlb)
    unit.core[0].flush_seen[:] = ALL_ONES                 # the engines' TLBs go before anything runs
    unit.core[0].owner = 0
    for engine in unit.engines:
        engine.ask_for_any_block()
        engine.reset_x87()
        for name in VECTOR_STATE:
            engine.env[0][name] = np.zeros_like(engine.env[0][name])


def restart(machine):
    """Reset a machine that a guest has reset, and start it again."""
    m, now = machine.record[0], max(machine.host.now, machine.clock)
    events.advance(m, U64(now))
    m.now, m.turn, m.kick, m.exit_code, m.vmcs_count = now, 0, 0, 0, 0
    for c, unit in zip(machine.cpu, machine.processors, strict=True):
        _forget_work(c, unit, now)
    machine.reset()
    for address, size in machine.placed.ranges:
        machine.write(address, bytes(size))
    machine.place()
    machine.resets += 1


def counted(machine):
    """Return the line on how often a guest's reset started a machine again, none when it never did."""
    often = "once" if machine.resets == 1 else f"{machine.resets:,} times"
    return [f"the guest reset the machine {often}, and it started again"] if machine.resets else []
