"""Local APIC and I/O APIC: registers, local vector table, interrupt command, delivery modes."""
from emu.bits import codes, layout, registers

APIC_REGISTER_BYTES = 16                                        # from one register of a local APIC to the next, in memory

APICBASE = layout("APICBASE", 64, 'SDM 3A, "Local APIC Status and Location"',
    BSP=(8, 8, "bootstrap processor"), EXTD=(10, 10, "x2APIC mode"), EN=(11, 11, "global enable"),
    BASE=(51, 12, "physical address of the register page"))

LVT = layout("LVT", 32, 'SDM 3A, "Local Vector Table"',
    VECTOR=(7, 0, "interrupt vector"), MODE=(10, 8, "DELIVERY mode"), STATUS=(12, 12, "send pending, read-only"),
    POLARITY=(13, 13, "LINT pins: 1 = active low"), REMOTE_IRR=(14, 14, "LINT pins: accepted, awaits EOI, read-only"),
    LEVEL=(15, 15, "LINT pins: level-triggered"), MASKED=(16, 16, "delivery inhibited"),
    TIMER=(18, 17, "TIMER mode"))

TIMER = codes("TIMER", 'SDM 3A, "APIC Timer"',
    ONE_SHOT=(0, "counts down once"), PERIODIC=(1, "reloads the initial count"), TSC_DEADLINE=(2, "IA32_TSC_DEADLINE"),
    RESERVED=(3, "reserved"))

DELIVERY = codes("DELIVERY", 'SDM 3A, "Interrupt Command Register (ICR)"; "Local Vector Table"',
    FIXED=(0, "vector to every target"), LOWEST=(1, "vector to the target of lowest priority"), SMI=(2, "system management"),
    RESERVED=(3, "reserved"), NMI=(4, "non-maskable interrupt"), INIT=(5, "INIT request"), SIPI=(6, "start-up"),
    EXTINT=(7, "vector comes from the 8259 pair"))

SHORTHAND = codes("SHORTHAND", 'SDM 3A, "Interrupt Command Register (ICR)"',
    NONE=(0, "destination field"), SELF=(1, "self"), ALL=(2, "all including self"), OTHERS=(3, "all excluding self"))

ICR = layout("ICR", 64, 'SDM 3A, "Interrupt Command Register (ICR)"',
    VECTOR=(7, 0, "interrupt vector"), MODE=(10, 8, "DELIVERY mode"), LOGICAL=(11, 11, "logical destination"),
    STATUS=(12, 12, "send pending, read-only; reserved in x2APIC mode"), ASSERT=(14, 14, "level: assert"),
    LEVEL=(15, 15, "trigger mode: level"), SHORTHAND=(19, 18, "SHORTHAND"), DESTINATION=(63, 32, "x2APIC destination"))

SVR = layout("SVR", 32, 'SDM 3A, "Spurious Interrupt"',
    VECTOR=(7, 0, "spurious vector"), ENABLE=(8, 8, "APIC software enable"), FOCUS=(9, 9, "focus checking off; no effect"),
    SUPPRESS=(12, 12, "EOI-broadcast suppression"))

ESR = layout("ESR", 32, 'SDM 3A, "Error Handling"',
    REDIRECTABLE=(4, 4, "redirectable IPI"), SEND_ILLEGAL=(5, 5, "send illegal vector"),
    RECEIVE_ILLEGAL=(6, 6, "receive illegal vector"), REGISTER=(7, 7, "illegal register address"))

REDIRECT = layout("REDIRECT", 64, 'Intel 82093AA data sheet, "I/O Redirection Table Registers"',
    VECTOR=(7, 0, "interrupt vector"), MODE=(10, 8, "DELIVERY mode"), LOGICAL=(11, 11, "logical destination"),
    STATUS=(12, 12, "send pending, read-only"), POLARITY=(13, 13, "1 = active low"),
    REMOTE_IRR=(14, 14, "accepted, awaits EOI, read-only"), LEVEL=(15, 15, "level-triggered"),
    MASKED=(16, 16, "masked"), DESTINATION=(63, 56, "destination"))

# Bits that a write may change.
_lvt = LVT.VECTOR | LVT.MASKED
_lvt_timer, _lvt_mode = _lvt | LVT.TIMER, _lvt | LVT.MODE
_lvt_pin = _lvt_mode | LVT.POLARITY | LVT.LEVEL
_svr = SVR.VECTOR | SVR.ENABLE | SVR.FOCUS | SVR.SUPPRESS
_icr = ICR.VECTOR | ICR.MODE | ICR.LOGICAL | ICR.ASSERT | ICR.LEVEL | ICR.SHORTHAND
_redirect = REDIRECT.VECTOR | REDIRECT.MODE | REDIRECT.LOGICAL | REDIRECT.POLARITY | REDIRECT.LEVEL | REDIRECT.MASKED

