"""Model-specific registers: RDMSR and WRMSR by the rows of `emu.spec.msr`.

`read` and `write` act on the world that runs now and check no privilege: VM entry and exit use them too.
Source: SDM 4, "Architectural MSRs"; SDM 2B, "RDMSR", "WRMSR"
"""
import re

import numpy as np

from emu.bits import ALL_ONES, LOW_8, LOW_32, PAGE_OFFSET, U64, place_of
from emu.jit import kernel, words
from emu.model.cpu import cpu_canonical
from emu.model.fault import gp0, unmodelled
from emu.model.interrupts import apic, apic_timer
from emu.spec.apic import X2APIC
from emu.spec.cpu import CR0, EFER
from emu.spec.msr import MEMORY_TYPE, MISC_FIXED, MISC_KEPT, MISCENABLE, MSR, NUMBER, RESETS, RULE, RULES, WRITABLE
from emu.spec.msr import ROWS as TABLE
from emu.spec.outcome import FAULT, RESULT, UNMODELLED
from emu.spec.profile import CAPABILITY, CAPABILITY_EXISTS, FIRST_CAPABILITY
from emu.spec.vmx import FEATURE_CONTROL
from emu.state import CPU, ENV, env_of, machine_at

NO_ROW = U64(len(NUMBER))
CAPABILITY_COUNT = U64(len(CAPABILITY))
DEFINED_TYPES = U64(sum(1 << int(code) for code in MEMORY_TYPE))      # bit n: memory type n exists
RANGE_TYPES = DEFINED_TYPES & ~(U64(1) << MEMORY_TYPE.UC_MINUS)
IN_CPU, NOWHERE = U64(1 << 32), ALL_ONES


def _place(held):
    """Return where a register's word lies: byte offset in ENV, in CPU with IN_CPU set, or NOWHERE."""
    if not held:
        return int(NOWHERE)
    record, field, index = re.fullmatch(r"(cpu|env)\.(\w+)(?:\[(\d+)\])?", held).groups()
    offset = (CPU if record == "cpu" else ENV).fields[field][1] + 8 * int(index or 0)
    return offset | (int(IN_CPU) if record == "cpu" else 0)


PLACE = np.array([_place(row[5]) for row in TABLE], np.uint64)       # by row, as the arrays of emu.spec.msr


@kernel
def find(index):
    """Return the row of MSR `index` in the tables of `emu.spec.msr`, or NO_ROW."""
    return place_of(index, NUMBER)


@kernel
def _holder(c, place):
    """Return a one-word view of where a register is held."""
    if place & IN_CPU:
        return words(machine_at(c.machine)[0].cpus[c.id] + (place & ~IN_CPU), 1)
    return words(c.env + place, 1)


@kernel
def _is_capability(index):
    """Return whether `index` is a VMX capability MSR that exists."""
    offset = index - FIRST_CAPABILITY
    return offset < CAPABILITY_COUNT and CAPABILITY_EXISTS[offset] != 0


@kernel
def read(c, index):
    """Return MSR `index` (uint64); 0 with #GP(0) in `c.fault` when it cannot be read."""
    c.fault = FAULT.NONE
    if index >= X2APIC.FIRST and index <= X2APIC.LAST:
        return apic.x2apic_read(c, index)
    if _is_capability(index):
        return CAPABILITY[index - FIRST_CAPABILITY]
    row = find(index)
    if row == NO_ROW or RULES[row] == RULE.WRITE_ONLY:
        gp0(c)
        return 0
    rule, place = RULES[row], PLACE[row]
    if rule == RULE.TSC:
        return c.cycles + c.tsc_offset
    if rule == RULE.TSC_DEADLINE:
        return apic_timer.read_deadline(c)
    if place == NOWHERE:
        return RESETS[row]
    value = _holder(c, place)[0]
    if rule == RULE.IGNORE or index == MSR.TSC_AUX:
        return value & LOW_32
    return value


@kernel
def _types_exist(value, exists):
    """Return whether each byte of `value` is a memory type whose bit is set in `exists`."""
    shift = 0
    while shift < 64:
        code = value >> shift & LOW_8
        if code >= 8 or not exists >> code & 1:
            return False
        shift += 8
    return True


