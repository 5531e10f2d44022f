"""CPUID: the rows of `emu.spec.cpuid`, and the bits that depend on the processor's state.

Source: SDM 2A, "CPUID"
"""
from emu.bits import LOW_8, LOW_32, U64, place_of
from emu.jit import kernel
from emu.model.cpu import code_64
from emu.spec.apic import APICBASE
from emu.spec.cost import COST
from emu.spec.cpu import CR4, GPR
from emu.spec.cpuid import (
    EXTENDED_D,
    FEATURE_C,
    FEATURE_D,
    KEY,
    LEAF,
    LIMITED,
    MAX_BASIC,
    MAX_EXTENDED,
    SUBLEAVES,
    VALUES,
)
from emu.spec.msr import MICROCODE, MISCENABLE
from emu.spec.outcome import RESULT
from emu.state import env_of, machine_at

NO_LEAF = U64(len(KEY))
LEAF_SHIFT = U64(32)
INITIAL_ID_SHIFT, COUNT_SHIFT, CORES_SHIFT, SHARING_SHIFT = U64(24), U64(16), U64(26), U64(14)
MICROCODE_REVISION = U64(MICROCODE) << U64(32)
SHARED_CACHE = U64(3)                                    # subleaf of leaf 4 that all processors share


@kernel
def find(leaf, subleaf):
    """Return the row of a leaf and subleaf, or NO_LEAF."""
    return place_of(leaf << LEAF_SHIFT | subleaf, KEY)


@kernel
def effective_leaf(c, leaf):
    """Return the leaf that answers: one beyond the maximum gives the data of the highest basic leaf."""
    top = LIMITED if c.misc_enable & MISCENABLE.LIMIT_CPUID else MAX_BASIC
    if leaf <= top or (leaf >= LEAF.EXTENDED and leaf <= MAX_EXTENDED):
        return leaf
    return top


@kernel
def log2_ceiling(count):
    """Return how many bits distinguish `count` things."""
    bits = 0
    while 1 << bits < count:
        bits += 1
    return bits


@kernel
def _put(e, a, b, third, d):
    e.regs[GPR.RAX] = a & LOW_32
    e.regs[GPR.RBX] = b & LOW_32
    e.regs[GPR.RCX] = third & LOW_32
    e.regs[GPR.RDX] = d & LOW_32


@kernel
def _features(c, e, count):
    """Add to leaf 1 what depends on state: APIC ID, processor count, OSXSAVE, MONITOR, APIC."""
    e.regs[GPR.RBX] |= c.id << INITIAL_ID_SHIFT
    if count > 1:
        e.regs[GPR.RBX] |= (1 << log2_ceiling(count)) << COUNT_SHIFT
    else:
        e.regs[GPR.RDX] &= ~FEATURE_D.HTT
    if not e.cr[4] & CR4.OSXSAVE:
        e.regs[GPR.RCX] &= ~FEATURE_C.OSXSAVE
    if not c.misc_enable & MISCENABLE.MONITOR:
        e.regs[GPR.RCX] &= ~FEATURE_C.MONITOR
    if not c.apic_base & APICBASE.EN:
        e.regs[GPR.RDX] &= ~FEATURE_D.APIC
    c.microcode = MICROCODE_REVISION


@kernel
def _topology(c, e, subleaf, count):
    """Add to leaf 0BH the x2APIC ID and, for the core level, how many processors there are."""
    e.regs[GPR.RDX] = c.id
    e.regs[GPR.RCX] |= subleaf & LOW_8
    if subleaf == 1:
        e.regs[GPR.RAX] = log2_ceiling(count)
        e.regs[GPR.RBX] = count


@kernel
def _adjust(c, e, leaf, subleaf, found):
    """Add what depends on state to the registers of a leaf."""
    count = machine_at(c.machine)[0].cpu_count
    if leaf == LEAF.FEATURES:
        _features(c, e, count)
    elif leaf == LEAF.CACHES and found:
        cores = (1 << log2_ceiling(count)) - 1
        e.regs[GPR.RAX] |= cores << CORES_SHIFT
        if subleaf == SHARED_CACHE:
            e.regs[GPR.RAX] |= cores << SHARING_SHIFT
    elif leaf == LEAF.TOPOLOGY:
        _topology(c, e, subleaf, count)
    elif leaf == LEAF.ADDRESSES:
        e.regs[GPR.RAX] = e.regs[GPR.RAX] & ~LOW_8 | log2_ceiling(machine_at(c.machine)[0].address_mask + 1)
    elif leaf == LEAF.EXTENDED_1:
        if not code_64(e):
            e.regs[GPR.RDX] &= ~EXTENDED_D.SYSCALL
        if c.misc_enable & MISCENABLE.XD_DISABLE:
            e.regs[GPR.RDX] &= ~EXTENDED_D.NX
    elif leaf == LEAF.BASIC and c.misc_enable & MISCENABLE.LIMIT_CPUID:
        e.regs[GPR.RAX] = LIMITED


@kernel
def has_subleaves(leaf):
    """Return whether a leaf reads ECX."""
    for other in SUBLEAVES:
        if other == leaf:
            return True
    return False


@kernel
def cpuid(c):
    """Execute CPUID: EAX EBX ECX EDX for leaf EAX, subleaf ECX."""
    e = env_of(c.env)[0]
    leaf, subleaf = effective_leaf(c, e.regs[GPR.RAX] & LOW_32), e.regs[GPR.RCX] & LOW_32
    row = find(leaf, subleaf if has_subleaves(leaf) else 0)
    if row == NO_LEAF:
        _put(e, 0, 0, 0, 0)
    else:
        at = row * 4
        _put(e, VALUES[at], VALUES[at + 1], VALUES[at + 2], VALUES[at + 3])
    _adjust(c, e, leaf, subleaf, row != NO_LEAF)
    c.cycles += COST.CPUID
    return RESULT.NEXT
