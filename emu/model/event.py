"""What happens when translated code cannot go on: faults routed, instructions executed, events delivered.

The execution core reports an event by number with the processor's state exact at an instruction boundary;
`handle` does all that is due there and leaves the processor ready to run: `c.due` says until when, `c.watch`
that a pending interrupt waits for RFLAGS.IF or the end of a shadow, `c.halted_or_stopped` that it must not run.
Source: SDM 3A, "Interrupt and Exception Handling"; SDM 3C, "VM Exits"
"""
from emu.bits import ALL_ONES, LOW_16, LOW_32, PAGE_OFFSET, PAGE_SIZE, U64
from emu.jit import kernel, octets
from emu.model import boundary, condition, guest_mode, ram, route
from emu.model.cpu import base, code_bits, refresh_hflags
from emu.model.fault import raise_exception, ud
from emu.model.instructions import system
from emu.model.interrupts import ferr
from emu.model.memory import look, memory, walk
from emu.model.observe import breakpoint
from emu.model.processor import decode
from emu.model.processor.segment import NOT_NULL
from emu.spec.cpu import DESCRIPTOR, EVENT, RFLAGS, SEG, VECTOR
from emu.spec.engine import ENGINE, HFLAGS
from emu.spec.insn import INSN
from emu.spec.outcome import ACCESS, FAULT, MODE, RESULT, STOP
from emu.spec.vmx import BLOCKING, BLOCKING_SHADOW, PENDING
from emu.state import debug_at, env_of, insn_at, machine_at

TRANSFER_ALONE, IRET_ALONE = U64(1), U64(2)             # c.iret_step: what the engine is to run alone
STI_OPCODE = U64(0xFB)
BS = U64(1 << 14)
FAR_WORDS = U64(6)                                      # of FS and GS, which follow each other in ENV.seg


@kernel
def linear_rip(e):
    """Return the linear address of the next instruction."""
    bits = code_bits(e)
    if bits == 64:
        return e.rip
    return (base(e, SEG.CS) + e.rip) & LOW_32


@kernel
def fetch(c, e, code):
    """Read up to 15 bytes of the instruction at RIP into `code`; returns how many could be read (0: c.fault)."""
    m, la = machine_at(c.machine)[0], linear_rip(e)
    access = ACCESS.FETCH | (ACCESS.USER if U64(e.hflags) & 3 == 3 else 0)
    c.fault = FAULT.NONE
    pa = walk.translate(c, la, access)
    if pa == ALL_ONES:
        return 0
    rest, done = PAGE_SIZE - (la & PAGE_OFFSET), 0
    while done < 15:
        if done == rest:
            pa = walk.translate(c, la + rest if code_bits(e) == 64 else la + rest & LOW_32, access)
            if pa == ALL_ONES:
                break
            pa -= rest
        code[done] = memory.load(m, pa + done, 1)
        done += 1
    return done


@kernel
def decode_here(c, e, insn):
    """Decode the instruction at RIP; False with `c.fault` set when it cannot be fetched or is undefined."""
    code = octets(c.code_bytes, 16)
    m, la = machine_at(c.machine)[0], linear_rip(e)
    access = ACCESS.FETCH | (ACCESS.USER if U64(e.hflags) & 3 == 3 else 0)
    c.fault = FAULT.NONE
    rest = PAGE_SIZE - (la & PAGE_OFFSET)
    if rest > 15:
        pa = walk.translate(c, la, access)
        if pa == ALL_ONES:
            return False
        if ram.is_ram(m, pa):
            length = decode.decode(octets(m.ram + pa, 16), 15, code_bits(e), insn)
        else:
            count = fetch(c, e, code)
            length = decode.decode(code, count, code_bits(e), insn)
    else:
        count = fetch(c, e, code)
        if count == 0:
            return False
        length = decode.decode(code, count, code_bits(e), insn)
        if length == 0 and c.fault != FAULT.NONE:
            return False
        c.fault = FAULT.NONE
    if length == 0:
        if insn.kind == INSN.TOO_LONG:
            raise_exception(c, VECTOR.GP, 0)
        else:
            ud(c)
        return False
    return True


@kernel
def glance(c, e, insn):
    """Decode the instruction at RIP without fetching it: nothing changes but `insn`; False when that cannot be done."""
    code = octets(c.code_bytes, 16)
    return decode.decode(code, look.code(c, linear_rip(e), code), code_bits(e), insn) != 0


