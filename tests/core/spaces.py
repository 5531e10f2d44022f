"""Random guest programs that change between address spaces: the same linear addresses, other pages, global and not, of two sizes.

Each space has tables of its own for two windows: pages of routines, which are read, written and executed.  Entries are rewritten
with and without invalidation; CR3 is loaded with and without bit 63, several PCIDs are used; bits of CR4 that matter are changed;
some of it is done in ring 3, some by a guest with and without VPID and EPT.  A fault is mixed into the number (R13), and the program
goes on at R15.
"""
from tests.core.scrambled import CODE_AT, DATA_AT, MIX, ROUTINE, SLOT, Program, lines

SPACES, PAGES, SLOTS = 3, 10, 4                            # pages of the window, routines on each page
FRAMES = (*(CODE_AT + 0x1000 * n for n in range(5)), 0x400000, 0x401000, 0x600000)
LARGE_FRAMES = (0x400000, 0x600000)
HIGH = 0xFFFF_8000_0000_0000                               # the lower half again, here
WINDOW_AT, LARGE_WINDOW = 0x6000_0000, 0x6020_0000
TABLES, PD1, PT, LARGE_ENTRY = 0x200000, 0x3000, 0x6000, 8 * 257       # of space 0; its tables of the windows; in PD1
TABLES_AT, TABLES_BYTES, THERE = 0x220000, 0x5000, {0: 0, PD1: 0x2000, PT: 0x3000}     # of the other spaces
NX, NO_FLUSH = 1 << 63, 1 << 63
INSIDE = ("run", "run", "run", "peek", "poke", "switch", "switch", "remap", "remap", "invlpg", "invpcid", "reload", "time")
ALWAYS = ("run", "run", "peek", "poke", "switch")
ROOT = (*INSIDE, *INSIDE, "control", "large", "outer", "filler", "pcide", "compat")
PAIR = (*INSIDE, *INSIDE, "control", "large", "filler", "pcide", "compat")
NESTED = (*ROOT, *["enter"] * 8, "controls", "invalidate", "second")
HEAD = f"""{MIX}
        .equ    CODE_AT, {CODE_AT}
        .equ    DATA_AT, {DATA_AT}
        .equ    SUMS, 0x320000
"""
TAIL = """
faulted: mov    rax, cr2
        cmp     dword ptr [rdi + FRAME_VECTOR], VECTOR_PF
        je      1f
        mov     eax, [rdi + FRAME_VECTOR]
1:      add     rax, [rdi + FRAME_ERROR]
        mov     rcx, [rdi + FRAME_R13]
        rol     rcx, 7
        xor     rcx, rax
        mov     [rdi + FRAME_R13], rcx
        mov     rax, [rdi + FRAME_R15]
        mov     [rdi + FRAME_RIP], rax
        mov     rax, [rdi + FRAME_R14]
        mov     [rdi + FRAME_RSP], rax
        ret
fired:  mov     rax, [rdi + FRAME_RIP]
        add     rax, [SUMS + 32]
        rol     rax, 5
        mov     [SUMS + 32], rax
        APIC_WRITE APIC_EOI, 0
        ret
compat: .code32
        mov     eax, 5
        rdtsc
        add     ebx, eax
        pause
        add     ebx, 3
        rdtscp
        add     ebx, eax
        rep nop
        ljmp    CODE64, compat_back
        .code64
compat_back: jmp r11
narrow: .code16                                 # the same in a segment that begins here, 64 KiB
        mov     eax, 5
        rdtsc
        add     ebx, eax
        rep nop
        rdtscp
        pause
        add     ebx, eax
        rdtsc
        add     ebx, edx
        pause
        add     ebx, eax
        .byte   0x66, 0xEA                      # JMP ptr16:32
        .long   compat_back
        .word   CODE64
        .code64
        .align  16, 0
narrow_descriptor: .word 0xFFFF, narrow & 0xFFFF
        .byte   narrow >> 16, 0x9B, 0, 0
to_narrow: .long 0
        .word   SCRATCH
        .align  16, 0
descriptor: .quad 0, 0
to_compat: .long compat
        .word   CODE32
"""


