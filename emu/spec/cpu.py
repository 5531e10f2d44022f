"""Processor registers and exceptions: CR0, CR4, EFER, RFLAGS, DR6, DR7, descriptors, vectors."""
from emu.bits import LOW_16, U64, codes, details, every, layout, registers, sets, shift_of, value_of

GPR = codes("GPR", 'SDM 2A, "REX Prefixes"',
    RAX=(0, "accumulator"), RCX=(1, "count"), RDX=(2, "data"), RBX=(3, "base"), RSP=(4, "stack pointer"),
    RBP=(5, "frame pointer"), RSI=(6, "source index"), RDI=(7, "destination index"), R8=(8, "r8"), R9=(9, "r9"),
    R10=(10, "r10"), R11=(11, "r11"), R12=(12, "r12"), R13=(13, "r13"), R14=(14, "r14"), R15=(15, "r15"))

SEG = codes("SEG", 'SDM 2B, "MOV" (Sreg encoding); LDTR and up are ours',
    ES=(0, "ES"), CS=(1, "CS"), SS=(2, "SS"), DS=(3, "DS"), FS=(4, "FS"), GS=(5, "GS"),
    LDTR=(6, "local descriptor table"), TR=(7, "task register"), GDTR=(8, "global descriptor table"),
    IDTR=(9, "interrupt descriptor table"))

RFLAGS = layout("RFLAGS", 64, 'SDM 1, "EFLAGS Register"',
    CF=(0, 0, "carry"), ONE=(1, 1, "always 1"), PF=(2, 2, "parity"), AF=(4, 4, "auxiliary carry"), ZF=(6, 6, "zero"),
    SF=(7, 7, "sign"), TF=(8, 8, "trap"), IF=(9, 9, "interrupt enable"), DF=(10, 10, "direction"),
    OF=(11, 11, "overflow"), IOPL=(13, 12, "I/O privilege level"), NT=(14, 14, "nested task"), RF=(16, 16, "resume"),
    VM=(17, 17, "virtual-8086 mode"), AC=(18, 18, "alignment check / access control"),
    VIF=(19, 19, "virtual interrupt"), VIP=(20, 20, "virtual interrupt pending"), ID=(21, 21, "CPUID usable"))

CR0 = layout("CR0", 64, 'SDM 3A, "Control Registers"',
    PE=(0, 0, "protection enable"), MP=(1, 1, "monitor coprocessor"), EM=(2, 2, "emulation"), TS=(3, 3, "task switched"),
    ET=(4, 4, "extension type, always 1"), NE=(5, 5, "numeric error"), WP=(16, 16, "write protect"),
    AM=(18, 18, "alignment mask"), NW=(29, 29, "not write-through"), CD=(30, 30, "cache disable"),
    PG=(31, 31, "paging"))

CR4 = layout("CR4", 64, 'SDM 3A, "Control Registers"',
    VME=(0, 0, "virtual-8086 extensions"), PVI=(1, 1, "protected-mode virtual interrupts"), TSD=(2, 2, "time stamp disable"),
    DE=(3, 3, "debugging extensions"), PSE=(4, 4, "page size extensions"), PAE=(5, 5, "physical address extension"),
    MCE=(6, 6, "machine-check enable"), PGE=(7, 7, "page global enable"), PCE=(8, 8, "performance counter enable"),
    OSFXSR=(9, 9, "FXSAVE and SSE enable"), OSXMMEXCPT=(10, 10, "SIMD exceptions enable"),
    UMIP=(11, 11, "user-mode instruction prevention"), LA57=(12, 12, "57-bit linear addresses"),
    VMXE=(13, 13, "VMX enable"), SMXE=(14, 14, "SMX enable"), FSGSBASE=(16, 16, "RDFSBASE and friends enable"),
    PCIDE=(17, 17, "process-context identifiers"), OSXSAVE=(18, 18, "XSAVE enable"), KL=(19, 19, "key locker"),
    SMEP=(20, 20, "supervisor-mode execution prevention"), SMAP=(21, 21, "supervisor-mode access prevention"),
    PKE=(22, 22, "protection keys for user pages"), CET=(23, 23, "control-flow enforcement"),
    PKS=(24, 24, "protection keys for supervisor pages"))

