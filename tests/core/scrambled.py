"""Random guest programs: what they do in turn is drawn from a seed, and all that they see is mixed into what they leave.

Pages of code are written and executed through several mappings; time is read; interrupts, debug exceptions and page walks
come at any moment.  Each processor mixes what it reads into one number (R13), which ends in memory.
"""
import random

FRAMES, SLOTS, SLOT = 2, 8, 64                             # pages of code, routines on each, bytes of each
CODE_AT, DATA_AT, SUMS, ALIAS = 0x300000, 0x310000, 0x320000, 0x800000     # ALIAS: where the EPT shows the pages of code again
KINDS = ("", "+ PTE_RW", "+ PTE_RW + PTE_XD", "+ PTE_US + PTE_RW", "+ PTE_US")   # how the window maps each page of code
WRITABLE, EXECUTABLE, SHOWN = (1, 2, 3), (0, 1, 3, 4), (1, 2, 4)
ROUTINE = 0x9090C300000000B8                               # MOV EAX, imm32; RET; NOP; NOP
CODE = ("run", "run", "run", "patch", "whole", "string", "copy", "myself")
EVENTS = ("data", "data", "time", "watch", "rearm", "step", "loop", "map", "port", "leaf", "shadow", "trap")

MIX = """
# MIX register - Into the number.
        .macro  MIX register
        rol     r13, 7
        xor     r13, \\register
        .endm
"""
HEAD = f"""{MIX}
        .equ    CODE_AT, {CODE_AT}
        .equ    DATA_AT, {DATA_AT}
        .equ    SUMS, {SUMS}
"""
HANDLERS = """
debugged: mov   rax, dr6
        add     rax, [rdi + FRAME_RIP]
        add     rax, [SUMS + 8]
        rol     rax, 3
        mov     [SUMS + 8], rax
        mov     eax, 0xFFFF0FF0                 # DR6 with nothing met
        mov     dr6, rax
        dec     dword ptr [SUMS + 16]
        jns     1f
        and     qword ptr [rdi + FRAME_RFLAGS], ~RFLAGS_TF
1:      or      qword ptr [rdi + FRAME_RFLAGS], RFLAGS_RF
        ret
fired:  mov     rax, [rdi + FRAME_RIP]
        add     rax, [SUMS + 32]
        rol     rax, 5
        mov     [SUMS + 32], rax
        APIC_WRITE APIC_EOI, 0
        ret
"""


def lines(text):
    """Return instructions, separated by semicolons, as lines."""
    return "".join(f"        {one.strip()}\n" for one in text.split(";"))