class Spaces(Program):
    """The text of one program on address spaces."""

    def __init__(self, seed, families, operations=50, rounds=5):
        super().__init__(seed, families, operations, rounds)
        few = tuple(name for name in families if self.random.random() < 0.6)       # some programs hardly ever invalidate
        self.families = self.random.choice((families, (*ALWAYS, *few), ALWAYS))
        self.pages, self.keeps, self.chunks = self.random.choice((1, 2, 4, PAGES)), self.random.choice((0.3, 0.7, 1)), []

    # ---- where --------------------------------------------------------------------------------------------------------
    def tables(self, space, of):
        """Return the address of a table of one space: PD1 or PT."""
        if space == 0:
            return TABLES + of
        return TABLES_AT + TABLES_BYTES * (space - 1) + THERE[of]

    def linear(self):
        high = HIGH if self.random.random() < 0.2 else 0
        if self.random.random() < 0.2:
            return high + LARGE_WINDOW + 0x1000 * self.random.randrange(self.pages)
        return high + WINDOW_AT + 0x1000 * self.random.randrange(self.pages)

    def slot(self):
        return self.linear() + SLOT * self.random.randrange(SLOTS)

    def chance(self, odds, flag):
        return flag if self.random.random() < odds else 0

    def entry(self, frame):
        flags = self.chance(0.95, 1) | self.chance(0.8, 2) | self.chance(0.5, 4) | self.chance(0.4, 0x100) | self.chance(0.3, 0x60)
        return frame | flags | self.chance(0.1, NX)

    def guarded(self, text):
        """Return instructions with the place to go on at after a fault."""
        name = self.label()
        return f"mov r14, rsp; lea r15, [rip + {name}]; {text}\n{name}: MIX rax"

    # ---- operations ---------------------------------------------------------------------------------------------------
    def run(self):
        return self.guarded(f"mov rbx, {self.slot():#x}; call rbx")

    def peek(self):
        return self.guarded(f"mov rbx, {self.slot():#x}; mov rax, [rbx]")

    def poke(self):
        how = self.random.choice(("mov", "add", "lock xadd", "xchg"))
        return self.guarded(f"mov rbx, {self.slot():#x}; lea eax, [r12 + {self.number()}]; {how} [rbx + 1], eax")

    def pcid(self, space):
        return space + 1 if self.random.random() < 0.7 else self.random.randrange(4)

    def switch(self):
        space = self.random.randrange(SPACES)
        return f"mov rax, {self.tables(space, 0) | self.pcid(space) | self.chance(self.keeps, NO_FLUSH):#x}; mov cr3, rax"

    def remap(self):
        space, page = self.random.randrange(SPACES), self.random.randrange(self.pages)
        forget = self.random.choice(("nop", "nop", f"mov rdx, {WINDOW_AT + 0x1000 * page:#x}; invlpg [rdx]"))
        return f"mov rax, {self.entry(self.random.choice(FRAMES)):#x}; mov [{self.tables(space, PT) + 8 * page:#x}], rax; {forget}"

    def large(self):
        space = self.random.randrange(SPACES)
        value = self.entry(self.random.choice(LARGE_FRAMES)) | 0x80
        if self.random.random() < 0.3:
            value = self.tables(space, PT) | 7
        forget = self.random.choice(("nop", self.invlpg()))
        return f"mov rax, {value:#x}; mov [{self.tables(space, PD1) + LARGE_ENTRY:#x}], rax; {forget}"

    def invlpg(self):
        return f"mov rdx, {self.linear():#x}; invlpg [rdx]"

    def invpcid(self):
        kind = self.random.choice((0, 0, 0, 1, 1, 2, 3))
        return (f"mov qword ptr [rip + descriptor], {self.random.randrange(4)}; mov rax, {self.linear():#x}; "
                f"mov [rip + descriptor + 8], rax; mov eax, {kind}; invpcid rax, [rip + descriptor]")

    def reload(self):
        return "mov rax, cr3; mov cr3, rax"

    def control(self):
        bit = self.random.choice(("CR4_PGE", "CR4_SMEP", "CR4_SMAP", "CR4_TSD"))
        return self.random.choice((f"mov rax, cr4; xor rax, {bit}; mov cr4, rax", "stac", "clac",
                                   "mov rax, cr0; xor rax, CR0_WP; mov cr0, rax"))

    def pcide(self):
        """Go through a time without PCIDs."""
        first, second = (f"mov rax, {self.tables(self.random.randrange(SPACES), 0):#x}; mov cr3, rax" for _ in range(2))
        between = [self.random.choice((self.run, self.peek, self.time))() for _ in range(3)]
        return (f"{first}; mov rax, cr4; xor rax, CR4_PCIDE; mov cr4, rax; {between[0]}; {between[1]}; {second}; {between[2]}; "
                "mov rax, cr4; or rax, CR4_PCIDE; mov cr4, rax")

    def time(self):
        more = ("rdtsc; add r13, rax", "rdtscp; add r13, rax; add r13, rcx", "pause", "imul r13, r13, 5", "nop", "add r13, 1",
                "cmp r13, 1", "cli", "sti")
        return self.guarded("; ".join(self.random.choice(more) for _ in range(self.random.randrange(2, 12))) + "; mov eax, 1")

    def filler(self):
        """Use many pages of the identity, so that the engine's notes run over now and then."""
        name, count = self.label(), self.random.choice((3, 14, 300, 300, 2200))
        return (f"mov ecx, {count}; mov esi, 0x700000\n{name}: add r13, [rsi]; add esi, 0x1000; cmp esi, 0xF00000; jb 1f; "
                f"mov esi, 0\n1: dec ecx; jnz {name}")

    def outer(self):
        """Do some of it in ring 3."""
        inner = [self.random.choice((self.run, self.peek, self.poke, self.time))() for _ in range(self.random.randrange(1, 4))]
        return f"RING3; {'; '.join(inner)}; RING0"

    def compat(self):
        name = self.label()
        to = self.random.choice(("to_compat", "to_narrow"))
        return self.guarded(f"lea r11, [rip + {name}]; xor ebx, ebx; ljmp fword ptr [rip + {to}]\n{name}: mov eax, ebx")

    # ---- a guest --------------------------------------------------------------------------------------------------------
    def enter(self):
        """Let the guest do some of it: what it does by itself ends in VMCALL."""
        if len(self.chunks) < 8 or self.random.random() < 0.3:
            families = (*ALWAYS, *(name for name in self.families if name in (*INSIDE, "outer", "control", "compat")))
            body = "; ".join(getattr(self, self.random.choice(families))() for _ in range(self.random.randrange(1, 8)))
            self.chunks.append(f"chunk{len(self.chunks)}: {body}; mov [SUMS + 64], r13; vmcall")
        again, out = self.label(), self.label()
        return (f"GUEST chunk{self.random.randrange(len(self.chunks))}\n{again}: call vmx_run; MIX rax; cmp eax, REASON_VMCALL; "
                f"je {out}; call allowed; SKIP; jmp {again}\n{out}: mov rax, [SUMS + 64]; MIX rax; GET rax, GUEST_CR3; MIX rax")

    def controls(self):
        kind = self.random.randrange(4)
        if kind == 0:
            bits = self.random.choice(("PROC_RDTSC", "PROC_PAUSE", "PROC_TSC_OFFSETTING"))
            return f"{self.random.choice(('SET', 'CLEAR', 'CLEAR'))} PRIMARY_CONTROLS, {bits}; PUT TSC_OFFSET, {self.number()}"
        if kind == 1:
            change = self.random.choice(("SET", "CLEAR"))                         # not "enable RDTSCP": without it RDTSCP is #UD
            return f"PUT TSC_MULTIPLIER, {self.number(50) + 1}; {change} SECONDARY_CONTROLS, PROC2_TSC_SCALING"
        if kind == 2:
            return self.random.choice(("SET SECONDARY_CONTROLS, PROC2_VPID", "CLEAR SECONDARY_CONTROLS, PROC2_VPID",
                                       f"PUT VPID, {self.random.randrange(1, 4)}"))
        return self.random.choice(("SET SECONDARY_CONTROLS, PROC2_EPT | PROC2_UNRESTRICTED",
                                   "CLEAR SECONDARY_CONTROLS, PROC2_EPT | PROC2_UNRESTRICTED"))

    def invalidate(self):
        if self.random.random() < 0.5:
            return (f"PUT VPID, 1; mov qword ptr [rip + descriptor], {self.random.randrange(1, 4)}; mov rax, {self.linear():#x}; "
                    f"mov [rip + descriptor + 8], rax; mov eax, {self.random.randrange(4)}; invvpid rax, [rip + descriptor]")
        return ("GET rax, EPT_POINTER; mov [rip + descriptor], rax; mov qword ptr [rip + descriptor + 8], 0; "
                f"mov eax, {self.random.choice((1, 2))}; invept rax, [rip + descriptor]")

    def second(self):
        """Show another page to the guest at one of the split ones."""
        page, frame = self.random.randrange(2), self.random.choice(FRAMES)
        forget = self.random.choice(("nop", self.invalidate()))
        return f"mov dword ptr [EPT_PT + {8 * page}], {frame:#x} | EPT_RWX | EPT_WB; {forget}"

    # ---- all of it ------------------------------------------------------------------------------------------------------
    def start(self):
        """Return the text that makes spaces and pages."""
        text = ""
        for space in range(1, SPACES):
            at = self.tables(space, 0)
            text += (f"mov esi, {TABLES:#x}; mov edi, {at:#x}; mov ecx, 1024; rep movsq; "
                     f"mov esi, {TABLES + PD1:#x}; mov edi, {at + 0x2000:#x}; mov ecx, 512; rep movsq; "
                     f"mov dword ptr [{at:#x}], {at + 0x1007:#x}; mov dword ptr [{at + 0x1008:#x}], {at + 0x2007:#x}; "
                     f"mov dword ptr [{at + 0x2000 + 8 * 256:#x}], {at + 0x3007:#x}; ")
        for space in range(SPACES):
            at = self.tables(space, 0)
            text += f"mov rax, [{at:#x}]; mov [{at + 8 * 256:#x}], rax; "
            for page in range(PAGES):
                text += f"mov rax, {self.entry(self.random.choice(FRAMES)):#x}; mov [{self.tables(space, PT) + 8 * page:#x}], rax; "
            large = self.entry(self.random.choice(LARGE_FRAMES)) | 0x80
            text += f"mov rax, {large:#x}; mov [{self.tables(space, PD1) + LARGE_ENTRY:#x}], rax; "
        for number, frame in enumerate((*FRAMES, *(at + 0x1000 * n for at in LARGE_FRAMES for n in range(1, PAGES)))):
            for slot in range(SLOTS):
                text += f"mov rax, {ROUTINE | (number * 16 + slot + 1) << 8:#x}; mov [{frame + SLOT * slot:#x}], rax; "
        if self.random.random() < 0.7:
            text += "".join(f"or dword ptr [{TABLES + 0x2000 + 8 * n:#x}], PTE_G; " for n in range(8) if self.random.random() < 0.8)
        text += "".join(f"ON VECTOR_{name}, faulted; " for name in ("PF", "GP", "UD"))
        text += "mov rax, [rip + narrow_descriptor]; mov [rip + scratch_descriptors], rax; "
        text += "mov rax, cr4; or rax, CR4_PCIDE + CR4_PGE; mov cr4, rax"
        if self.random.random() < 0.5:
            text += ("; ON 0x41, fired; APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF; APIC_WRITE APIC_DIVIDE, 0x3; "
                     "APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_PERIODIC) | 0x41; "
                     f"APIC_WRITE APIC_INITIAL_COUNT, {self.random.choice((700, 1501, 7001))}; sti")
        return lines(text)

    def end(self):
        return lines(f"cli; mov rax, {TABLES:#x}; mov cr3, rax; mov [SUMS + 40], r13; PASS")

    def alone(self):
        """Return a program for one processor."""
        return f"{HEAD}test: xor r13d, r13d\n{self.start()}{self.body()}{self.end()}{TAIL}"

    def pair(self):
        """Return a program for two processors in the same spaces (smplib.s)."""
        begin = lines("mov rax, cr4; or rax, CR4_PCIDE + CR4_PGE; mov cr4, rax; xor r13d, r13d")
        return (f"{HEAD}test: xor r13d, r13d\n{self.start()}        WAKE other\n{self.body()}"
                f"1:{lines('pause; cmp dword ptr [SUMS + 56], 1; jne 1b')}{self.end()}"
                f"other:\n{begin}{self.body()}{lines('mov [SUMS + 48], r13; mov dword ptr [SUMS + 56], 1')}2:{lines('hlt; jmp 2b')}{TAIL}")

    def nested(self):
        """Return a program with a guest (vmxlib.s)."""
        self.families = (*self.families, "enter", "enter")
        body = self.body()
        chunks = "".join(lines(chunk) for chunk in self.chunks)
        use = self.random.choice(("SET", "SET", "CLEAR"))
        split = f"xor r13d, r13d; SPLIT_RAM; PUT VPID, 1; {use} SECONDARY_CONTROLS, PROC2_VPID"
        allowed = """
allowed: cmp    eax, REASON_RDTSC
        je      1f
        cmp     eax, REASON_RDTSCP
        je      1f
        cmp     eax, REASON_PAUSE
        je      1f
        FAIL    CHECK
1:      ret
"""
        return f"{HEAD}test:\n{self.start()} call vmx_start\n{lines(split)}{body}{self.end()}{chunks}{allowed}{TAIL}"
