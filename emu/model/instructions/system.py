"""Privileged and system instructions: one dispatcher on the decoder's kind, and RDMSR and WRMSR.

The caller has asked `intercept.check` in non-root operation; VMX instructions go to `emu.model.vmx.vmx`.  A kind that
the execution engine carries out by itself (STI, CLI, PUSHF, POPF, far transfers, MOV SS, POP SS) stops the machine
by name if it comes here; everything else without a branch is #UD, as instructions that CPUID does not report are.
"""
from emu.bits import LOW_32, U64
from emu.jit import kernel
from emu.model.cpu import cpl
from emu.model.fault import gp0, ud, unmodelled
from emu.model.instructions import arithmetic, branch, control, descriptor, inout, miscellaneous, stack, syscall
from emu.model.observe import watch
from emu.model.processor import cpuid, decode, msr
from emu.spec.cost import COST
from emu.spec.cpu import GPR, RFLAGS, SEG
from emu.spec.insn import INSN
from emu.spec.msr import MSR
from emu.spec.outcome import FAULT, RESULT, UNMODELLED
from emu.state import env_of

MAP_SHIFT = U64(8)


@kernel
def rdmsr(c, e):
    """Execute RDMSR."""
    if cpl(e) != 0:
        return gp0(c)
    index = e.regs[GPR.RCX] & LOW_32
    value = msr.read(c, index)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    if index == MSR.TSC:
        value = miscellaneous.time_stamp(c)
    c.cycles += COST.MSR
    watch.msr(c, index, value, 0)
    e.regs[GPR.RAX] = value & LOW_32
    e.regs[GPR.RDX] = value >> 32
    return RESULT.NEXT


@kernel
def wrmsr(c, e):
    """Execute WRMSR."""
    if cpl(e) != 0:
        return gp0(c)
    c.cycles += COST.MSR
    index, value = e.regs[GPR.RCX] & LOW_32, e.regs[GPR.RDX] << 32 | e.regs[GPR.RAX] & LOW_32
    result = msr.write(c, index, value)
    if result == RESULT.NEXT:
        watch.msr(c, index, value, 1)
    return result


@kernel
def engine_executes(kind):
    """Return whether the execution engine carries out instructions of this kind by itself."""
    return ((kind >= INSN.STI and kind <= INSN.INT1) or kind == INSN.MOV_SS or kind == INSN.POP_SS or
            (kind >= INSN.CALL_FAR and kind <= INSN.RET_FAR) or decode.for_flags(kind))


@kernel
def _others(c, e, insn, kind):
    """Execute one of what is left."""
    if kind >= INSN.INVD and kind <= INSN.WBNOINVD:
        return miscellaneous.cache(c, e)
    if kind == INSN.ENTER:
        return stack.enter(c, e, insn)
    if kind == INSN.CLFLUSH:
        return miscellaneous.flush_line(c, e, insn)
    if kind == INSN.MONITOR:
        return miscellaneous.monitor_line(c, e, insn)
    if kind == INSN.MWAIT:
        return miscellaneous.mwait(c, e)
    if kind == INSN.RDRAND or kind == INSN.RDSEED:
        return miscellaneous.rdrand(c, e, insn)
    if kind == INSN.RDPID:
        return miscellaneous.rdpid(c, e, insn)
    if kind >= INSN.RDFSBASE and kind <= INSN.WRGSBASE:
        return miscellaneous.segment_base(c, e, insn)
    if kind == INSN.CLAC:
        return miscellaneous.set_ac(c, e, 0)
    if kind == INSN.STAC:
        return miscellaneous.set_ac(c, e, RFLAGS.AC)
    if kind == INSN.HINT:
        return RESULT.NEXT
    if kind == INSN.TEST_SECOND or kind == INSN.TEST_SECOND_BYTE:
        return arithmetic.test(c, e, insn)
    if kind == INSN.ROTATE_CARRY or kind == INSN.ROTATE_CARRY_BYTE:
        return arithmetic.rotate_carry(c, e, insn)
    if kind == INSN.NEAR_BRANCH:
        return branch.near(c, e, insn)
    if kind == INSN.RDPMC or kind == INSN.TOO_LONG:
        return gp0(c)                                    # no counter exists; more than 15 bytes
    if engine_executes(kind):
        return unmodelled(c, UNMODELLED.INSTRUCTION, insn.opcode | insn.map << MAP_SHIFT, kind)
    return ud(c)


