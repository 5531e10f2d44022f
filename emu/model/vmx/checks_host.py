"""Checks on the host-state area: a bitmap of the rows of HOST that fail.

`emu.spec.checks.MISSING` lists what is not checked.
"""
from emu.bits import U64
from emu.jit import kernel
from emu.model.cpu import cpu_canonical, paging_canonical
from emu.spec.checks import HOST
from emu.spec.cpu import CR4, EFER
from emu.spec.profile import CR0_RULE, CR4_RULE, EFER_NOT
from emu.spec.vmcs import FIELD
from emu.spec.vmx import ENTRYC, EXITC

EFER_MODE = EFER.LMA | EFER.LME
RPL_TI = U64(7)
SELECTOR_COUNT = U64(7)                                             # ES CS SS DS FS GS TR, in the order of their rows
PAT_RESERVED, PAT_2, PAT_4 = U64(0xF8F8_F8F8_F8F8_F8F8), U64(0x0202_0202_0202_0202), U64(0x0404_0404_0404_0404)


@kernel
def pat_valid(pat):
    """Return whether each byte of an IA32_PAT value is 0, 1, 4, 5, 6 or 7."""
    return pat & PAT_RESERVED == 0 and pat & PAT_2 & ~(pat & PAT_4) >> 1 == 0


@kernel
def host_area(v, ia32e, beyond):
    """Return the failing rows of HOST for VMCS words `v`; `ia32e`: whether the processor is in IA-32e mode.

    beyond: physical-address bits that do not exist.

    Source: SDM 3C, "Checks on VMX Controls and Host-State Area"
    """
    return registers(v, beyond) | bases(v) | selectors(v) | sizes(v, ia32e)


@kernel
def registers(v, beyond):
    """Check control registers and MSRs."""
    bad, exits = 0, v[FIELD.EXIT_CONTROLS]
    cr0, cr4 = v[FIELD.HOST_CR0], v[FIELD.HOST_CR4]
    if cr0 & ~CR0_RULE.may | ~cr0 & CR0_RULE.must:
        bad |= HOST.CR0
    if cr4 & ~CR4_RULE.may | ~cr4 & CR4_RULE.must:
        bad |= HOST.CR4
    if v[FIELD.HOST_CR3] & beyond:
        bad |= HOST.CR3
    if exits & EXITC.LOAD_PAT and not pat_valid(v[FIELD.HOST_PAT]):
        bad |= HOST.PAT
    if exits & EXITC.LOAD_EFER:
        efer = v[FIELD.HOST_EFER]
        if efer & EFER_NOT:
            bad |= HOST.EFER_RESERVED
        if efer & EFER_MODE != (EFER_MODE if exits & EXITC.HOST_64 else 0):
            bad |= HOST.EFER_MODE
    return bad


@kernel
def bases(v):
    """Check that addresses are canonical for this processor, whatever CR4.LA57 is or will be."""
    bad = 0
    if not cpu_canonical(v[FIELD.HOST_SYSENTER_ESP]):
        bad |= HOST.SYSENTER_ESP
    if not cpu_canonical(v[FIELD.HOST_SYSENTER_EIP]):
        bad |= HOST.SYSENTER_EIP
    if not cpu_canonical(v[FIELD.HOST_FS_BASE]):
        bad |= HOST.FS_BASE
    if not cpu_canonical(v[FIELD.HOST_GS_BASE]):
        bad |= HOST.GS_BASE
    if not cpu_canonical(v[FIELD.HOST_TR_BASE]):
        bad |= HOST.TR_BASE
    if not cpu_canonical(v[FIELD.HOST_GDTR_BASE]):
        bad |= HOST.GDTR_BASE
    if not cpu_canonical(v[FIELD.HOST_IDTR_BASE]):
        bad |= HOST.IDTR_BASE
    return bad


@kernel
def selectors(v):
    """Check segment selectors: RPL, TI, null."""
    bad, s = 0, 0
    while s < SELECTOR_COUNT:
        if v[FIELD.HOST_ES_SELECTOR + s] & RPL_TI:
            bad |= HOST.ES_SELECTOR << s
        s += 1
    if v[FIELD.HOST_CS_SELECTOR] == 0:
        bad |= HOST.CS_NULL
    if v[FIELD.HOST_TR_SELECTOR] == 0:
        bad |= HOST.TR_NULL
    if v[FIELD.HOST_SS_SELECTOR] == 0 and not v[FIELD.EXIT_CONTROLS] & EXITC.HOST_64:
        bad |= HOST.SS_NULL
    return bad


@kernel
def sizes(v, ia32e):
    """Check what the host's and the guest's address-space size demand of each other and of CR4 and RIP.

    RIP must be canonical for the paging mode that the VM exit establishes.
    """
    bad = 0
    host_64, guest_64 = v[FIELD.EXIT_CONTROLS] & EXITC.HOST_64, v[FIELD.ENTRY_CONTROLS] & ENTRYC.GUEST_64
    cr4, rip = v[FIELD.HOST_CR4], v[FIELD.HOST_RIP]
    if (host_64 != 0) != ia32e:
        bad |= HOST.SIZE
    if guest_64 and not (ia32e and host_64):
        bad |= HOST.GUEST_SIZE
    if host_64:
        if not cr4 & CR4.PAE:
            bad |= HOST.PAE
        if not paging_canonical(cr4, rip):
            bad |= HOST.RIP
    else:
        if cr4 & CR4.PCIDE:
            bad |= HOST.PCIDE
        if rip >> 32:
            bad |= HOST.RIP_HIGH
    return bad
