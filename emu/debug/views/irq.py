"""Why an interrupt is not delivered: from the device's line through the controllers to what blocks it in the processor.

Read from the records as they are; nothing is acknowledged, no time passes.  Virtual interrupt controllers: `views.virtual`.
"""
from emu.bits import ALL_ONES, U64, get, name_of, text_of
from emu.debug.views import virtual
from emu.debug.views.reason import Reason
from emu.debug.views.vmcs import processor_of
from emu.errors import ConfigError
from emu.machine.host import host
from emu.model.cpu import rflags
from emu.model.interrupts import apic, apic_timer, message, pic
from emu.model.interrupts.message import LOWEST_VECTOR
from emu.model.vmx import checks
from emu.model.vmx.vmcs import View
from emu.spec.apic import APICBASE, DELIVERY, ENTRY, LVT, PENDING, REDIRECT, SVR
from emu.spec.cpu import EVENT, INTR, RFLAGS, VECTOR
from emu.spec.engine import HFLAGS
from emu.spec.outcome import INJECTED, MODE
from emu.spec.platform import IRQ, isa_pin
from emu.spec.vmx import ACTIVITY, BLOCKING, PIN, PROC
from emu.state import env_of

APIC_CHAPTER = 'SDM 3A, "Advanced Programmable Interrupt Controller (APIC)"'
PRIORITY = 'SDM 3A, "Task and Processor Priorities"'
MASKING = 'SDM 3A, "Masking Maskable Hardware Interrupts"'
SHADOW = 'SDM 2B, "STI"; SDM 3A, "Masking Exceptions and Interrupts When Switching Stacks"'
OTHER_EXITS = 'SDM 3C, "Other Causes of VM Exits"'
IOAPIC, PIC8259 = 'Intel 82093AA data sheet, "I/O Redirection Table Registers"', "Intel 8259A data sheet"
LVT_TABLE = 'SDM 3A, "Local Vector Table"'
NMI, INJECTION = int(VECTOR.NMI), 'SDM 3C, "Event Injection"'


def why(machine, processor, vector):
    """Return the list of Reasons why interrupt `vector` is not delivered to a processor now, nearest to its origin first.

    vector: 16 to 255; 2 is the NMI.  An empty list: it is pending, and comes at the next instruction boundary.
    Raises ConfigError for a processor that the machine lacks or a vector that no interrupt has.
    """
    c = processor_of(machine, processor)
    if vector != NMI and not LOWEST_VECTOR <= vector < 256:
        raise ConfigError(f"a vector of an interrupt is 16 to 255, or 2 for NMI, not {vector}")
    injected = _injection(c, vector)
    if vector == NMI:
        return injected or (_nmi(c) if c.nmi_pending else [_nowhere("no NMI is pending at this processor")])
    held, virtually = virtual.why(machine, c, vector)
    if held:                                               # by the guest's controller: the machine's own have done their part
        return injected or virtually or [_next_entry(vector)]
    found = _physical(machine, processor, vector, injected)
    if not any(reason.id == "not_requested" for reason in found):
        return [reason for reason in virtually if reason.id == "partition_ended"] + found
    return virtually + (found if _silent(virtually) else [reason for reason in found if reason.id != "not_requested"])


def _silent(virtually):
    """Return whether the guest's controller, too, has nothing to do with a vector, or was not examined."""
    return {reason.id for reason in virtually} <= {"partition_ended", "virtual_not_requested", "not_looked_at"}


def _next_entry(vector):
    return Reason("virtual_pending", f"the virtual local APIC of the guest holds vector {vector:#x}, and nothing holds it back: the next "
                  "VM entry, or the exit for the interrupt window, injects it", INJECTION)


def _physical(machine, processor, vector, injected):
    """Return the Reasons of the machine's own controllers and processor."""
    c, a = machine.cpu[processor], machine.processors[processor].apic[0]
    if _has(a.irr, vector):
        return _held(c, a, vector) + _processor(c)
    if _extint_vector(machine, c) == vector:
        return _processor(c)
    sources = _local(c, a, vector) + _pins(machine, c, vector) + _elsewhere(machine, processor, vector)
    found = injected + sources + _lines(machine, c, a, vector)
    if _has(a.isr, vector):
        found.append(Reason("in_service", f"vector {vector:#x} is in service: its handler has not written EOI, and it is not "
                            "requested again", 'SDM 3A, "Interrupt Acceptance for Fixed Interrupts"'))
    if not found:
        found.append(_nowhere("no interrupt controller holds it, and no LVT entry, pin or line is set up for it"))
        sources = found
    return found + (_off(c, a) if sources else [])