class Program:
    """The text of one program; `families` are names of methods that write one operation each."""

    def __init__(self, seed, families, operations=40, rounds=8):
        self.random, self.labels, self.families, self.shown = random.Random(seed), 0, families, False
        self.operations, self.rounds = operations, rounds

    def number(self, bits=31):
        return self.random.randrange(1 << bits)

    def label(self):
        self.labels += 1
        return f"l{self.labels}"

    # ---- code ---------------------------------------------------------------------------------------------------------
    def page(self, frame, kinds):
        """Return the linear address of a page of code through one of the mappings, now and then the identity's."""
        window = f"WINDOW + {0x1000 * (frame * len(KINDS) + self.random.choice(kinds)):#x}"
        return window if self.random.random() < 0.85 else f"CODE_AT + {0x1000 * frame:#x}"

    def slot(self, kinds):
        return f"{self.page(self.random.randrange(FRAMES), kinds)} + {SLOT * self.random.randrange(SLOTS):#x}"

    def run(self):
        return f"mov ebx, {self.slot(EXECUTABLE)}; call rbx; MIX rax"

    def patch(self):
        size, at = self.random.choice((("al", self.random.randrange(1, 5)), ("ax", self.random.randrange(1, 4)), ("eax", 1)))
        how = self.random.choice(("mov", "lock xadd", "add", "xchg", "lock cmpxchg"))
        return f"mov esi, {self.slot(WRITABLE)}; lea eax, [r12 + {self.number()}]; {how} [rsi + {at}], {size}"

    def whole(self):
        return f"mov esi, {self.slot(WRITABLE)}; mov rax, {ROUTINE | self.number(32) << 8:#x}; mov [rsi], rax"

    def string(self):
        return f"mov edi, {self.slot(WRITABLE)} + 1; mov al, {self.number(8)}; mov ecx, 4; rep stosb"

    def copy(self):
        return f"mov esi, {self.slot((0, 1, 2, 3, 4))}; mov edi, {self.slot(WRITABLE)}; mov ecx, 2; rep movsq"

    def myself(self):
        """A routine that writes its own next instruction through another mapping: MOV [edit], ECX; MOV EAX, imm32; NOP; RET.

        Where some mappings show other memory, it uses those of its own memory: the others hold no such routine.
        """
        frame, at = self.random.randrange(FRAMES), SLOT * self.random.randrange(SLOTS) + 16
        kinds = [[kind for kind in some if not self.shown or kind not in SHOWN] for some in (WRITABLE, EXECUTABLE)]
        edit, run = (f"{self.page(frame, some)} + {at + more:#x}" for some, more in zip(kinds, (8, 0), strict=True))
        return (f"mov edi, CODE_AT + {0x1000 * frame + at:#x}; mov dword ptr [rdi], 0x250C89; mov dword ptr [rdi + 3], {edit}; "
                f"mov byte ptr [rdi + 7], 0xB8; mov word ptr [rdi + 12], 0xC390; lea ecx, [r12 + {self.number()}]; "
                f"mov ebx, {run}; call rbx; MIX rax; call rbx; MIX rax")

    # ---- data, time, events -------------------------------------------------------------------------------------------
    def place(self):
        return f"DATA_AT + {self.random.randrange(0x2FF0):#x}"

    def data(self):
        at = self.place()
        return self.random.choice((
            f"add [{at}], r13d", f"mov rax, [{at}]; MIX rax", f"mov [{at}], r13", f"push qword ptr [{at}]; pop rax",
            f"lock inc dword ptr [{at}]", f"movups xmm0, [{at}]; movups [{at} + 7], xmm0", f"mov edi, {at}; mov ecx, 5; rep stosw"))

    def time(self):
        return "rdtsc; MIX rax"

    def watch(self):
        n, size, kind = self.random.randrange(4), self.random.choice((0, 1, 3)), self.random.choice((0, 1, 3, 3))
        at = f"(DATA_AT + {self.random.randrange(0x3000):#x}) & ~{size}" if kind else f"WINDOW + {SLOT * self.random.randrange(SLOTS):#x}"
        control = self.random.choice((0, 3 << 2 * n | (kind | (size if kind else 0) << 2) << 16 + 4 * n))
        return f"mov eax, {at}; mov dr{n}, rax; mov eax, {0x400 | control:#x}; mov dr7, rax"

    def rearm(self):
        return f"mov rcx, dr7; mov eax, 0x400; mov dr7, rax; add [{self.place()}], r12; mov dr7, rcx"

    def step(self):
        return (f"mov dword ptr [SUMS + 16], {self.random.randrange(5)}; pushfq; or dword ptr [rsp], RFLAGS_TF; popfq; inc r13; "
                "imul r13, r13, 77; nop; nop; nop; nop; nop")

    def loop(self):
        name = self.label()
        return f"mov ecx, {self.random.randrange(1, 60)}\n{name}: add r13, rcx; ror r13, 3; add [DATA_AT + rcx*8], r13d; loop {name}"

    def map(self):
        page, rights = self.random.randrange(3), self.random.choice(("0", "PTE_RW", "PTE_RW + PTE_D"))
        forget = self.random.choice(("invlpg [rdx]", "mov rax, cr3; mov cr3, rax", "nop"))
        return (f"mov rax, DATA_AT + {0x1000 * self.random.randrange(3):#x} + PTE_P + {rights}; mov [WINDOW_PT + {8 * (16 + page)}], rax; "
                f"mov edx, WINDOW + {0x1000 * (16 + page):#x}; {forget}; mov rax, [rdx + 24]; MIX rax")

    def port(self):
        return f"mov al, {self.number(8)}; out 0x80, al; in al, 0x61; and eax, 15; MIX rax"

    def leaf(self):
        return f"mov eax, {self.random.randrange(2)}; cpuid; MIX rbx"

    def shadow(self):
        return f"pushfq; cli; add r13, 5; popfq; mov eax, ss; mov ss, eax; mov rax, [{self.place()}]; MIX rax"

    def trap(self):
        return "int3"

    def shared(self):
        return f"mov eax, {self.number()}; lock xadd [DATA_AT + {4 * self.random.randrange(512)}], eax; MIX rax"

    def guest(self):
        """Let the guest run or write a slot: its window is the root's, its memory the EPT's."""
        entry, kinds = self.random.choice((("g_run", EXECUTABLE), ("g_write", WRITABLE)))
        return (f"mov qword ptr [rip + AT_RBX], {self.slot(kinds)}; mov dword ptr [rip + AT_RDX], {self.number()}; "
                f"GUEST {entry}; RUN VMCALL; mov rax, [rip + AT_RAX]; MIX rax")

    # ---- all of it ----------------------------------------------------------------------------------------------------
    def body(self):
        """Return the operations of one processor, repeated; R13 is its number at the end."""
        top = self.label()
        text = "".join(lines(getattr(self, self.random.choice(self.families))()) for _ in range(self.operations))
        return f"        mov r12d, {self.rounds}\n{top}:\n{text}        dec r12d\n        jnz {top}\n"

    def mappings(self, shown=False):
        """Return text that maps the pages of code and fills their slots; shown: some mappings are to where the EPT shows them."""
        self.shown, text = shown, ""
        for frame in range(FRAMES):
            for number, kind in enumerate(KINDS):
                at = (ALIAS if shown and number in SHOWN else CODE_AT) + 0x1000 * frame
                text += f"        MAP {frame * len(KINDS) + number}, {at:#x} + PTE_P {kind}\n"
            for slot in range(SLOTS):
                text += lines(f"mov rax, {ROUTINE | slot + 1 << 8:#x}; mov [CODE_AT + {0x1000 * frame + SLOT * slot:#x}], rax")
        return text

    def alone(self, timer=0):
        """Return a program for one processor; timer: count of the APIC timer between interrupts, 0: none."""
        start = lines("ON VECTOR_DB, debugged; ON VECTOR_BP, debugged")
        if timer:
            start += lines("ON 0x41, fired; APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF; APIC_WRITE APIC_DIVIDE, 0x3; "
                           "APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_PERIODIC) | 0x41; "
                           f"APIC_WRITE APIC_INITIAL_COUNT, {timer}; sti")
        return f"{HEAD}test:\n{self.mappings()}{start}{self.body()}{lines('cli; mov [SUMS + 40], r13; PASS')}{HANDLERS}"

    def pair(self):
        """Return a program for two processors on the same pages (smplib.s)."""
        return (f"{HEAD}test:\n{self.mappings()}        WAKE other\n{self.body()}        mov [SUMS + 40], r13\n"
                f"1:{lines('pause; cmp dword ptr [SUMS + 56], 1; jne 1b; PASS')}other:\n{self.body()}"
                f"{lines('mov [SUMS + 48], r13; mov dword ptr [SUMS + 56], 1')}2:{lines('hlt; jmp 2b')}")

    def nested(self):
        """Return a program with a guest in the same address space (vmxlib.s); root has other memory at the SHOWN mappings."""
        table = ("mov rax, [rip + 3f]; mov edi, EPT_PT; mov ecx, 512\n1: mov [rdi], rax; add edi, 8; add rax, 0x1000; loop 1b; "
                 f"mov dword ptr [EPT_PT], CODE_AT | EPT_RWX | EPT_WB; mov dword ptr [EPT_PT + 8], (CODE_AT + 0x1000) | EPT_RWX | EPT_WB; "
                 f"mov dword ptr [EPT_PD + {(ALIAS >> 21) * 8}], EPT_PT | EPT_RWX; "
                 f"mov edi, {ALIAS}; mov esi, CODE_AT; mov ecx, 1024; rep movsq; xor r13d, r13d")
        return (f"{HEAD}test: call vmx_start\n{self.mappings(True)}{lines(table)}{self.body()}{lines('mov [SUMS + 40], r13; PASS')}"
                f"g_run:{lines('call rbx; vmcall')}g_write:{lines('mov [rbx + 1], edx; add [rbx + 2], dl; mov eax, edx; vmcall')}"
                f"        .align 8\n3: .quad {ALIAS} | EPT_RWX | EPT_WB\n")