EFER = layout("EFER", 64, 'SDM 3A, "IA32_EFER"',
    SCE=(0, 0, "SYSCALL enable"), LME=(8, 8, "long mode enable"), LMA=(10, 10, "long mode active"),
    NXE=(11, 11, "execute disable enable"))

MXCSR = layout("MXCSR", 32, 'SDM 1, "MXCSR Control and Status Register"',
    IE=(0, 0, "invalid operation"), DE=(1, 1, "denormal operand"), ZE=(2, 2, "divide by zero"), OE=(3, 3, "overflow"),
    UE=(4, 4, "underflow"), PE=(5, 5, "precision"), DAZ=(6, 6, "denormals are zeros"), IM=(7, 7, "invalid operation masked"),
    DM=(8, 8, "denormal operand masked"), ZM=(9, 9, "divide by zero masked"), OM=(10, 10, "overflow masked"),
    UM=(11, 11, "underflow masked"), PM=(12, 12, "precision masked"), RC=(14, 13, "rounding control"), FZ=(15, 15, "flush to zero"))

DR6 = layout("DR6", 64, 'SDM 3B, "Debug Status Register (DR6)"',
    B0=(0, 0, "breakpoint 0"), B1=(1, 1, "breakpoint 1"), B2=(2, 2, "breakpoint 2"), B3=(3, 3, "breakpoint 3"),
    BLD=(11, 11, "bus lock, 0 = detected"), BD=(13, 13, "debug register access"), BS=(14, 14, "single step"),
    BT=(15, 15, "task switch"), RTM=(16, 16, "restricted transactional memory, 0 = inside"))

DR7 = layout("DR7", 64, 'SDM 3B, "Debug Control Register (DR7)"',
    L0=(0, 0, "local 0"), G0=(1, 1, "global 0"), L1=(2, 2, "local 1"), G1=(3, 3, "global 1"), L2=(4, 4, "local 2"),
    G2=(5, 5, "global 2"), L3=(6, 6, "local 3"), G3=(7, 7, "global 3"), LE=(8, 8, "local exact"), GE=(9, 9, "global exact"),
    ONE=(10, 10, "always 1"), RTM=(11, 11, "RTM debugging"), GD=(13, 13, "general detect"),
    RW0=(17, 16, "condition 0"), LEN0=(19, 18, "length 0"), RW1=(21, 20, "condition 1"), LEN1=(23, 22, "length 1"),
    RW2=(25, 24, "condition 2"), LEN2=(27, 26, "length 2"), RW3=(29, 28, "condition 3"), LEN3=(31, 30, "length 3"))

# The fields of breakpoint n are those of breakpoint 0, so many bits further for each.
DR7_ENABLES_STEP, DR7_STEP = (U64(shift_of(one) - shift_of(zero)) for zero, one in ((DR7.L0, DR7.L1), (DR7.RW0, DR7.RW1)))
DR7_ENABLES = DR7.L0 | DR7.G0 | DR7.L1 | DR7.G1 | DR7.L2 | DR7.G2 | DR7.L3 | DR7.G3

# Bits that no write changes are 1 as at reset, or 0.
DEBUGREG = registers("DEBUGREG", 'SDM 3B, "Debug Registers"; SDM 3A, "Processor States Following Power-up, Reset, or INIT"',
    DR6=(6, 0xFFFF_0FF0, DR6.B0 | DR6.B1 | DR6.B2 | DR6.B3 | DR6.BD | DR6.BS | DR6.BT, "debug status"),
    DR7=(7, DR7.ONE, every(DR7) & ~int(DR7.ONE | DR7.RTM), "debug control"))