def _off(c, a):
    """Return the reason of a local APIC that takes no fixed interrupts."""
    if not c.apic_base & APICBASE.EN:
        return [Reason("apic_disabled", "the local APIC is disabled (IA32_APIC_BASE bit 11 is 0): it takes no message", APIC_CHAPTER)]
    if not a.svr & SVR.ENABLE:
        return [Reason("apic_software_disabled", "the local APIC is disabled by software (SVR bit 8 is 0): it accepts no fixed interrupt, "
                       "and its LVT entries stay masked", APIC_CHAPTER)]
    return []


def _nowhere(text):
    return Reason("not_requested", f"not requested anywhere: {text}", APIC_CHAPTER)


def _has(bits, vector):
    return bool(bits[vector >> 6] >> U64(vector & 63) & 1)


# ---- requested, but lower in priority -------------------------------------------------------------------------------
def _held(c, a, vector):
    """Return the reasons of the local APIC against a vector in IRR."""
    found, level = [], vector >> 4
    service, first, priority = int(apic.highest(a.isr)), int(apic.highest(a.irr)), host(a).tpr
    if priority >> 4 >= level:
        found.append(Reason("tpr", f"the task priority is {priority:#x}: class {priority >> 4} holds back class {level} and below",
                            PRIORITY))
    if service != ALL_ONES and service >> 4 >= level:
        found.append(Reason("isr", f"vector {service:#x} is in service (no EOI yet): its class {service >> 4} holds back class {level} "
                            "and below", PRIORITY))
    if first > vector and first >> 4 > int(apic.ppr(a)) >> 4:
        found.append(Reason("irr", f"vector {first:#x} is requested too, and goes first", PRIORITY))
    if not c.apic_base & APICBASE.EN:
        found.append(Reason("apic_disabled", "the local APIC is disabled (IA32_APIC_BASE bit 11 is 0)", APIC_CHAPTER))
    elif apic.pending(c) == PENDING.EXTINT:
        found.append(Reason("extint", "the 8259 pair asks as well, and goes first", APIC_CHAPTER))
    return found


# ---- what blocks an interrupt in the processor ----------------------------------------------------------------------
def _shadow(c):
    """Return the blocking by STI or MOV SS in words, "" for none."""
    if c.interruptibility & BLOCKING.MOV_SS:
        return "MOV SS or POP SS"
    if c.interruptibility & BLOCKING.STI or env_of(c.env)[0].hflags & HFLAGS.INHIBIT:
        return "STI"
    return ""


def _states(c):
    """Return the reasons of the activity state and of an event in delivery."""
    found = []
    if c.activity == ACTIVITY.WAIT_SIPI:
        found.append(Reason("wait_sipi", "the processor waits for a start-up interrupt, and takes nothing else",
                            'SDM 3A, "MP Initialization Protocol Algorithm"'))
    if c.activity == ACTIVITY.SHUTDOWN:
        found.append(Reason("shutdown", "the processor is shut down", 'SDM 3A, "Interrupt 8: Double Fault Exception (#DF)"'))
    if c.vectoring & INTR.VALID and c.vectoring_source == INJECTED:
        found.append(Reason("entry", f"VM entry is delivering {_event(host(c).vectoring)}: that comes first", INJECTION))
    return found


def _event(info):
    kind, vector = name_of(EVENT, (info & INTR.TYPE) >> 8), info & INTR.VECTOR
    return f"{text_of(EVENT, kind)}, vector {vector:#x}" if not kind.startswith("0x") else f"an event of reserved type, vector {vector:#x}"


