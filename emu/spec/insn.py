"""Instruction encodings: opcode maps for lengths, and the instructions that the model executes or recognises.

Not here: which forms of a defined opcode are reserved (group extensions, mandatory prefixes, VEX fields):
such a form has a length, and the engine that executes it decides.
"""
import numpy as np

from emu.bits import U64, codes, layout, shift_of, value_of

PREFIX = layout("PREFIX", 16, 'SDM 2A, "Instruction Prefixes"; a bit for each prefix that is present',
    OPERAND=(0, 0, "66, operand size"), ADDRESS=(1, 1, "67, address size"), LOCK=(2, 2, "F0"),
    REPNE=(3, 3, "F2"), REP=(4, 4, "F3"), SEGMENT=(5, 5, "segment override that is in force"),
    REX=(6, 6, "REX right before the opcode"), VEX=(7, 7, "VEX (C4, C5)"), EVEX=(8, 8, "EVEX (62)"))

MODRM = layout("MODRM", 8, 'SDM 2A, "ModR/M and SIB Bytes"',
    RM=(2, 0, "register, or how the address is made"), REG=(5, 3, "register, or more of the opcode"), MOD=(7, 6, "3: a register; else memory"))
SIB = layout("SIB", 8, 'SDM 2A, "ModR/M and SIB Bytes"',
    BASE=(2, 0, "base register"), INDEX=(5, 3, "index register"), SCALE=(7, 6, "shift of the index"))
REX = layout("REX", 8, 'SDM 2A, "REX Prefixes"',
    B=(0, 0, "bit 3 of MODRM.RM, SIB.BASE or the opcode's register"), X=(1, 1, "bit 3 of SIB.INDEX"), R=(2, 2, "bit 3 of MODRM.REG"),
    W=(3, 3, "64-bit operand"), FIXED=(7, 4, "4"))
REX_PREFIX = value_of(REX, FIXED=4)

LONGEST_INSTRUCTION = U64(15)                                  # bytes
STEP = layout("STEP", 64, "ours: one instruction of a decoded run (emu.model.processor.decode.block)",
    LENGTH=(6, 0, "bytes"), MODIFIES=(7, 7, "a memory operand is read and written"), KIND=(21, 8, "code of INSN"),
    OPERAND=(23, 22, "code of emu.spec.simd.OPERAND, 0 without a memory operand"), CLASS=(31, 24, "code of emu.spec.timing.CLASS"),
    COST=(63, 32, "cycles"))