@kernel
def note_shadow(c, e):
    """Take blocking by STI and MOV SS from the engine into `c.interruptibility`.

    Which of the two it is stays known while no instruction has completed; else the byte before RIP is STI's opcode, or
    MOV or POP SS stands there.  The engine keeps it for all of a repeated string instruction; it ends with the first iteration.
    """
    known = c.interruptibility & BLOCKING_SHADOW if c.shadow_at == c.instructions + 1 else 0
    c.shadow_at = 0                                        # what it was is not state: it shows where the run was interrupted
    c.interruptibility &= ~BLOCKING_SHADOW
    if U64(e.hflags) & HFLAGS.INHIBIT and c.repeated_at == 0:
        if known == 0:
            user = ACCESS.USER if U64(e.hflags) & 3 == 3 else 0
            previous = look.load(c, linear_rip(e) - 1, 1, ACCESS.FETCH | user)
            known = BLOCKING.STI if previous == STI_OPCODE else BLOCKING.MOV_SS
        c.interruptibility |= known


@kernel
def advance(c, e, length):
    """Move RIP past an instruction that the model executed: 64 or 32 bits of it.

    In 16-bit code it does not wrap either: what comes past the limit of CS is #GP.
    Source: SDM 3B, "Segment Wraparound"
    """
    rip = e.rip + length
    e.rip = rip if code_bits(e) == 64 else rip & LOW_32


@kernel
def software(c, e, insn):
    """Raise the event of INT n, INT1, INT3 or INTO."""
    kind, vector = EVENT.SOFT, insn.immediate & 0xFF
    if insn.kind == INSN.INT3:
        kind, vector = EVENT.SOFT_EXC, VECTOR.BP
    elif insn.kind == INSN.INTO:
        kind, vector = EVENT.SOFT_EXC, VECTOR.OF
    elif insn.kind == INSN.INT1:
        kind, vector = EVENT.PRIV, VECTOR.DB
    e.eflags &= ~RFLAGS.RF
    route.software_event(c, kind, vector, insn.length)


@kernel
def execute(c, e, insn):
    """Execute one decoded instruction; returns RESULT."""
    if c.vmx_mode == MODE.NONROOT and guest_mode.check(c, insn):
        return RESULT.FAULT
    if guest_mode.owns(insn.kind):
        return guest_mode.execute(c, insn)
    return system.execute(c, insn)


@kernel
def keep_bases(c, e):
    """Keep FS and GS as they are before a far transfer that the engine runs alone."""
    for i in range(FAR_WORDS):
        c.far_seg[i] = e.seg[SEG.FS * 3 + U64(i)]


@kernel
def mend_bases(c, e):
    """Give FS and GS their base and limit back after a return to an outer level that made the selector null.

    Only the selector is cleared, and the register becomes unusable, in every mode; the engine clears the base with it.  A return to
    virtual-8086 mode has loaded both.
    Source: SDM 2A, "IRET/IRETD/IRETQ"; SDM 2B, "RET": return to an outer privilege level
    """
    if e.eflags & RFLAGS.VM:
        return
    for n in range(2):
        kept, s = U64(n) * 3, SEG.FS + U64(n)
        if c.far_seg[kept] & NOT_NULL and not e.seg[s * 3] & NOT_NULL:
            e.seg[s * 3 + 1] = c.far_seg[kept + 1]
            e.seg[s * 3 + 2] = c.far_seg[kept + 2] & ~(DESCRIPTOR.P << 32)


@kernel
def transfer(c, e, insn):
    """Examine a far transfer that may switch tasks, or that nulls FS or GS, before the engine runs it alone.

    It has not run at the boundary that follows.
    """
    keep_bases(c, e)
    returns = insn.kind == INSN.IRET
    if returns and guest_mode.task_iret(c, e):
        guest_mode.iret(c)
        route.fault(c)
        guest_mode.iret_done(c)
    elif not returns and insn.kind != INSN.RET_FAR and guest_mode.task_transfer(c, insn):
        route.fault(c)
    else:
        c.iret_step, c.iret_at = IRET_ALONE if returns else TRANSFER_ALONE, c.instructions
        c.mtf_pending = 0