# Version: integrated APIC 0x15, seven LVT entries, EOI-broadcast suppression supported.
APIC = registers("APIC", 'SDM 3A, "Local APIC Register Address Map"; numbers are offset / 16 and MSR - 0x800',
    #               number  reset       writable      text
    ID=             (0x02,  0,          0,            "local APIC ID"),
    VERSION=        (0x03,  0x01060015, 0,            "version"),
    TPR=            (0x08,  0,          0xFF,         "task priority"),
    APR=            (0x09,  0,          0,            "arbitration priority"),
    PPR=            (0x0A,  0,          0,            "processor priority"),
    EOI=            (0x0B,  0,          0,            "end of interrupt, write-only"),
    RRD=            (0x0C,  0,          0,            "remote read, reads 0"),
    LDR=            (0x0D,  0,          0xFF00_0000,  "logical destination"),
    DFR=            (0x0E,  0xFFFFFFFF, 0xF000_0000,  "destination format"),
    SVR=            (0x0F,  SVR.VECTOR, _svr,         "spurious interrupt vector"),
    ISR=            (0x10,  0,          0,            "in-service, 8 registers"),
    TMR=            (0x18,  0,          0,            "trigger mode, 8 registers"),
    IRR=            (0x20,  0,          0,            "interrupt request, 8 registers"),
    ESR=            (0x28,  0,          0,            "error status"),
    LVT_CMCI=       (0x2F,  LVT.MASKED, _lvt_mode,    "corrected machine-check interrupt"),
    ICR=            (0x30,  0,          _icr,         "interrupt command, low half (all 64 bits in x2APIC mode)"),
    ICR_HIGH=       (0x31,  0,          0xFF00_0000,  "interrupt command, high half"),
    LVT_TIMER=      (0x32,  LVT.MASKED, _lvt_timer,   "timer"),
    LVT_THERMAL=    (0x33,  LVT.MASKED, _lvt_mode,    "thermal sensor"),
    LVT_PERF=       (0x34,  LVT.MASKED, _lvt_mode,    "performance counters"),
    LVT_LINT0=      (0x35,  LVT.MASKED, _lvt_pin,     "pin LINT0"),
    LVT_LINT1=      (0x36,  LVT.MASKED, _lvt_pin,     "pin LINT1"),
    LVT_ERROR=      (0x37,  LVT.MASKED, _lvt,         "error"),
    INITIAL_COUNT=  (0x38,  0,          0xFFFF_FFFF,  "timer initial count"),
    CURRENT_COUNT=  (0x39,  0,          0,            "timer current count"),
    DIVIDE=         (0x3E,  0,          0xB,          "timer divide configuration"),
    SELF_IPI=       (0x3F,  0,          0xFF,         "self IPI, x2APIC mode only"))

X2APIC = codes("X2APIC", 'SDM 3A, "x2APIC Register Address Space"',
    FIRST=(0x800, "MSR of register 0"), LAST=(0x8FF, "last MSR of the range"))

# Index into LOCAL_APIC.lvt: register - 0x32, and 6 for CMCI.
ENTRY = codes("ENTRY", "ours: LOCAL_APIC.lvt",
    TIMER=(0, "timer"), THERMAL=(1, "thermal sensor"), PERF=(2, "performance counters"), LINT0=(3, "LINT0"),
    LINT1=(4, "LINT1"), ERROR=(5, "error"), CMCI=(6, "corrected machine check"))

PENDING = codes("PENDING", "ours: apic.pending",
    NONE=(0xFFFF_FFFF_FFFF_FFFF, "nothing is deliverable"), EXTINT=(0x100, "the 8259 pair asks; acknowledge gets the vector"))

IOAPIC = registers("IOAPIC", 'Intel 82093AA data sheet, "I/O APIC Registers"; version 0x20: EOI register',
    #            number  reset            writable     text
    ID=          (0x00,  0,               0x0F00_0000, "I/O APIC ID"),
    VERSION=     (0x01,  0x00170020,      0,           "version, 24 entries"),
    ARBITRATION= (0x02,  0,               0,           "arbitration ID"),
    REDIRECTION= (0x10,  REDIRECT.MASKED, _redirect,   "redirection table, two registers a pin"))

IOWINDOW = codes("IOWINDOW", 'Intel 82093AA data sheet, "Memory Mapped Registers"; ICH9 data sheet, "EOIR"',
    SELECT=(0x00, "register select"), DATA=(0x10, "window"), EOI=(0x40, "EOI register"))