# number, encodings (NP 66 F3 F2 NFX = which mandatory prefix; /n = ModRM.reg; mem or reg = ModRM.mod; three bytes
# 0F 01 xx = that ModRM), operand size, text.  Operand sizes: v by prefixes, d as v but 8 in 64-bit mode,
# y 8 in 64-bit mode and 4 outside, w 2, b 1, p 1 or 2 or 4 as ports have it, q 8.
ROWS = dict(
    UNDEFINED    = (1,   "", "v", "no such instruction: #UD"),
    TOO_LONG     = (2,   "", "v", "longer than 15 bytes: #GP(0)"),
    CPUID        = (3,   "0F A2", "v", "CPU identification"),
    RDTSC        = (4,   "0F 31", "v", "read time-stamp counter"),
    RDTSCP       = (5,   "0F 01 F9", "v", "read time-stamp counter and processor ID"),
    RDPMC        = (6,   "0F 33", "v", "read performance counter"),
    RDMSR        = (7,   "0F 32", "v", "read model-specific register"),
    WRMSR        = (8,   "0F 30", "v", "write model-specific register"),
    HLT          = (9,   "F4", "v", "halt"),
    PAUSE        = (10,  "F3 90", "v", "spin-loop hint"),
    MONITOR      = (11,  "NP 0F 01 C8", "v", "set up monitor address"),
    MWAIT        = (12,  "NP 0F 01 C9", "v", "monitor wait"),
    INVD         = (13,  "0F 08", "v", "invalidate caches"),
    WBINVD       = (14,  "NP 0F 09, 66 0F 09, F2 0F 09", "v", "write back and invalidate caches"),
    WBNOINVD     = (15,  "F3 0F 09", "v", "write back caches"),
    INVLPG       = (16,  "0F 01 /7 mem", "b", "invalidate TLB entry"),
    INVPCID      = (17,  "66 0F 38 82 mem", "y", "invalidate process-context identifier"),
    CLTS         = (18,  "0F 06", "v", "clear CR0.TS"),
    LMSW         = (19,  "0F 01 /6", "w", "load machine status word"),
    SMSW         = (20,  "0F 01 /4", "v", "store machine status word"),
    MOV_TO_CR    = (21,  "0F 22", "y", "MOV to control register"),
    MOV_FROM_CR  = (22,  "0F 20", "y", "MOV from control register"),
    MOV_TO_DR    = (23,  "0F 23", "y", "MOV to debug register"),
    MOV_FROM_DR  = (24,  "0F 21", "y", "MOV from debug register"),
    LGDT         = (25,  "0F 01 /2 mem", "d", "load GDTR"),
    LIDT         = (26,  "0F 01 /3 mem", "d", "load IDTR"),
    SGDT         = (27,  "0F 01 /0 mem", "d", "store GDTR"),
    SIDT         = (28,  "0F 01 /1 mem", "d", "store IDTR"),
    LLDT         = (29,  "0F 00 /2", "w", "load LDTR"),
    LTR          = (30,  "0F 00 /3", "w", "load task register"),
    SLDT         = (31,  "0F 00 /0", "v", "store LDTR"),
    STR          = (32,  "0F 00 /1", "v", "store task register"),
    IN_IMM       = (33,  "E4, E5", "p", "input from immediate port"),
    IN_DX        = (34,  "EC, ED", "p", "input from port DX"),
    OUT_IMM      = (35,  "E6, E7", "p", "output to immediate port"),
    OUT_DX       = (36,  "EE, EF", "p", "output to port DX"),
    INS          = (37,  "6C, 6D", "p", "input string"),
    OUTS         = (38,  "6E, 6F", "p", "output string"),
    STI          = (39,  "FB", "v", "set interrupt flag"),
    CLI          = (40,  "FA", "v", "clear interrupt flag"),
    POPF         = (41,  "9D", "d", "pop RFLAGS"),
    PUSHF        = (42,  "9C", "d", "push RFLAGS"),
    IRET         = (43,  "CF", "v", "interrupt return"),
    INT_N        = (44,  "CD", "v", "software interrupt"),
    INT3         = (45,  "CC", "v", "breakpoint"),
    INTO         = (46,  "CE", "v", "interrupt on overflow"),
    INT1         = (47,  "F1", "v", "privileged debug trap"),
    SYSCALL      = (48,  "0F 05", "v", "fast system call"),
    SYSRET       = (49,  "0F 07", "v", "return from fast system call"),
    SYSENTER     = (50,  "0F 34", "v", "fast system call"),
    SYSEXIT      = (51,  "0F 35", "v", "return from fast system call"),
    SWAPGS       = (52,  "0F 01 F8", "v", "exchange GS base"),
    XSETBV       = (53,  "NP 0F 01 D1", "v", "write extended control register"),
    XGETBV       = (54,  "NP 0F 01 D0", "v", "read extended control register"),
    XSAVE        = (55,  "NP 0F AE /4 mem", "v", "save extended state"),
    XRSTOR       = (56,  "NP 0F AE /5 mem", "v", "restore extended state"),
    XSAVEOPT     = (57,  "NP 0F AE /6 mem", "v", "save extended state, optimised"),
    XSAVEC       = (58,  "NP 0F C7 /4 mem", "v", "save extended state, compacted"),
    XSAVES       = (59,  "NP 0F C7 /5 mem", "v", "save supervisor extended state"),
    XRSTORS      = (60,  "NP 0F C7 /3 mem", "v", "restore supervisor extended state"),
    RDRAND       = (61,  "NFX 0F C7 /6 reg", "v", "read random number"),
    RDSEED       = (62,  "NFX 0F C7 /7 reg", "v", "read random seed"),
    RDPID        = (63,  "F3 0F C7 /7 reg", "y", "read processor ID"),
    RDFSBASE     = (64,  "F3 0F AE /0 reg", "v", "read FS base"),
    RDGSBASE     = (65,  "F3 0F AE /1 reg", "v", "read GS base"),
    WRFSBASE     = (66,  "F3 0F AE /2 reg", "v", "write FS base"),
    WRGSBASE     = (67,  "F3 0F AE /3 reg", "v", "write GS base"),
    CLAC         = (68,  "NP 0F 01 CA", "v", "clear RFLAGS.AC"),
    STAC         = (69,  "NP 0F 01 CB", "v", "set RFLAGS.AC"),
    VMCALL       = (70,  "NP 0F 01 C1", "v", "call to VM monitor"),
    VMLAUNCH     = (71,  "NP 0F 01 C2", "v", "launch virtual machine"),
    VMRESUME     = (72,  "NP 0F 01 C3", "v", "resume virtual machine"),
    VMXOFF       = (73,  "NP 0F 01 C4", "v", "leave VMX operation"),
    VMXON        = (74,  "F3 0F C7 /6 mem", "q", "enter VMX operation"),
    VMCLEAR      = (75,  "66 0F C7 /6 mem", "q", "clear VMCS"),
    VMPTRLD      = (76,  "NP 0F C7 /6 mem", "q", "load current-VMCS pointer"),
    VMPTRST      = (77,  "NP 0F C7 /7 mem", "q", "store current-VMCS pointer"),
    VMREAD       = (78,  "NP 0F 78", "y", "read VMCS field"),
    VMWRITE      = (79,  "NP 0F 79", "y", "write VMCS field"),
    INVEPT       = (80,  "66 0F 38 80 mem", "y", "invalidate EPT translations"),
    INVVPID      = (81,  "66 0F 38 81 mem", "y", "invalidate VPID translations"),
    VMFUNC       = (82,  "NP 0F 01 D4", "v", "invoke VM function"),
    VMMCALL      = (83,  "NP 0F 01 D9", "v", "call to VM monitor of the other vendor: #UD here"),
    GETSEC       = (84,  "NP 0F 37", "v", "safer mode extensions leaf"),
    RSM          = (85,  "0F AA", "v", "resume from system-management mode"),
    MOV_SS       = (86,  "8E /2", "w", "MOV to SS: blocks interrupts for one instruction"),
    POP_SS       = (87,  "17", "v", "POP SS: blocks interrupts for one instruction"),
    UD0          = (88,  "0F FF", "v", "undefined by definition"),
    UD1          = (89,  "0F B9", "v", "undefined by definition"),
    UD2          = (90,  "0F 0B", "v", "undefined by definition"),
    ENCLS        = (91,  "NP 0F 01 CF", "v", "enclave supervisor leaf"),
    TPAUSE       = (92,  "66 0F AE /6 reg", "v", "timed pause"),
    UMWAIT       = (93,  "F2 0F AE /6 reg", "v", "user monitor wait"),
    UMONITOR     = (94,  "F3 0F AE /6 reg", "v", "user monitor set-up"),
    CALL_FAR     = (95,  "9A, FF /3 mem", "v", "far call"),
    JMP_FAR      = (96,  "EA, FF /5 mem", "v", "far jump"),
    RET_FAR      = (97,  "CA, CB", "v", "far return"),
    PCONFIG      = (98,  "NP 0F 01 C5", "v", "platform configuration"),
    ENCLU        = (99,  "NP 0F 01 D7", "v", "enclave user leaf"),
    ENCLV        = (100, "NP 0F 01 C0", "v", "enclave virtualization leaf"),
    RDPKRU       = (101, "NP 0F 01 EE", "v", "read user protection-key register"),
    WRPKRU       = (102, "NP 0F 01 EF", "v", "write user protection-key register"),
    CLFLUSH      = (104, "NP 0F AE /7 mem", "b", "flush cache line: the engine checks no address"),
    ENTER        = (105, "C8", "d", "make stack frame: the engine does not look where it ends"),
    HINT         = (106, "0F 18 /0 reg, 0F 18 /1 reg, 0F 18 /2 reg, 0F 18 /3 reg", "v", "reserved NOP"),
    TEST_SECOND  = (107, "F7 /1", "v", "logical compare: undocumented, and the same as /0 on every processor"),
    TEST_SECOND_BYTE = (108, "F6 /1", "b", "logical compare of bytes"),
    ROTATE_CARRY = (109, "C1 /2 mem, C1 /3 mem, D1 /2 mem, D1 /3 mem, D3 /2 mem, D3 /3 mem", "v",
                    "RCL and RCR of memory: the engine changes the flags before the store, which may fault"),
    ROTATE_CARRY_BYTE = (110, "C0 /2 mem, C0 /3 mem, D0 /2 mem, D0 /3 mem, D2 /2 mem, D2 /3 mem", "b", "the same of bytes"),
    SET_CONDITION = (111, ", ".join(f"0F 9{n:X} mem" for n in range(16)), "b",
                     "SETcc of memory: the engine computes the flags before the store, and begins a block with it"),
    LOOP_CONDITION = (112, "E0, E1", "v",
                      "LOOPNE and LOOPE: the engine keeps the flags on one way out only, and begins a block with them"),
    BIT_TEST     = (113, "0F A3, 0F AB, 0F B3, 0F BB, 0F BA /4, 0F BA /5, 0F BA /6, 0F BA /7", "v",
                    "BT, BTS, BTR, BTC: flags but CF stay where they begin a block, elsewhere the engine derives them from what set them"),
    COMPARE_PAIR = (114, "0F C7 /1 mem", "v",
                    "CMPXCHG8B and CMPXCHG16B: the engine forgets which instruction of its block set the flags that stay"),
    NEAR_BRANCH  = (103, "", "q", "near branch in 64-bit mode with a 66 prefix, which changes nothing"),
)
INSN = codes("INSN", 'SDM 2 and 3C, "Instruction Reference"',
             NONE=(0, "an ordinary instruction"), **{k: (row[0], row[-1]) for k, row in ROWS.items()})

