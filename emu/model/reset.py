"""Processor state after power-up, INIT and start-up IPI.

Source: SDM 3A, "Processor States Following Power-up, Reset, or INIT" and "MP Initialization Protocol"
"""
from emu.bits import ALL_ONES, PAGE_SHIFT, U64, value_of
from emu.jit import kernel
from emu.model.cpu import SEGMENT_REGISTERS, refresh_hflags, set_rflags, set_segment
from emu.model.interrupts import apic
from emu.model.memory import tlb
from emu.model.processor import msr
from emu.spec import cpuid
from emu.spec.apic import APICBASE
from emu.spec.cpu import CR0, DESCRIPTOR, DR6_RESET, DR7_RESET, POWER_UP, SEG, SEGTYPE, SYSTYPE
from emu.spec.debug import ARMED
from emu.spec.msr import PAT_RESET
from emu.spec.outcome import MODE
from emu.spec.vmx import ACTIVITY
from emu.state import env_of, machine_at

RESET_CODE, RESET_DATA = value_of(DESCRIPTOR, P=1, S=1, TYPE=SEGTYPE.CODE), value_of(DESCRIPTOR, P=1, S=1, TYPE=SEGTYPE.DATA)
RESET_LDT, RESET_TSS = value_of(DESCRIPTOR, P=1, TYPE=SYSTYPE.LDT), value_of(DESCRIPTOR, P=1, TYPE=SYSTYPE.BUSY_TSS)
CR0_RESET = CR0.CD | CR0.NW | CR0.ET
CR0_KEPT_BY_INIT = CR0.CD | CR0.NW
SIGNATURE = U64(cpuid.SIGNATURE)                         # RDX: CPUID.1:EAX
SELECTOR_SHIFT = U64(8)


@kernel
def registers(c, e):
    """Load what power-up and INIT have in common: registers, segments, tables, no interrupt shadow, no paging."""
    for n in range(16):
        e.regs[U64(n)] = 0
    e.regs[2] = SIGNATURE
    for s in range(SEGMENT_REGISTERS):
        set_segment(e, U64(s), 0, 0, POWER_UP.LIMIT, RESET_DATA)
    set_segment(e, SEG.CS, POWER_UP.CS, POWER_UP.CS_BASE, POWER_UP.LIMIT, RESET_CODE)
    set_segment(e, SEG.LDTR, 0, 0, POWER_UP.LIMIT, RESET_LDT)
    set_segment(e, SEG.TR, 0, 0, POWER_UP.LIMIT, RESET_TSS)
    set_segment(e, SEG.GDTR, 0, 0, POWER_UP.LIMIT, 0)
    set_segment(e, SEG.IDTR, 0, 0, POWER_UP.LIMIT, 0)
    e.rip = POWER_UP.RIP
    set_rflags(e, POWER_UP.RFLAGS)
    e.cr[2] = e.cr[3] = e.cr[4] = e.efer = 0
    for n in range(4):
        e.dr[U64(n)] = 0
    e.dr[6], e.dr[7] = DR6_RESET, DR7_RESET
    c.interruptibility = c.pending_debug = c.monitor_armed = c.vectoring = 0
    c.init_pending = c.iret_step = 0
    c.armed &= ~ARMED.REGISTERS
    e.hflags = 0
    refresh_hflags(e, 0)


@kernel
def power_up(c):
    """Reset the processor; the bootstrap processor (id 0) is active, others wait for a start-up IPI."""
    c.env, c.tlb, c.vmx_mode = c.root_env, c.root_tlb, MODE.BARE
    e = env_of(c.env)[0]
    registers(c, e)
    e.cr[0] = CR0_RESET
    e.pat, e.xcr0, e.mxcsr, e.fpuc = U64(PAT_RESET), POWER_UP.XCR0, POWER_UP.MXCSR, POWER_UP.FCW
    e.star = e.lstar = e.cstar = e.fmask = e.kernel_gs_base = e.tsc_aux = 0
    e.sysenter_cs = e.sysenter_esp = e.sysenter_eip = 0
    for n in range(8):
        e.fptags[U64(n)] = 1
    msr.reset(c)
    c.vmxon_pointer = c.vmcs_pointer = ALL_ONES
    c.sipi_pending = c.nmi_pending = c.ferr = 0
    c.activity = ACTIVITY.ACTIVE if c.id == 0 else ACTIVITY.WAIT_SIPI
    tlb.control_change(c, 0, ALL_ONES, 0)


@kernel
def init(c):
    """Do what INIT does outside VMX operation: registers as at reset, CR0.CD and CR0.NW, caches and MSRs kept.

    A start-up IPI or NMI that is pending has come after the INIT (`emu.model.interrupts.message.init`) and stays.
    """
    e = env_of(c.env)[0]
    kept = e.cr[0] & CR0_KEPT_BY_INIT
    registers(c, e)
    e.cr[0] = kept | CR0.ET
    apic.reset(c, True)
    tlb.control_change(c, 0, ALL_ONES, 0)
    c.activity = ACTIVITY.ACTIVE if c.apic_base & APICBASE.BSP else ACTIVITY.WAIT_SIPI


@kernel
def start(c, vector):
    """Start a processor that waits for SIPI at page `vector` in real mode."""
    m, e = machine_at(c.machine)[0], env_of(c.env)[0]
    c.sipi_pending = 0
    set_segment(e, SEG.CS, vector << SELECTOR_SHIFT, vector << PAGE_SHIFT, POWER_UP.LIMIT, RESET_CODE)
    e.rip = 0
    c.activity = ACTIVITY.ACTIVE
    if m.now > c.cycles:
        c.cycles = m.now
    refresh_hflags(e, 0)