@kernel
def returned(c, number):
    """Remove blocking by NMI if the IRET that was to run alone has completed, or is what event `number` says faults.

    Not before: an NMI that waits would be taken at the IRET itself.  Anything else leaves the IRET to run.
    Source: SDM 3A, "Handling Multiple NMIs"; SDM 3C, "Information About NMI Unblocking Due to IRET"
    """
    faulted_here = number == ENGINE.FAULTED and c.fault != FAULT.RETRY or number >= ENGINE.EXCEPTION and number < ENGINE.INTERCEPT
    if c.instructions != c.iret_at:
        guest_mode.iret(c)
        guest_mode.iret_done(c)
    elif faulted_here:
        guest_mode.iret(c)
    else:
        c.iret_step, c.mtf_pending = IRET_ALONE, 0


@kernel
def instruction(c):
    """Execute the instruction at RIP in the model, and what follows from it."""
    e, insn = env_of(c.env)[0], insn_at(c.insn)[0]
    if not decode_here(c, e, insn):
        route.fault(c)
        return
    c.fault_length = insn.length
    kind = insn.kind
    if kind == INSN.INT_N or kind == INSN.INT3 or kind == INSN.INTO or kind == INSN.INT1:
        software(c, e, insn)
        return
    if kind == INSN.IRET or kind == INSN.CALL_FAR or kind == INSN.JMP_FAR or kind == INSN.RET_FAR:
        transfer(c, e, insn)
        return
    trap = e.eflags & RFLAGS.TF
    result = execute(c, e, insn)
    if result == RESULT.FAULT:
        breakpoint.forget_hits(c)
        route.fault(c)
        return
    c.instructions += 1
    if result == RESULT.ENTER or result == RESULT.EXIT or result == RESULT.STOP:
        return
    if result == RESULT.NEXT or result == RESULT.HALT:
        advance(c, e, insn.length)
    e.eflags &= ~RFLAGS.RF
    c.interruptibility &= ~BLOCKING_SHADOW
    if trap:
        c.pending_debug |= BS
    if result == RESULT.JUMP and (kind == INSN.INS or kind == INSN.OUTS):
        c.repeated, c.repeated_at = linear_rip(e), c.instructions
    settle(c)


@kernel
def settle(c):
    """Recompute the engine's hidden flags of the world that runs now, its shadow after `c.interruptibility`."""
    e = env_of(c.env)[0]
    level = U64(e.hflags) & 3
    e.hflags = U64(e.hflags) & ~HFLAGS.INHIBIT
    if c.interruptibility & BLOCKING_SHADOW:
        e.hflags = U64(e.hflags) | HFLAGS.INHIBIT
    refresh_hflags(e, level)


@kernel
def invalidates(c):
    """Return whether the instruction at RIP is INVPCID, INVEPT or INVVPID, which the model executes."""
    insn = insn_at(c.insn)[0]
    if not glance(c, env_of(c.env)[0], insn):
        return False
    return insn.kind == INSN.INVPCID or insn.kind == INSN.INVEPT or insn.kind == INSN.INVVPID


@kernel
def moves(c):
    """Return whether the instruction at RIP is a MOV of a control or debug register: one that does not exist is #UD at any privilege."""
    insn = insn_at(c.insn)[0]
    if not glance(c, env_of(c.env)[0], insn):
        return False
    return insn.kind == INSN.MOV_TO_CR or insn.kind == INSN.MOV_FROM_CR or insn.kind == INSN.MOV_TO_DR or insn.kind == INSN.MOV_FROM_DR


@kernel
def exception(c, vector, error):
    """Raise an exception that the engine found while executing an instruction by itself."""
    if vector == VECTOR.UD:
        instruction(c)                                    # perhaps one that the model executes
        return
    if vector == VECTOR.NM and invalidates(c):            # the engine takes all of 0F 38 for SSE while TS is set
        instruction(c)
        return
    if vector == VECTOR.MF:
        if ferr.pending(c):
            route.fault(c)
        return
    if vector == VECTOR.GP and moves(c):                  # by privilege alone: the engine reads no further
        instruction(c)
        return
    raise_exception(c, vector, error)
    route.fault(c)


@kernel
def faulted(c):
    """Route the fault of an access that translated code made.  Only a non-canonical address needs the instruction."""
    if c.fault == FAULT.EXCEPTION and c.fault_vector == VECTOR.GP:
        if glance(c, env_of(c.env)[0], insn_at(c.insn)[0]):
            route.access(c)
            return
    route.fault(c)