# Opcode maps, sixteen opcodes a line as in SDM 2D, "Opcode Map".  One character an opcode:
#   x undefined   . nothing follows   M ModRM    R ModRM that always names registers
#   b imm8        w imm16             z imm16 or imm32 by operand size   v the same, imm64 with REX.W
#   B ModRM imm8  Z ModRM immz        j branch displacement: z, but 32 bits in 64-bit mode whatever the prefixes
#   o offset of address size          p far pointer          e imm16 imm8
#   T ModRM, imm8 when reg is 0 or 1  U ModRM, immz when reg is 0 or 1   P prefix or escape
MAP_ONE = """
    MMMMbz.. MMMMbz.P
    MMMMbz.. MMMMbz..
    MMMMbzP. MMMMbzP.
    MMMMbzP. MMMMbzP.
    ........ ........
    ........ ........
    ..MMPPPP zZbB....
    bbbbbbbb bbbbbbbb
    BZBBMMMM MMMMMMMM
    ........ ..p.....
    oooo.... bz......
    bbbbbbbb vvvvvvvv
    BBw.MMBZ e.w..b..
    MMMMbb.. MMMMMMMM
    bbbbbbbb jjpb....
    P.PP..TU ......MM
"""
INVALID_64 = "06 07 0E 16 17 1E 1F 27 2F 37 3F 60 61 82 9A CE D4 D5 D6 EA"     # SDM 2D, superscript i64
MAP_0F = """
    MMMMx... ..x.xMxx
    MMMMMMMM MMMMMMMM
    RRRRxxxx MMMMMMMM
    ......x. PxPxxxxx
    MMMMMMMM MMMMMMMM
    MMMMMMMM MMMMMMMM
    MMMMMMMM MMMMMMMM
    BBBBMMM. MMxxMMMM
    jjjjjjjj jjjjjjjj
    MMMMMMMM MMMMMMMM
    ...MBMxx ...MBMMM
    MMMMMMMM MMBMMMMM
    MMBMBBBM ........
    MMMMMMMM MMMMMMMM
    MMMMMMMM MMMMMMMM
    MMMMMMMM MMMMMMMM
"""
MAP_0F38 = """
    MMMMMMMM MMMMxxxx
    MxxxMMxM xxxxMMMx
    MMMMMMxx MMMMxxxx
    MMMMMMxM MMMMMMMM
    MMxxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    MMMxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx MMMMMMxM
    xxxxxxxx MxxMMMMM
    xxxxxxxx xxxxxxxx
    MMxxxMMx MMMMxxxx
"""
MAP_0F3A = """
    xxxxxxxx BBBBBBBB
    xxxxBBBB xxxxxxxx
    BBBxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    BBBxBxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    BBBBxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx xxxxxxxx
    xxxxxxxx xxxxBxBB
    xxxxxxxx xxxxxxxB
    xxxxxxxx xxxxxxxx
    Bxxxxxxx xxxxxxxx
"""
VEX_ESCAPES = "62 C4 C5"                      # outside 64-bit mode BOUND, LES and LDS when ModRM.mod is not 3
VEX_0F_IMM8 = "70 71 72 73 C2 C4 C5 C6"       # the only immediates of VEX and EVEX map 0F; map 0F3A has them all