@kernel
def _registers(c, e, insn, kind):
    """Execute one that loads or stores control, debug or descriptor-table registers, or one of the others."""
    if kind == INSN.MOV_TO_CR:
        return control.mov_to_cr(c, e, insn)
    if kind == INSN.MOV_FROM_CR:
        return control.mov_from_cr(c, e, insn)
    if kind == INSN.INVLPG:
        return control.invlpg(c, e, insn)
    if kind == INSN.INVPCID:
        return control.invpcid(c, e, insn)
    if kind == INSN.CLTS:
        return control.clts(c, e)
    if kind == INSN.LMSW:
        return control.lmsw(c, e, insn)
    if kind == INSN.SMSW:
        return control.smsw(c, e, insn)
    if kind == INSN.MOV_TO_DR:
        return control.mov_to_dr(c, e, insn)
    if kind == INSN.MOV_FROM_DR:
        return control.mov_from_dr(c, e, insn)
    if kind == INSN.XSETBV:
        return control.xsetbv(c, e)
    if kind == INSN.XGETBV:
        return control.xgetbv(c, e)
    if kind == INSN.LGDT:
        return descriptor.load_table(c, e, insn, SEG.GDTR)
    if kind == INSN.LIDT:
        return descriptor.load_table(c, e, insn, SEG.IDTR)
    if kind == INSN.SGDT:
        return descriptor.store_table(c, e, insn, SEG.GDTR)
    if kind == INSN.SIDT:
        return descriptor.store_table(c, e, insn, SEG.IDTR)
    if kind == INSN.LLDT:
        return descriptor.lldt(c, e, insn)
    if kind == INSN.LTR:
        return descriptor.ltr(c, e, insn)
    if kind == INSN.SLDT:
        return descriptor.store_selector(c, e, insn, SEG.LDTR)
    if kind == INSN.STR:
        return descriptor.store_selector(c, e, insn, SEG.TR)
    return _others(c, e, insn, kind)


@kernel
def execute(c, insn):
    """Execute one decoded instruction; returns RESULT.

    RESULT.NEXT and RESULT.HALT leave RIP to the caller, RESULT.JUMP has set it (or left it, for a repetition that
    goes on), RESULT.FAULT has changed nothing and says why in `c.fault`.  One chain over the kinds, the frequent ones first, in
    three pieces that end in each other.
    """
    e, kind = env_of(c.env)[0], insn.kind
    if insn.lock:
        return ud(c)
    if kind == INSN.CPUID:
        return cpuid.cpuid(c)
    if kind == INSN.RDMSR:
        return rdmsr(c, e)
    if kind == INSN.WRMSR:
        return wrmsr(c, e)
    if kind == INSN.RDTSC or kind == INSN.RDTSCP:
        return miscellaneous.rdtsc(c, e, insn)
    if kind == INSN.HLT:
        return miscellaneous.hlt(c, e)
    if kind == INSN.PAUSE:
        return miscellaneous.pause(c)
    if kind == INSN.IN_IMM or kind == INSN.IN_DX:
        return inout.read_port(c, e, insn)
    if kind == INSN.OUT_IMM or kind == INSN.OUT_DX:
        return inout.write_port(c, e, insn)
    if kind == INSN.INS:
        return inout.ins(c, e, insn)
    if kind == INSN.OUTS:
        return inout.outs(c, e, insn)
    if kind == INSN.SYSCALL:
        return syscall.syscall(c, e, insn)
    if kind == INSN.SYSRET:
        return syscall.sysret(c, e, insn)
    if kind == INSN.SYSENTER:
        return syscall.sysenter(c, e)
    if kind == INSN.SYSEXIT:
        return syscall.sysexit(c, e, insn)
    if kind == INSN.SWAPGS:
        return syscall.swapgs(c, e)
    return _registers(c, e, insn, kind)