DR6_RESET, DR7_RESET = (U64(row.reset) for row in details(DEBUGREG).rows.values())
DR6_ZERO = U64(1 << 12)                          # of the low half; the other bits without a name are 1, as in DR6_RESET

POWER_UP = codes("POWER_UP", 'SDM 3A, "Processor States Following Power-up, Reset, or INIT"',
    CS=(0xF000, "selector of CS"), CS_BASE=(0xFFFF_0000, "base of CS"), RIP=(0xFFF0, "RIP"),
    LIMIT=(0xFFFF, "limit of all segments and tables"), FCW=(0x40, "x87 control word"), XCR0=(1, "XCR0"), RFLAGS=(2, "RFLAGS"),
    MXCSR=(int(MXCSR.IM | MXCSR.DM | MXCSR.ZM | MXCSR.OM | MXCSR.UM | MXCSR.PM), "MXCSR: all masked"))

FCW_INIT = U64(0x37F)                            # x87 control word after FNINIT (SDM 2A, "FINIT/FNINIT")
# What is not reserved.
RFLAGS_KNOWN, CR0_KNOWN, EFER_KNOWN, MXCSR_KNOWN = every(RFLAGS), every(CR0), every(EFER), every(MXCSR)

VECTOR = codes("VECTOR", 'SDM 3A, "Exception and Interrupt Vectors"',
    DE=(0, "divide error"), DB=(1, "debug"), NMI=(2, "non-maskable interrupt"), BP=(3, "breakpoint"), OF=(4, "overflow"),
    BR=(5, "bound range exceeded"), UD=(6, "invalid opcode"), NM=(7, "device not available"), DF=(8, "double fault"),
    TS=(10, "invalid TSS"), NP=(11, "segment not present"), SS=(12, "stack fault"), GP=(13, "general protection"),
    PF=(14, "page fault"), MF=(16, "x87 error"), AC=(17, "alignment check"), MC=(18, "machine check"),
    XM=(19, "SIMD error"), VE=(20, "virtualization exception"), CP=(21, "control protection"))

VECTORS = sets("VECTORS", VECTOR, 'SDM 3A, "Exception and Interrupt Vectors"; SDM 3C, "VM-Entry Interruption-Information Field"',
    ERROR=("DF TS NP SS GP PF AC CP", "pushes an error code"),
    # The check of VM-entry controls lists #CP only for processors with CET, which this one does not have.
    INJECTED_ERROR=("DF TS NP SS GP PF AC", "a VM entry that injects it has to give an error code"),
    CONTRIBUTORY=("DE TS NP SS GP CP", "with another of these, or after a page fault, it makes a double fault"))

# The second word of a segment descriptor, as in word 2 (63:32) of ENV.seg.
DESCRIPTOR = layout("DESCRIPTOR", 32, 'SDM 3A, "Segment Descriptors" (second doubleword)',
    BASE_23_16=(7, 0, "base 23:16"), TYPE=(11, 8, "type"), S=(12, 12, "1 = code or data"), DPL=(14, 13, "privilege level"),
    P=(15, 15, "present"), LIMIT_19_16=(19, 16, "limit 19:16"), AVL=(20, 20, "available to software"),
    L=(21, 21, "64-bit code"), DB=(22, 22, "default operation size"), G=(23, 23, "granularity"),
    BASE_31_24=(31, 24, "base 31:24"))

SEGTYPE = codes("SEGTYPE", 'SDM 3A, "Code- and Data-Segment Descriptor Types" (DESCRIPTOR.S = 1)',
    DATA=(3, "data, writable, accessed"), DATA_DOWN=(7, "the same, expanding down"),
    CODE_UNREADABLE=(9, "code, accessed"), CODE=(11, "code, readable, accessed"),
    CONFORMING_UNREADABLE=(13, "conforming code, accessed"), CONFORMING=(15, "conforming code, readable, accessed"))
