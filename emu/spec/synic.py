"""The synthetic interrupt controller and its timers; messages and where they wait.

Source: Hypervisor Top Level Functional Specification 6.0b and its current online text, "Inter-Partition Communication", "Timers".
"""
from emu.bits import codes, layout

SCONTROL = layout("SCONTROL", 64, 'TLFS, "SCONTROL Register"', ENABLE=(0, 0, "this VP's SynIC is on"))

SINT = layout("SINT", 64, 'TLFS, "SINTx Registers"',
    VECTOR=(7, 0, "interrupt vector"), MASKED=(16, 16, "no interrupt"), AUTO_EOI=(17, 17, "delivery is its own end of interrupt"),
    POLLING=(18, 18, "the guest looks by itself"))
SINTS = codes("SINTS", 'TLFS, "SINTx Registers"', COUNT=(16, "sources of a VP"), RESET=(0x1_0000, "masked"))

STIMER = layout("STIMER", 64, 'TLFS, "Synthetic Timer Configuration Register"',
    ENABLE=(0, 0, "runs"), PERIODIC=(1, 1, "again and again"), LAZY=(2, 2, "late periods may be left out"),
    AUTO_ENABLE=(3, 3, "a count enables"), VECTOR=(11, 4, "vector of direct mode"), DIRECT=(12, 12, "an interrupt, no message"),
    RESERVED=(15, 13, "must be zero"), SINT=(19, 16, "where the message goes"))
STIMERS = codes("STIMERS", 'TLFS, "Synthetic Timers"', COUNT=(4, "timers of a VP"))

HVMESSAGE = codes("HVMESSAGE", 'TLFS, "HV_MESSAGE_TYPE"',
    NONE=(0, "the slot is empty"), UNMAPPED_GPA=(0x8000_0000, "access to memory that is not mapped"),
    GPA_INTERCEPT=(0x8000_0001, "access to memory without the right"), TIMER_EXPIRED=(0x8000_0010, "a synthetic timer"),
    INVALID_REGISTER=(0x8000_0020, "the VP cannot be entered with its registers"), UNRECOVERABLE=(0x8000_0021, "triple fault"),
    UNSUPPORTED=(0x8000_0022, "something that is not virtualized"), IO_INTERCEPT=(0x8001_0000, "I/O port"),
    MSR_INTERCEPT=(0x8001_0001, "MSR"), CPUID_INTERCEPT=(0x8001_0002, "CPUID"), EXCEPTION_INTERCEPT=(0x8001_0003, "exception"),
    APIC_EOI=(0x8001_0004, "end of a level-triggered interrupt"))

HVSLOT = layout("HVSLOT", 64, 'TLFS, "HV_MESSAGE_HEADER"',
    TYPE=(31, 0, "HVMESSAGE"), SIZE=(39, 32, "bytes of payload"), PENDING=(40, 40, "more wait: write EOM when this one is read"))
SLOTS = codes("SLOTS", 'TLFS, "HV_MESSAGE", "SIEF Page"', BYTES=(256, "a slot"), PAYLOAD=(240, "most bytes of payload"),
              ORIGIN=(8, "offset of the sender"), DATA=(16, "offset of the payload"), FLAGS=(2048, "event flags of a SINT"))

CRASH = layout("CRASH", 64, 'TLFS, "Guest Crash Enlightenment"',
    NO_DUMP=(61, 61, "no dump will be written"), MESSAGE=(62, 62, "P3 and P4 are address and size of a text"), NOTIFY=(63, 63, "the guest has crashed"))