# Attribute byte: immediate format, ModRM, undefined.
FORM = layout("FORM", 8, "ours: what follows an opcode",
    IMMEDIATE=(3, 0, "IMM code"), MODRM=(4, 4, "a ModRM byte"), REGISTERS=(5, 5, "its mod field is ignored"),
    TEST=(6, 6, "the immediate is there only when ModRM.reg is 0 or 1"), UNDEFINED=(7, 7, "no such opcode"))
IMM = codes("IMM", "ours: formats of immediates",
    NONE=(0, "none"), B=(1, "8 bits"), W=(2, "16 bits"), Z=(3, "16 or 32 bits"), V=(4, "16, 32 or 64 bits"),
    J=(5, "branch, 16 or 32 bits"), OFFSET=(6, "address size"), FAR=(7, "offset and selector"), ENTER=(8, "16 and 8 bits"),
    PREFIX=(15, "no opcode: a prefix or an escape"))
_FORMS = {"x": 0x80, ".": 0, "P": 15, "M": 0x10, "R": 0x30, "b": 1, "w": 2, "z": 3, "v": 4, "B": 0x11, "Z": 0x13,
          "j": 5, "o": 6, "p": 7, "e": 8, "T": 0x51, "U": 0x53}
# Rows of FORMS: 0-3 legacy maps outside 64-bit mode, 4 one-byte map in 64-bit mode, 5-7 VEX and EVEX maps.
MAP_64, MAP_VEX = 4, 5