@kernel
def _acceptable(c, row, value):
    """Return whether the rule of a row lets `value` be stored."""
    rule, writable = RULES[row], WRITABLE[row]
    if rule == RULE.CANONICAL:
        return cpu_canonical(value)
    if rule == RULE.TYPES:
        return _types_exist(value, RANGE_TYPES)
    if rule == RULE.PAT:
        return _types_exist(value, DEFINED_TYPES)
    if rule == RULE.STATUS:
        return value == 0
    if rule == RULE.READ_ONLY:
        return False
    if rule == RULE.FEATURE_CONTROL and c.feature_control & FEATURE_CONTROL.LOCK:
        return False
    if rule == RULE.ADDRESS:
        if value & ~(machine_at(c.machine)[0].address_mask | PAGE_OFFSET):
            return False
        if writable & LOW_8 and not (value & LOW_8 < 8 and RANGE_TYPES >> (value & LOW_8) & 1):
            return False
    return not value & ~writable


@kernel
def _store(c, row, value):
    """Store an accepted value where the register is held, in its own width."""
    place = PLACE[row]
    if place == NOWHERE:
        return
    holder = _holder(c, place)
    mask = LOW_32 if RULES[row] == RULE.IGNORE or NUMBER[row] == MSR.TSC_AUX else ALL_ONES
    holder[0] = holder[0] & ~mask | value & mask


@kernel
def write_efer(c, value):
    """Write IA32_EFER: LME only while paging is off, LMA never by software, NXE unless IA32_MISC_ENABLE disables it.

    Source: SDM 3A, "Extended Feature Enable Register"
    """
    e = env_of(c.env)[0]
    old = e.efer
    if value & ~(EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE):
        return gp0(c)
    if value & EFER.NXE and c.misc_enable & MISCENABLE.XD_DISABLE:
        return gp0(c)
    if (value ^ old) & EFER.LME and e.cr[0] & CR0.PG:
        return gp0(c)
    e.efer = value & ~EFER.LMA | old & EFER.LMA
    return RESULT.NEXT


@kernel
def write_tsc(c, value):
    """Write IA32_TIME_STAMP_COUNTER; IA32_TSC_ADJUST moves by the same amount.

    Source: SDM 3B, "IA32_TSC_ADJUST Register Support"
    """
    apic_timer.advance(c)
    offset = value - c.cycles
    c.tsc_adjust += offset - c.tsc_offset
    c.tsc_offset = offset
    return RESULT.NEXT


@kernel
def write_adjust(c, value):
    """Write IA32_TSC_ADJUST; the time-stamp counter moves by the difference."""
    apic_timer.advance(c)
    c.tsc_offset += value - c.tsc_adjust
    c.tsc_adjust = value
    return RESULT.NEXT


@kernel
def _write_effect(c, rule, value):
    """Write one of the registers whose rule is a function of its own."""
    if rule == RULE.EFER:
        return write_efer(c, value)
    if rule == RULE.APIC_BASE:
        return apic.set_base(c, value)
    if rule == RULE.TSC:
        return write_tsc(c, value)
    if rule == RULE.TSC_ADJUST:
        return write_adjust(c, value)
    if rule == RULE.TSC_DEADLINE:
        apic_timer.write_deadline(c, value)
    return RESULT.NEXT                                   # write-only: the microcode update is not accepted


@kernel
def _has_effect(rule):
    """Return whether a rule is dealt with by `_write_effect`."""
    return (rule == RULE.WRITE_ONLY or (rule >= RULE.EFER and rule <= RULE.APIC_BASE) or
            (rule >= RULE.TSC and rule <= RULE.TSC_DEADLINE))


@kernel
def write(c, index, value):
    """Write MSR `index`; returns RESULT.NEXT, or RESULT.FAULT with #GP(0) in `c.fault`."""
    c.fault = FAULT.NONE
    if index >= X2APIC.FIRST and index <= X2APIC.LAST:
        return apic.x2apic_write(c, index, value)
    row = find(index)
    if row == NO_ROW:
        return gp0(c)
    if _has_effect(RULES[row]):
        return _write_effect(c, RULES[row], value)
    if RULES[row] == RULE.IGNORE:
        value &= WRITABLE[row]
    if index == MSR.MISC_ENABLE:
        value = value & ~MISC_KEPT | MISC_FIXED
    if not _acceptable(c, row, value):
        return gp0(c)
    if RULES[row] == RULE.DEBUGCTL and value != 0:
        return unmodelled(c, UNMODELLED.MSR, index, value)
    _store(c, row, value)
    return RESULT.NEXT


@kernel
def reset(c):
    """Give every MSR that its own unit does not reset its value after power-up; INIT leaves them alone."""
    row = 0
    while row < NO_ROW:
        if PLACE[row] != NOWHERE and NUMBER[row] != MSR.APIC_BASE:
            _store(c, row, RESETS[row])
        row += 1
    c.tsc_offset = ~c.cycles + 1
    c.tsc_adjust = 0