def _processor(c):
    """Return the reasons of the processor against an external interrupt that its APIC or the 8259 pair offers."""
    found, shadow = _states(c), _shadow(c)
    exits = c.vmx_mode == MODE.NONROOT and c.pin & PIN.EXTERNAL_INTERRUPT
    if shadow:
        found.append(Reason("shadow", f"{shadow} blocks interrupts until the next instruction is over", SHADOW))
    if exits:
        found.append(Reason("exits", "external-interrupt exiting is 1 (PIN_BASED_CONTROLS bit 0): it causes a VM exit with reason 1 "
                            "instead, whatever RFLAGS.IF is", OTHER_EXITS))
    elif not rflags(env_of(c.env)[0]) & RFLAGS.IF:
        whose = {MODE.ROOT: " of the hypervisor", MODE.NONROOT: " of the guest"}.get(c.vmx_mode, "")
        found.append(Reason("if", f"RFLAGS.IF{whose} is 0", MASKING))
    elif c.vmx_mode == MODE.NONROOT and c.proc & PROC.INTERRUPT_WINDOW and not shadow:
        found.append(Reason("window", "interrupt-window exiting is 1 (PRIMARY_CONTROLS bit 2): the exit with reason 7 comes first",
                            OTHER_EXITS))
    return found


def _nmi(c):
    """Return the reasons against a pending NMI."""
    found, shadow, nonroot = _states(c), _shadow(c), c.vmx_mode == MODE.NONROOT
    if c.interruptibility & BLOCKING.NMI:
        found.append(Reason("nmi_blocking", "NMIs are blocked until the next IRET: one is being handled",
                            'SDM 3A, "Handling Multiple NMIs"'))
    exits = nonroot and c.pin & PIN.NMI
    if shadow and not (exits and shadow == "STI"):
        found.append(Reason("shadow", f"{shadow} blocks NMIs until the next instruction is over", SHADOW))
    if exits:
        found.append(Reason("exits", "NMI exiting is 1 (PIN_BASED_CONTROLS bit 3): it causes a VM exit with reason 0 instead", OTHER_EXITS))
    return found


# ---- injection by a hypervisor --------------------------------------------------------------------------------------
def _injection(c, vector):
    """Return the reasons why an event that the current VMCS asks VM entry to inject is not delivered yet."""
    if c.vmcs_pointer == ALL_ONES or c.vmx_mode == MODE.NONROOT:
        return []
    info = View.of(c).entry_interruption_info
    if not info & INTR.VALID or info & INTR.VECTOR != vector:
        return []
    text = f"VM entry is to inject {_event(info)} (ENTRY_INTERRUPTION_INFO = {info:#x}), and has not happened"
    found = [Reason("injection", text, INJECTION)]
    for check in checks.failing(c):
        if "ENTRY_INTERRUPTION_INFO" in check.fields:
            found.append(Reason(check.id, f"VM entry would refuse it: {check.rule}", check.section))
    return found


# ---- not requested: where it could come from ------------------------------------------------------------------------
def _local(c, a, vector):
    """Return what the LVT entries set up for a vector say."""
    found = []
    for name, number in zip(ENTRY._fields, ENTRY, strict=True):
        entry = a.lvt[number]
        if entry & LVT.VECTOR != vector or (name != "TIMER" and get(entry, LVT.MODE) != DELIVERY.FIXED):
            continue
        if entry & LVT.MASKED:
            found.append(Reason("lvt_masked", f"LVT entry {name} is set up for it and masked (bit 16)", LVT_TABLE))
        elif name == "TIMER":
            when = apic_timer.next_deadline(c)
            text = "is not running" if when == ALL_ONES else f"fires at cycle {int(when):,}, the processor is at {host(c).cycles:,}"
            found.append(Reason("timer", f"the local APIC timer, set up for it, {text}", 'SDM 3A, "APIC Timer"'))
        elif entry & LVT.REMOTE_IRR:
            found.append(Reason("lvt_remote_irr", f"LVT entry {name} awaits the EOI of an earlier one (remote IRR)", LVT_TABLE))
        else:
            found.append(Reason("lvt_idle", f"LVT entry {name} is set up for it, and its source is quiet", LVT_TABLE))
    return found


def _device(pin):
    """Return the name of the device at a pin of the I/O APIC."""
    names = [name for name, number in zip(IRQ._fields, IRQ, strict=True) if isa_pin(int(number)) == pin and name != "CASCADE"]
    return f" ({names[0]})" if names else ""