def _numbers(text):
    return [int(part, 16) for part in text.split()]


def _forms():
    table = np.zeros((11, 256), np.uint8)
    for row, text in enumerate((MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_ONE)):
        letters = "".join(text.split())
        if len(letters) != 256:
            raise ValueError(f"opcode map {row} has {len(letters)} opcodes, not 256")
        table[row] = [_FORMS[letter] for letter in letters]
    table[MAP_64, _numbers(INVALID_64)] = 0x80
    table[MAP_64, 0x40:0x50] = _FORMS["P"]                                    # REX
    for row in (0, MAP_64):
        table[row, _numbers(VEX_ESCAPES)] = _FORMS["P"] if row == MAP_64 else _FORMS["M"]
    table[MAP_VEX:] = 0x10
    table[MAP_VEX, _numbers(VEX_0F_IMM8)] = 0x11
    table[MAP_VEX, 0x77] = 0
    table[MAP_VEX + 2] = 0x11
    return table


FORMS = _forms()                                   # uint8[11, 256]; VEX map n is row MAP_VEX + n - 1
MANDATORY = {"NP": (0,), "66": (1,), "F3": (2,), "F2": (3,), "NFX": (0, 1)}
_SIZES = {letter: number for number, letter in enumerate("vdywbpq")}


def _extension(modrm):
    return (modrm & int(MODRM.REG)) >> shift_of(MODRM.REG)


def _in_memory(modrm):
    return modrm & int(MODRM.MOD) != int(MODRM.MOD)


def encodings(name):
    """Yield (prefix indices, map, opcode, ModRM bytes) for each encoding of an INSN row."""
    for text in filter(None, (part.strip() for part in ROWS[name][1].split(","))):
        words = text.split()
        prefixes = MANDATORY[words.pop(0)] if words[0] in MANDATORY and len(words) > 1 else (0, 1, 2, 3)
        number = 0
        if words[0] == "0F":
            number = {"38": 2, "3A": 3}.get(words[1], 1)
            words = words[2:] if number > 1 else words[1:]
        opcode, modrm = int(words.pop(0), 16), list(range(256))
        for word in words:
            if word.startswith("/"):
                modrm = [byte for byte in modrm if _extension(byte) == int(word[1])]
            elif word in ("mem", "reg"):
                modrm = [byte for byte in modrm if _in_memory(byte) == (word == "mem")]
            else:
                modrm = [int(word, 16)]
        yield prefixes, number, opcode, modrm


def _slot(number, opcode, modrm, numbers):
    """Return the row of KINDS: one for an opcode, but nine for 0F 01, whose register forms differ by ModRM.rm."""
    if (number, opcode) == (1, 0x01):
        return 1 if _in_memory(modrm) else 2 + (modrm & int(MODRM.RM))
    return numbers.setdefault((number, opcode), len(numbers) + 10)


def _kinds():
    slots, numbers, found = np.zeros((4, 256), np.uint8), {}, {}
    for name, row in ROWS.items():
        for prefixes, number, opcode, forms in encodings(name):
            slots[number, opcode] = _slot(number, opcode, 0, numbers)
            places = {(_slot(number, opcode, modrm, numbers), _extension(modrm) | (not _in_memory(modrm)) << 3) for modrm in forms}
            for prefix in prefixes:
                for slot, form in places:
                    where = slot, prefix, form
                    if found.setdefault(where, row[0]) != row[0]:
                        raise ValueError(f"INSN.{name}: map {number} opcode {opcode:#x} is already taken")
    table = np.zeros((len(numbers) + 10, 4, 16), np.uint8)
    for where, kind in found.items():
        table[where] = kind
    return slots, table


