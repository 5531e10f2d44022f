"""Trace events: what a trace records and a debugger can stop at, and the code that its conditions become.  All of it is ours."""
from emu.bits import codes

HAPPENING = codes("HAPPENING", "ours: the kind of a row of the ring",
    EXIT=(1, "VM exit, a failed entry that loads host state included"), ENTRY=(2, "VM entry"),
    FAILURE=(3, "VMX instruction that failed: VMfail, or a VM entry that ended as an exit"),
    DELIVERY=(4, "event delivered through the IDT"), MSR=(5, "RDMSR or WRMSR carried out"),
    PORT=(6, "IN, OUT, INS, OUTS carried out"), MODE=(7, "change of the paging mode by MOV to CR or LMSW"),
    INSTRUCTION=(8, "an instruction about to be executed where a debugger's point with a condition stands: never in the ring"))
NO_LIST = 0                                               # the key of programs that are asked where such a point stands

# Words of a row after cycle, head and RIP; head: kind 7:0, processor 15:8, world 16, partition 63:32.
ROW_WORDS = 8
CYCLE, HEAD, RIP, VMCS_POINTER, FIRST, SECOND, THIRD, FOURTH = range(ROW_WORDS)

ACTION = codes("ACTION", "ours: what a trace event that a program accepts leads to; 0: a free place",
    STOP=(1, "the machine stops at the next boundary"), KEEP=(2, "the row stays in the ring"))

OP = codes("OP", "ours: a condition, as words for a stack machine",
    END=(0, "the top of the stack is the answer"), CONST=(1, "push the next word"),
    WORD=(2, "push bits of a word of the row: index 15:8, shift 23:16, width 31:24"), REGISTER=(3, "push a general register: index 15:8"),
    NOT=(4, "1 when the top is 0, else 0"), AND=(5, "logical"), OR=(6, "logical"), EQ=(7, "a == b"), NE=(8, "a != b"), LT=(9, "a < b, unsigned"),
    LE=(10, "a <= b"), GT=(11, "a > b"), GE=(12, "a >= b"), BIT_AND=(13, "a & b"), BIT_OR=(14, "a | b"), XOR=(15, "a ^ b"),
    ADD=(16, "a + b, 64 bits"), SUB=(17, "a - b, 64 bits"), SHL=(18, "a << b, 0 from 64 on"), SHR=(19, "a >> b, 0 from 64 on"))

PAGING_MODE = codes("PAGING_MODE", 'SDM 3A, "Paging Modes and Control Bits", and real-address mode',
    REAL=(0, "real-address mode"), PROTECTED=(1, "protected mode without paging"), PAGING_32=(2, "32-bit paging"), PAE=(3, "PAE paging"),
    LEVEL_4=(4, "4-level paging"), LEVEL_5=(5, "5-level paging"))