def _pins(machine, c, vector):
    """Return what the I/O APIC pins set up for a vector say."""
    found, r = [], machine.board.ioapic
    lines = host(r).lines
    for pin, e in enumerate(r.entry):
        if get(e, REDIRECT.VECTOR) != vector or get(e, REDIRECT.MODE) not in (DELIVERY.FIXED, DELIVERY.LOWEST):
            continue
        active = (lines >> pin & 1) != get(e, REDIRECT.POLARITY)
        line = "its line is active" if active else "its line is not active"
        where = f"I/O APIC pin {pin}{_device(pin)}"
        target, logical = U64(message.widen(U64(get(e, REDIRECT.DESTINATION)))), bool(e & REDIRECT.LOGICAL)
        if e & REDIRECT.MASKED:
            found.append(Reason("ioapic_masked", f"{where} is set up for it and masked (bit 16); {line}", IOAPIC))
        elif not message.matches(c, target, logical):
            whom = [other.id for other in machine.cpu if message.matches(other, target, logical)]
            reached = f"is processor {', '.join(map(str, whom))}" if whom else "no processor has"
            found.append(Reason("destination", f"{where} sends it to {'logical' if logical else 'physical'} destination {target:#x}, "
                                f"which {reached}", 'SDM 3A, "Determining IPI Destination"'))
        elif e & REDIRECT.LEVEL and e & REDIRECT.REMOTE_IRR:
            found.append(Reason("remote_irr", f"{where} awaits the EOI of an earlier one (remote IRR is 1); {line}", IOAPIC))
        elif not active:
            found.append(Reason("line", f"{where} is set up for it, and {line}: the device does not ask", IOAPIC))
        else:
            found.append(Reason("edge", f"{where} is set up for it; {line}, but its edge came before: it was sent, or lost while masked",
                                IOAPIC))
    return found


def _extint_vector(machine, c):
    """Return the vector that the 8259 pair would give this processor now, or None."""
    if apic.pending(c) != PENDING.EXTINT:
        return None
    chip, line = 0, int(pic._candidate(machine.board.pic, U64(0)))
    if line == 2:
        chip, line = 1, int(pic._candidate(machine.board.pic, U64(1)))
    return host(machine.board.pic).vector[chip] + (line if line < 8 else 7)


def _lines(machine, c, a, vector):
    """Return what the 8259 pair says of a vector of its own."""
    p, found = host(machine.board.pic), []
    for chip in (0, 1):
        line = vector - p.vector[chip]
        if not 0 <= line < 8 or p.vector[chip] < LOWEST_VECTOR:
            continue
        number, bit = line + 8 * chip, 1 << line
        where = f"line {number}{_device(isa_pin(number))} of the 8259 pair"
        asks, service = p.irr[chip] & bit, p.isr[chip] or chip and p.isr[0]
        if p.imr[chip] & bit:
            found.append(Reason("pic_masked", f"{where} is masked; it is {'' if asks else 'not '}requested", PIC8259))
        elif not asks:
            found.append(Reason("line", f"{where} is not requested", PIC8259))
        elif chip and p.imr[0] & 4:
            found.append(Reason("pic_cascade", f"{where} is requested, but line 2 of the first 8259 is masked", PIC8259))
        elif service:
            found.append(Reason("pic_service", f"{where} is requested; lines in service (no EOI yet): {service:#04x}", PIC8259))
        else:
            found.append(_reach(c, a, where))
    return found


def _reach(c, a, where):
    """Return why a request of the 8259 pair does not reach this processor: LINT0, or another line goes first."""
    lint = a.lvt[ENTRY.LINT0]
    if c.apic_base & APICBASE.EN and lint & LVT.MASKED:
        return Reason("lint0_masked", f"{where} is requested, but LVT entry LINT0 is masked", LVT_TABLE)
    if c.apic_base & APICBASE.EN and get(lint, LVT.MODE) != DELIVERY.EXTINT:
        return Reason("lint0_mode", f"{where} is requested, but LVT entry LINT0 is not in ExtINT mode", LVT_TABLE)
    return Reason("pic_priority", f"{where} is requested, and a line of higher priority goes first", PIC8259)


def _elsewhere(machine, processor, vector):
    """Return at which other processors a vector is requested."""
    others = [n for n, unit in enumerate(machine.processors) if n != processor and _has(unit.apic[0].irr, vector)]
    return [Reason("other", f"it is requested at processor {', '.join(map(str, others))}, not at this one", APIC_CHAPTER)] if others else []