# What LOCK may precede (SDM 2A, "LOCK"): opcode, and ModRM.reg where the opcode is a group; the destination is memory.
LOCKABLE = {0: "00 01 08 09 10 11 18 19 20 21 28 29 30 31 80/0123456 81/0123456 82/0123456 83/0123456 86 87 F6/23 F7/23 FE/01 FF/01",
            1: "AB B0 B1 B3 BA/567 BB C0 C1 C7/1"}
# What else reads a memory operand and writes it, which faults as a write (SDM 3A, "Page-Fault Exceptions"): shifts, rotates,
# double shifts, XSAVE and XSAVEOPT, which read the header that they write, and ARPL (docs/choices.md; MOVSXD in 64-bit mode).
MODIFYING = {0: "63 C0 C1 D0 D1 D2 D3", 1: "A4 A5 AC AD AE/46"}
# Forms of maps 0F and 0F 38 that do not exist and that the engine executes: opcode (of a group: / ModRM.reg), mandatory
# prefixes of register forms (bit 0 none, 1 66, 2 F3, 3 F2), the same of memory forms.
HOLES = {1: {"12": (2, 0), "16": (2, 0), "50": (0, 15), "71": (0, 15), "72": (0, 15), "73": (0, 15), "78": (14, 14), "79": (14, 14),
             "AE/0123": (0, 14), "AE/57": (14, 0), "C3": (0, 14), "D6": (0, 12)},
         2: {"F0": (7, 4), "F1": (7, 4)}}
# Members of groups that do not exist and that the engine executes as the first one (SDM 2D, "Opcode Extensions").
RESERVED = {0: "8F/1234567 C6/1234567 C7/1234567"}
# The VEX instructions that this processor has, BMI1 and BMI2: opcode / mandatory prefix (0 none, 1 66, 2 F3, 3 F2).
VEX_DEFINED = {2: "F2/0 F3/0 F5/023 F6/3 F7/0123", 3: "F0/3"}
# Near branches (SDM 2D, superscript f64): opcode, ModRM.reg for the group.
NEAR = {0: "70 71 72 73 74 75 76 77 78 79 7A 7B 7C 7D 7E 7F C2 C3 E0 E1 E2 E3 E8 E9 EB FF/24",
        1: "80 81 82 83 84 85 86 87 88 89 8A 8B 8C 8D 8E 8F"}


def _sets(rows, count):
    """Return uint8[count, 256]: for each opcode the set of its numbers after the slash, all without one."""
    table = np.zeros((count, 256), np.uint8)
    for row, text in rows.items():
        for word in text.split():
            opcode, _, numbers = word.partition("/")
            table[row, int(opcode, 16)] = sum(1 << int(n) for n in numbers) if numbers else 0xFF
    return table


LOCKS, RESERVES, VEX_FORMS, NEARS = _sets(LOCKABLE, 2), _sets(RESERVED, 2), _sets(VEX_DEFINED, 4), _sets(NEAR, 2)
MODIFIES = LOCKS | _sets(MODIFYING, 2)

HOLE = np.zeros((4, 256, 8), np.uint8)             # map, opcode, ModRM.reg -> register forms in 3:0, memory forms in 7:4
for _map, _rows in HOLES.items():
    for _word, (_registers, _memory) in _rows.items():
        _opcode, _, _members = _word.partition("/")
        for _member in _members or "01234567":
            HOLE[_map, int(_opcode, 16), int(_member)] = _registers | _memory << 4

# uint8[4, 256] -> slot; uint8[slot, mandatory prefix, ModRM.reg + 8 for register forms] -> INSN
SLOTS, KINDS = _kinds()
SIZES = np.zeros(128, np.uint8)                    # INSN -> operand size rule
for _row in ROWS.values():
    SIZES[_row[0]] = _SIZES[_row[2]]
SIZE = codes("SIZE", "ours: operand size rules, in the order of ROWS' letters",
    V=(0, "by prefixes"), D=(1, "by prefixes, 8 in 64-bit mode"), Y=(2, "8 in 64-bit mode, 4 outside"), W=(3, "2"),
    B=(4, "1"), P=(5, "1, 2 or 4"), Q=(6, "8"))
