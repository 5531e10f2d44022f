"""Trace events, reported to whoever watches: rows in a ring for a trace, and conditions that stop the machine.

A trace event costs a test of one field while nobody watches.  Conditions are programs for a small stack machine
(`emu.debug.session.conditions` writes them), so that a million that do not stop cost no time of the host's; those of a debugger's
breakpoints are `emu.model.condition`'s.  Nothing here changes what the machine does.
"""
from emu.bits import LOW_8, LOW_32, PAGE_MASK, U64, one_of, put
from emu.jit import kernel, words
from emu.model import ram
from emu.model.cpu import long_mode, real_mode
from emu.spec import trace
from emu.spec.cpu import CR0, CR4, GPR, INTR
from emu.spec.exits import EXITS
from emu.spec.outcome import MODE, STOP
from emu.spec.trace import ACTION, COMMON, EVENT_KIND, FIELDS, OP, PAGING_MODE, masks
from emu.spec.vmcs import FIELD, REGION_WORDS
from emu.spec.vmx import PROC, PROC2, REASON, VMERROR
from emu.state import MET_ROWS, PROGRAM_WORDS, RECENT, RING_ROWS, WATCHES, env_of, machine_at, watch_at

KIND_SHIFT, ANY_REASON = U64(7), U64(trace.ANY_REASON)
ROW_BYTES, TRACE_WORDS, PROGRAM_WORDS = U64(trace.ROW_BYTES), U64(trace.TRACE_WORDS), U64(PROGRAM_WORDS)
RING_FULL, RING_ROWS = U64(RING_ROWS * 3 // 4), U64(RING_ROWS)
AGAIN = U64(MET_ROWS - WATCHES)                            # from so many rows on there is room for those of places not met yet
I_CYCLE, I_HEAD, I_RIP, I_VMCS = (U64(n) for n in (trace.I_CYCLE, trace.I_HEAD, trace.I_RIP, trace.I_VMCS))
I_FIRST, I_SECOND, I_THIRD, I_FOURTH = (U64(n) for n in (trace.I_FIRST, trace.I_SECOND, trace.I_THIRD, trace.I_FOURTH))
# Fields as masks of their words: where each lies is `emu.spec.trace.FIELDS`
IN_ROW = masks("COMMON", COMMON)
IN_EXIT, IN_ENTRY, IN_MSR, IN_PORT, IN_MODE = (masks(kind, FIELDS[kind]) for kind in ("EXIT", "ENTRY", "MSR", "PORT", "MODE"))

LAST_RECENT, KEPT_EXITS = U64(RECENT - 1), U64(64)         # KEPT_EXITS: exits in a row that those of another guest do not wipe out


# ---- conditions -------------------------------------------------------------------------------------------------
@kernel
def _shifted(op, a, b):
    if b >= 64:
        return 0
    return a << b if op == OP.SHL else a >> b


@kernel
def binary(op, a, b):
    """Return the value of a two-operand OP; comparisons are unsigned and give 0 or 1."""
    if op == OP.EQ:
        return 1 if a == b else 0
    if op == OP.NE:
        return 1 if a != b else 0
    if op == OP.AND:
        return 1 if a != 0 and b != 0 else 0
    if op == OP.OR:
        return 1 if a != 0 or b != 0 else 0
    if op == OP.LT:
        return 1 if a < b else 0
    if op == OP.LE:
        return 1 if a <= b else 0
    if op == OP.GT:
        return 1 if a > b else 0
    if op == OP.GE:
        return 1 if a >= b else 0
    if op == OP.BIT_AND:
        return a & b
    if op == OP.BIT_OR:
        return a | b
    if op == OP.XOR:
        return a ^ b
    if op == OP.ADD:
        return a + b
    if op == OP.SUB:
        return a - b
    return _shifted(op, a, b)


@kernel
def holds(c, w, row, place):
    """Return whether the program of a place accepts a row (uint64[8]); a program never leaves its PROGRAM_WORDS."""
    at, end, depth, stack = place * PROGRAM_WORDS, place * PROGRAM_WORDS + PROGRAM_WORDS, 0, w.stack
    while at < end:
        word = w.program[at]
        op, at = word & LOW_8, at + 1
        if op == OP.END:
            break
        if op == OP.CONST:
            stack[depth] = w.program[at]
            at, depth = at + 1, depth + 1
        elif op == OP.WORD:
            width = word >> 24 & LOW_8
            value = row[word >> 8 & 7] >> (word >> 16 & 63)
            stack[depth] = value if width >= 64 else value & ((1 << width) - 1)
            depth += 1
        elif op == OP.REGISTER:
            stack[depth] = env_of(c.env)[0].regs[word >> 8 & 15]
            depth += 1
        elif op == OP.NOT:
            stack[depth - 1] = 0 if stack[depth - 1] else 1
        else:
            depth -= 1
            stack[depth - 1] = binary(op, stack[depth - 1], stack[depth])
    return depth == 1 and stack[0] != 0


# ---- partitions -------------------------------------------------------------------------------------------------
@kernel
def hierarchy(m, pointer):
    """Return what identifies the partition of a VMCS at physical `pointer`: its EPT PML4 table, or `pointer` when it has none."""
    v = words(m.ram + pointer, U64(REGION_WORDS))
    if v[FIELD.PRIMARY_CONTROLS] & PROC.SECONDARY and v[FIELD.SECONDARY_CONTROLS] & PROC2.EPT:
        return v[FIELD.EPT_POINTER] & PAGE_MASK
    return pointer


@kernel
def number_of(m, wanted):
    """Return the number of a partition by its `hierarchy`: 1, 2, ... in the order in which their first VMCSs were chosen; 0: none."""
    number = 1
    for j in range(m.vmcs_count):
        key = hierarchy(m, m.vmcs_seen[U64(j)])
        if key == wanted:
            return number
        new = 1
        for i in range(j):
            if hierarchy(m, m.vmcs_seen[U64(i)]) == key:
                new = 0
        number += new
    return 0


@kernel
def partition(c, m, w):
    """Return the number of the partition whose VMCS is current, 0 without one; what was found last is kept for each processor."""
    pointer, i = U64(c.vmcs_pointer), U64(c.id)
    if not ram.is_ram(m, pointer):
        return 0
    key = hierarchy(m, pointer)
    if w.known_key[i] != key or w.known_count[i] != m.vmcs_count:
        w.known_key[i], w.known_count[i], w.known[i] = key, m.vmcs_count, number_of(m, key)
    return w.known[i]


# ---- the event ----------------------------------------------------------------------------------------------
@kernel
def _stop(w, row, place):
    """Note that the point of a place stops the machine, and the row that it does so for.

    No place goes missing, however many rows there are: see AGAIN.
    """
    w.times[place] += 1
    if w.times[place] == 1 or w.hit < AGAIN:
        w.met[w.hit] = place
        for j in range(TRACE_WORDS):
            w.row[w.hit * TRACE_WORDS + U64(j)] = row[U64(j)]
        w.hit += 1


@kernel
def _met(c, w, row, key):
    """Ask the points of one list; returns whether one of them keeps the row."""
    keep, i = False, U64(w.first[key])
    while i:
        place = i - 1
        if holds(c, w, row, place):
            w.hits[place] += 1
            if w.action[place] == ACTION.KEEP:
                keep = True
            elif w.ignore[place]:
                w.ignore[place] -= 1
            else:
                _stop(w, row, place)
        i = U64(w.next[place])
    return keep


@kernel
def next_row(c, m, w, kind, cycle, rip):
    """Return the next row of the ring with the words that are of any kind of row."""
    row = words(w.ring + w.count % RING_ROWS * ROW_BYTES, TRACE_WORDS)
    world = 1 if c.vmx_mode == MODE.NONROOT else 0
    number = partition(c, m, w)
    head = put(put(U64(kind), IN_ROW.cpu, c.id), IN_ROW.world, U64(world))
    row[I_CYCLE], row[I_HEAD] = cycle, put(head, IN_ROW.partition, U64(number))
    row[I_RIP], row[I_VMCS] = rip, c.vmcs_pointer
    return row


@kernel
def note(c, kind, reason, cycle, rip, first, second, third, fourth):
    """Note a trace event (EVENT_KIND) of processor `c`; reason: of a VM exit, else ANY_REASON.  The last four are words of its row."""
    m = machine_at(c.machine)[0]
    w = watch_at(m.watch)[0]
    if w.off:
        return
    row = next_row(c, m, w, kind, cycle, rip)
    row[I_FIRST], row[I_SECOND], row[I_THIRD], row[I_FOURTH] = first, second, third, fourth
    keep = _met(c, w, row, kind << KIND_SHIFT | ANY_REASON)
    if reason != ANY_REASON:
        keep = _met(c, w, row, kind << KIND_SHIFT | reason) or keep
    if keep or w.everything:
        w.count += 1
        if w.count - w.drained >= RING_FULL and m.stop == STOP.NONE:
            m.stop, m.stop_cpu = STOP.OUTPUT, c.id


@kernel
def exit_row(c, v, reason):
    """Note a VM exit whose information fields are written; guest registers are still the processor's.

    The third word is what came (interruption, guest linear address, value written), the fourth what it was about (guest-physical
    address, MSR, hypercall, CPUID leaf): `emu.spec.trace.FIELDS`.
    """
    e, third, fourth = env_of(c.env)[0], 0, 0
    if reason <= 1:
        third = put(v[FIELD.EXIT_INTERRUPTION_INFO] & LOW_32, IN_EXIT.error, v[FIELD.EXIT_INTERRUPTION_ERROR_CODE])
    elif one_of(reason, EXITS.ADDRESSED):
        third, fourth = v[FIELD.GUEST_LINEAR_ADDRESS], v[FIELD.GUEST_PHYSICAL_ADDRESS]
    elif reason == REASON.RDMSR or reason == REASON.WRMSR:
        third, fourth = e.regs[GPR.RDX] << 32 | e.regs[GPR.RAX] & LOW_32, e.regs[GPR.RCX] & LOW_32
    elif reason == REASON.CPUID:
        fourth = put(e.regs[GPR.RAX] & LOW_32, IN_EXIT.subleaf, e.regs[GPR.RCX])
    elif reason == REASON.VMCALL:
        third, fourth = e.regs[GPR.RDX], e.regs[GPR.RCX]
    elif reason == REASON.IO:
        third = e.regs[GPR.RAX] & LOW_32
    first = put(v[FIELD.EXIT_REASON], IN_EXIT.length, v[FIELD.EXIT_INSTRUCTION_LENGTH])
    note(c, EVENT_KIND.EXIT, reason, c.exit_began, v[FIELD.GUEST_RIP], first, v[FIELD.EXIT_QUALIFICATION], third, fourth)


@kernel
def vm_exit(c, v, reason):
    """Remember a VM exit for whoever asks why a run did not end, and report it, if anybody watches."""
    rip, place = v[FIELD.GUEST_RIP], (c.recent_count & LAST_RECENT) << 2
    c.recent[place], c.recent[place + 1], c.recent[place + 2] = c.exit_began, reason, rip
    c.recent[place + 3] = v[FIELD.EXIT_QUALIFICATION]
    c.recent_count += 1
    if c.same_vmcs == c.vmcs_pointer and c.same_rip == rip and c.same_reason == reason:
        c.same_count += 1
    elif reason != REASON.EXTERNAL_INTERRUPT and reason != REASON.PREEMPTION_TIMER and \
            (c.same_vmcs == c.vmcs_pointer or c.same_count < KEPT_EXITS):
        c.same_vmcs, c.same_rip, c.same_reason, c.same_count = c.vmcs_pointer, rip, reason, 1
    if machine_at(c.machine)[0].watch:
        exit_row(c, v, reason)


@kernel
def vm_entry(c, v, rip, launch, spent):
    """Report a VM entry by the instruction at `rip`, `spent` cycles after the last exit (0: there was none)."""
    if c.same_vmcs == c.vmcs_pointer and c.same_rip != v[FIELD.GUEST_RIP]:
        c.same_count = 0                                   # it has moved
    if machine_at(c.machine)[0].watch:
        event = v[FIELD.ENTRY_INTERRUPTION_INFO] & LOW_32
        if event & INTR.ERROR:
            event = put(event, IN_ENTRY.error, v[FIELD.ENTRY_EXCEPTION_ERROR_CODE])
        note(c, EVENT_KIND.ENTRY, ANY_REASON, c.cycles, rip, event, v[FIELD.GUEST_RIP], launch, spent)


@kernel
def failure(c, number, qualification):
    """Report a VMX instruction that fails: a VMERROR number (0: VMfailInvalid), or an exit reason with bit 31.

    VMREAD and VMWRITE leave the encoding in `c.field_asked`.
    """
    field = 0
    if number == VMERROR.UNSUPPORTED_COMPONENT or number == VMERROR.READ_ONLY_COMPONENT:
        field = c.field_asked
        c.field_rip = env_of(c.env)[0].rip
        c.field_failures += 1
    if machine_at(c.machine)[0].watch:
        note(c, EVENT_KIND.FAILURE, ANY_REASON, c.cycles, env_of(c.env)[0].rip, number, qualification, field, 0)


@kernel
def delivery(c, rip, info, error):
    """Report an event that was delivered through the IDT; rip: where it came."""
    if machine_at(c.machine)[0].watch:
        e = env_of(c.env)[0]
        note(c, EVENT_KIND.DELIVERY, ANY_REASON, c.cycles, rip, info & LOW_32, error, e.rip, e.cr[2])


@kernel
def msr(c, index, value, write):
    """Report RDMSR (write = 0) or WRMSR (1) that was carried out."""
    if machine_at(c.machine)[0].watch:
        note(c, EVENT_KIND.MSR, ANY_REASON, c.cycles, env_of(c.env)[0].rip, put(index, IN_MSR.write, U64(write)), value, 0, 0)


@kernel
def port(c, number, size, value, write):
    """Report an access to a port that was carried out."""
    if machine_at(c.machine)[0].watch:
        first = put(put(number, IN_PORT.size, size), IN_PORT.write, U64(write))
        note(c, EVENT_KIND.PORT, ANY_REASON, c.cycles, env_of(c.env)[0].rip, first, value, 0, 0)


@kernel
def paging_mode(e):
    """Return the PAGING_MODE that control registers select."""
    if real_mode(e):
        return PAGING_MODE.REAL
    if not e.cr[0] & CR0.PG:
        return PAGING_MODE.PROTECTED
    if long_mode(e):
        return PAGING_MODE.LEVEL_5 if e.cr[4] & CR4.LA57 else PAGING_MODE.LEVEL_4
    return PAGING_MODE.PAE if e.cr[4] & CR4.PAE else PAGING_MODE.PAGING_32


@kernel
def mode(c, e, before):
    """Report a change of the paging mode from what it was before."""
    if machine_at(c.machine)[0].watch:
        now = paging_mode(e)
        if now != before:
            note(c, EVENT_KIND.MODE, ANY_REASON, c.cycles, e.rip, put(now, IN_MODE.old, before), 0, 0, 0)