SYSTYPE = codes("SYSTYPE", 'SDM 3A, "System Descriptor Types" (DESCRIPTOR.S = 0)',
    TSS_16=(1, "16-bit TSS, available"), LDT=(2, "LDT"), BUSY_TSS_16=(3, "16-bit TSS, busy"), CALL_GATE_16=(4, "16-bit call gate"),
    TASK_GATE=(5, "task gate"), INTERRUPT_GATE_16=(6, "16-bit interrupt gate"), TRAP_GATE_16=(7, "16-bit trap gate"),
    TSS=(9, "32-bit or 64-bit TSS, available"), BUSY_TSS=(11, "32-bit or 64-bit TSS, busy"),
    # The 32-bit and 64-bit ones; which of them, the mode says.
    CALL_GATE=(12, "call gate"), INTERRUPT_GATE=(14, "interrupt gate"), TRAP_GATE=(15, "trap gate"))
IDTGATE = sets("IDTGATE", SYSTYPE, 'SDM 3A, "IDT Descriptors", "64-Bit Mode IDT"',
    PROTECTED=("TASK_GATE INTERRUPT_GATE_16 TRAP_GATE_16 INTERRUPT_GATE TRAP_GATE", "what an IDT of protected mode may hold"),
    LONG=("INTERRUPT_GATE TRAP_GATE", "what an IDT of IA-32e mode may hold"))

# A gate: TYPE, S, DPL and P lie where DESCRIPTOR has them in the upper half.  A 64-bit one has a second half, GATE_64.
GATE = layout("GATE", 64, 'SDM 3A, "IDT Descriptors", "64-Bit Mode IDT", "Call Gates"',
    OFFSET_15_0=(15, 0, "offset 15:0"), SELECTOR=(31, 16, "code segment, or TSS of a task gate"),
    IST=(34, 32, "interrupt stack table, 64-bit gates"), TYPE=(43, 40, "SYSTYPE"), S=(44, 44, "0 = system"),
    DPL=(46, 45, "privilege level"), P=(47, 47, "present"), OFFSET_31_16=(63, 48, "offset 31:16"))
GATE_64 = layout("GATE_64", 64, 'SDM 3A, "64-Bit Mode IDT" (bytes 8 to 15)', OFFSET_63_32=(31, 0, "offset 63:32"))


# Descriptors of base 0 and limit 4 GiB, privilege level 0, accessed, as the eight bytes of a table.
def _flat(kind, size):
    return int(value_of(DESCRIPTOR, TYPE=kind, LIMIT_19_16=15) | DESCRIPTOR.P | DESCRIPTOR.S | DESCRIPTOR.G | size) << 32 | int(LOW_16)


GDT_CODE64, GDT_CODE32 = _flat(SEGTYPE.CODE, DESCRIPTOR.L), _flat(SEGTYPE.CODE, DESCRIPTOR.DB)
GDT_DATA = _flat(SEGTYPE.DATA, DESCRIPTOR.DB)
# Bits 15:0 of the second doubleword of an interrupt gate: of a table of 32 or 64 bits.
GATE_INTERRUPT = int(value_of(DESCRIPTOR, P=1, TYPE=SYSTYPE.INTERRUPT_GATE))

# Interruption information: VM-entry, VM-exit and IDT-vectoring; the model uses it for every event.
INTR = layout("INTR", 32, 'SDM 3C, "VM-Entry Controls for Event Injection"',
    VECTOR=(7, 0, "vector"), TYPE=(10, 8, "EVENT type"), ERROR=(11, 11, "error code valid"),
    NMI_UNBLOCK=(12, 12, "NMI unblocking due to IRET"), VALID=(31, 31, "valid"))

EVENT = codes("EVENT", 'SDM 3C, "VM-Entry Controls for Event Injection"',
    EXTERNAL=(0, "external interrupt"), NMI=(2, "non-maskable interrupt"), HARD=(3, "hardware exception"),
    SOFT=(4, "software interrupt INT n"), PRIV=(5, "privileged software exception INT1"),
    SOFT_EXC=(6, "software exception INT3 or INTO"), OTHER=(7, "other event"))