@kernel
def at_breakpoint(c, e):
    """Raise the debug exception before the instruction at RIP, unless a debugger stops there first or MOV SS blocks it.

    Without one the instruction has still to run: a VM exit by the monitor trap flag waits until it has.
    Source: SDM 3B, "Instruction-Breakpoint Exception Condition"; SDM 3A, "Masking Exceptions and Interrupts When
    Switching Stacks"
    """
    la = linear_rip(e)
    if condition.stops(c, e, la):
        c.mtf_pending = 0
        return
    met = breakpoint.code(c, e, la)
    if c.interruptibility & BLOCKING.MOV_SS:
        c.blocked, c.blocked_at, c.mtf_pending = la, c.instructions + 1, 0
    elif met:
        c.pending_debug |= met | PENDING.ENABLED
        raise_exception(c, VECTOR.DB, 0)
        route.fault(c)
    else:
        c.mtf_pending = 0


@kernel
def stepped(c):
    """Count a debugger's step that ends at this boundary, if one does; returns whether it was the last."""
    if c.steps == 0:
        return False
    rip, world = linear_rip(env_of(c.env)[0]), 1 if c.vmx_mode == MODE.NONROOT else 0
    if c.instructions == c.step_at and rip == c.step_rip and world == c.step_world:
        return False
    c.steps -= 1
    c.step_at, c.step_rip, c.step_world = c.instructions, rip, world
    breakpoint.follow(c)
    return c.steps == 0 or c.goal != 0 and c.cycles >= c.goal


@kernel
def stop_for_debugger(c):
    """Stop the machine when a debugger's points were met, the world it waits for is there, or its steps are done.

    The one does not hide the other: the conditions of the points may yet let the machine go on.
    """
    d = debug_at(machine_at(c.machine)[0].debug)[0]
    breakpoint.changes(c)
    met, ended = breakpoint.settle(c), breakpoint.transition(c) or stepped(c)
    if met or ended:
        c.stop, d.ended = STOP.BREAK, 1 if ended else 0
        route.stop(c)


@kernel
def stop_before_events(c):
    """Stop the machine when a debugger's points were met by what has just happened, before anything else that is due.

    The host empties its rings at each stop, so that one more stop for a full ring is not needed.
    """
    m = machine_at(c.machine)[0]
    if c.stop == STOP.NONE and (m.stop == STOP.NONE or m.stop == STOP.OUTPUT) and breakpoint.settle(c):
        c.stop, m.stop = STOP.BREAK, STOP.NONE


@kernel
def undone(c, number):
    """Return whether event `number` only leaves the instruction at RIP to be done again: a page walk in it went past what is due."""
    if number != ENGINE.DEADLINE or c.fault != FAULT.RETRY:
        return False
    c.fault = FAULT.NONE
    return True


@kernel
def handle(c, number):
    """Handle event `number` (0: the processor is about to run) and make the processor ready for its next block."""
    c.halted_or_stopped = 0
    if c.repeated_at != c.instructions:
        c.repeated = c.repeated_at = 0
    if number != 0:
        if c.mtf_step:
            c.mtf_step = 0
            if not undone(c, number):                     # the instruction that the monitor trap flag allowed is over
                c.mtf_pending = 1
        e = env_of(c.env)[0]
        note_shadow(c, e)
        c.fault_length = 0
        alone, c.iret_step = c.iret_step, 0
        if alone:
            mend_bases(c, e)
        if alone == IRET_ALONE:
            returned(c, number)
        if number == ENGINE.DEADLINE:
            pass
        elif number == ENGINE.FAULTED:
            faulted(c)
        elif number == ENGINE.STEPPED:
            c.pending_debug |= BS
        elif number == ENGINE.BREAK:
            at_breakpoint(c, e)
        elif number >= ENGINE.EXCEPTION and number < ENGINE.INTERCEPT:
            exception(c, number - ENGINE.EXCEPTION, U64(e.error_code) & LOW_16)
        else:
            instruction(c)
        if alone == IRET_ALONE:
            guest_mode.iret_done(c)
        breakpoint.pend(c)
        if machine_at(c.machine)[0].debug:
            stop_before_events(c)
    boundary.prepare(c)
    if machine_at(c.machine)[0].debug and c.stop == STOP.NONE:
        stop_for_debugger(c)
