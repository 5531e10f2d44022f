"""What a contract over a routine claims, and what its code does: the registers it changes, those it reads before it sets them.

A routine is followed from its label along every branch.  A register holds what it held at the entry, or something else; PUSH, POP,
XCHG and MOV between registers take that along, calls do what the routine called does.  So "changes" may be too many (a branch that
is never taken together with another), never too few.

Not followed: memory but the stack.  Where a register is kept in a field, or an address is called that a table holds, the caller of
`Flow` says what happens (`indirect`, `restores`).  Flags are no registers here: of Exit nothing is checked.
"""
import re
from collections import namedtuple

import capstone
from capstone import x86

from emu import asm
from emu.asm.layout import Layout

REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{number}" for number in range(8, 16)))
WHOLE = {form.format(name): f"r{name}x" for name in "abcd" for form in ("r{}x", "e{}x", "{}x", "{}l", "{}h")}
WHOLE |= {form.format(name): f"r{name}" for name in ("si", "di", "bp", "sp") for form in ("r{}", "e{}", "{}", "{}l")}
WHOLE |= {form.format(number): f"r{number}" for number in range(8, 16) for form in ("r{}", "r{}d", "r{}w", "r{}b")}
VOLATILE = frozenset({"rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"})
ENTRY = ({name: name for name in REGISTERS}, ())  # what each register and stack word holds: a register of the entry, or None
STACK_POINTERS = (x86.X86_REG_RSP, x86.X86_REG_ESP)
SAME_TWICE = {"xor", "sub", "sbb", "cmp"}  # of a register with itself: its value does not matter

Effect = namedtuple("Effect", "changes reads")  # changes: None when it never returns
Contract = namedtuple("Contract", "entry exit changes keeps created")


# ---- what is claimed -------------------------------------------------------------------------------------------------


def registers(text):
    """Return the registers that a text names, by their 64-bit names; `r8-r11` are four."""
    for first, last in re.findall(r"\br(\d+)-r(\d+)\b", text):
        text += " ".join(f" r{number}" for number in range(int(first), int(last) + 1))
    return {WHOLE[word] for word in re.findall(r"\w+", text) if word in WHOLE}


def listed(text):
    """Return the registers of "rax, rcx", "all but rbx", "every register", "nothing else"."""
    if match := re.match(r"(?:all|every register)(?: but (.*))?", text):
        return set(REGISTERS) - registers(match[1] or "")
    return registers(text)


def contract(comment):
    """Return the Contract of a comment."""
    text = " ".join(line.strip().lstrip("#;/").strip() for line in comment.split("\n"))
    parts = {}
    for word, rest in re.findall(r"\b(Entry|Exit|Changes|Keeps)\b:?\s+((?:(?!\b(?:Entry|Exit|Changes|Keeps|Source)\b).)*)", text):
        rest = re.split(r"[.;(](?:\s|$)| \(", rest)[0] if word in ("Changes", "Keeps") else rest
        parts[word] = f"{parts.get(word, '')} {rest}".strip()
    changes, keeps = (listed(parts[word]) if word in parts else None for word in ("Changes", "Keeps"))
    created = re.search(r"\bcreated (?:partition|one)\b", text) is not None
    return Contract(registers(parts.get("Entry", "")), registers(parts.get("Exit", "")), changes, keeps, created)


def lies(claimed, effect):
    """Return what is not true of a Contract, as texts."""
    changed, found = (effect.changes or frozenset()) - {"rsp"}, []
    if claimed.changes is not None and (more := changed - claimed.changes - claimed.exit):
        found.append("changes " + ", ".join(sorted(more)) + " too")
    if claimed.keeps is not None and (lost := changed & claimed.keeps - claimed.exit):
        found.append("does not keep " + ", ".join(sorted(lost)))
    if claimed.changes is None and claimed.keeps is None:
        found.append("says neither what it changes nor what it keeps")
    if missing := effect.reads - claimed.entry:
        found.append("reads " + ", ".join(sorted(missing)) + ", which Entry does not name")
    return found


# ---- what is done ----------------------------------------------------------------------------------------------------


class Flow:
    """The routines of an image.

    indirect: {label: registers that a call or jump through a register or table may change in the code after the label};
    restores: {routine: registers that are the caller's again after it}; instead: {routine: the one that is called in its place};
    ends: labels that are never left.  `unclear` lists what was met and is not known.
    """

    def __init__(self, path, bits=64, indirect=(), restores=(), instead=(), ends=()):
        files, folder = asm._paths(path)
        self.source, given = asm._read(files, folder, {})
        layout = Layout(self.source.statements, given, None)
        layout.run()
        self.code, self.base, self.labels, self.word = bytes(layout.code), layout.base, layout.labels, bits // 8
        self.named = sorted((address, name) for name, address in self.labels.items() if "." not in name)
        self.decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64 if bits == 64 else capstone.CS_MODE_32)
        self.decoder.detail = True
        self.indirect, self.restores, self.decoded = dict(indirect), dict(restores), {}
        self.instead = {self.labels[name]: self.labels[other] for name, other in dict(instead).items() if name in self.labels}
        self.ends = {self.labels[name] for name in ends if name in self.labels}
        self.effects, self.unclear = {}, set()

    def solve(self, names):
        """Return {name: Effect}: routines again and again, until none of them has another effect than before."""
        known, changed = [self.labels[name] for name in names], True
        while changed:
            changed = False
            for entry in known:
                effect, callees = self.follow(entry)
                known += [callee for callee in dict.fromkeys(callees) if callee not in known]
                changed |= self.effects.get(entry) != effect
                self.effects[entry] = effect
        return {name: self.effects[self.labels[name]] for name in names}

    def follow(self, entry):
        """Return (Effect, callees) of a routine, by what is known of its callees."""
        self.reads, self.callees, changes = set(), [], None
        states, work = {entry: ENTRY}, [entry]
        while work:
            at = work.pop()
            for target, held, stack in () if at in self.ends else self.step(at, *states[at]):
                if target is None:
                    changes = (changes or set()) | {name for name in REGISTERS if held[name] != name}
                elif target not in states or (held, stack) != states[target]:
                    merged = self.merge(target, states.get(target, (held, stack)), (held, stack))
                    if merged != states.get(target):
                        states[target] = merged
                        work.append(target)
        return Effect(changes if changes is None else frozenset(changes), frozenset(self.reads) - {"rsp"}), self.callees

    def merge(self, at, one, other):
        """Return what is held after either of two ways."""
        if len(one[1]) != len(other[1]):
            self.note(at, "the stack has two depths")
            return one
        held = {name: value if other[0][name] == value else None for name, value in one[0].items()}
        return held, tuple(a if a == b else None for a, b in zip(one[1], other[1], strict=True))

    def name(self, at):
        """Return the last named label before an address."""
        return max((address, name) for address, name in self.named if address <= at)[1]

    def note(self, at, text):
        self.unclear.add(f"{self.name(at)}: {text}")

    def use(self, held, names):
        self.reads |= {held[name] for name in names} - {None}

    def decode(self, at):
        if at not in self.decoded:
            offset = at - self.base
            self.decoded[at] = next(self.decoder.disasm(self.code[offset : offset + 16], at))
        return self.decoded[at]

    def step(self, at, held, stack):
        """Yield (target, held, stack) after an instruction; target None is the return."""
        insn = self.decode(at)
        held, after, name = dict(held), at + insn.size, insn.mnemonic.split()[-1]
        first = insn.operands[0] if insn.operands else None
        if name == "ret":
            if stack:
                self.note(at, "RET with words on the stack")
            return [(None, held, stack)]
        if name in ("iretq", "iretd"):
            return []
        if name == "call":
            return [(after, held, stack)] if self.call(at, insn, first, held) else []
        if name == "jmp":
            return [self.jump(at, insn, first, held, stack)]
        if name[0] == "j" or name.startswith("loop"):
            self.ordinary(insn, name, held)
            return [(first.imm, held, stack), (after, held, stack)]
        stack = self.data(at, insn, name, first, held, stack)
        return [(after, held, stack)]

    def call(self, at, insn, first, held):
        """Let a call act on the registers; False when it does not return."""
        if first.type != x86.X86_OP_IMM:
            return self.through_table(at, insn, held)
        target = self.instead.get(first.imm, first.imm)
        self.callees.append(target)
        effect = self.effects.get(target, Effect(None, frozenset()))
        self.use(held, effect.reads)
        for name in effect.changes or ():
            held[name] = None
        for name in self.restores.get(self.name(target), ()):
            held[name] = name
        return effect.changes is not None

    def through_table(self, at, insn, held):
        self.use(held, self.access(insn)[0] - {"rsp"})
        if self.name(at) not in self.indirect:
            self.note(at, "an address is called that is not known")
        for name in self.indirect.get(self.name(at), VOLATILE):
            held[name] = None
        return True

    def jump(self, at, insn, first, held, stack):
        if first.type == x86.X86_OP_IMM:
            return first.imm, held, stack
        self.through_table(at, insn, held)
        return None, held, stack

    def data(self, at, insn, name, first, held, stack):
        """Let an instruction other than a branch act on the registers; returns the stack."""
        register = WHOLE.get(insn.reg_name(first.reg)) if first and first.type == x86.X86_OP_REG else None
        if name in ("push", "pushfq", "pushfd"):
            self.use(held, set() if register else self.access(insn)[0] - {"rsp"})
            return (*stack, held.get(register))
        if name in ("pop", "popfq", "popfd") and stack:
            if register:
                held[register] = stack[-1]
            return stack[:-1]
        if name == "retfq" and len(stack) > 1:  # a far jump: selector and offset were pushed
            return stack[:-2]
        if register == "rsp" and name in ("add", "sub", "lea"):
            return self.move_stack(at, insn, name, stack)
        self.move(insn, name, held)
        if held["rsp"] != "rsp":
            self.note(at, "RSP is set")
        return (None,) * len(stack) if any(map(self.on_stack, insn.operands)) else stack

    def move(self, insn, name, held):
        """Let an instruction that leaves the stack pointer alone act on the registers."""
        parts = [part for part in insn.operands if part.type == x86.X86_OP_REG and part.size == self.word]
        whole = [WHOLE.get(insn.reg_name(part.reg)) for part in parts]
        if name == "xchg" and len(whole) == 2:
            held[whole[0]], held[whole[1]] = held[whole[1]], held[whole[0]]
        elif name == "mov" and len(whole) == 2 and None not in whole:
            self.use(held, whole[1:])
            held[whole[0]] = held[whole[1]]
        else:
            self.ordinary(insn, name, held)

    @staticmethod
    def on_stack(part):
        """Return whether an operand is written where words were pushed."""
        return part.type == x86.X86_OP_MEM and part.access & capstone.CS_AC_WRITE and part.mem.base in STACK_POINTERS

    def move_stack(self, at, insn, name, stack):
        last = insn.operands[1]
        step = last.mem.disp if name == "lea" else last.imm if name == "add" else -last.imm
        if name == "lea" and WHOLE.get(insn.reg_name(last.mem.base)) != "rsp" or step > len(stack) * self.word:
            self.note(at, "RSP is set")
            return stack
        return stack[: len(stack) - step // self.word] if step > 0 else stack + (None,) * (-step // self.word)

    def ordinary(self, insn, name, held):
        reads, writes = self.access(insn)
        both = [part.reg for part in insn.operands if part.type == x86.X86_OP_REG]
        if name not in SAME_TWICE or len(both) < 2 or both[0] != both[1]:
            self.use(held, reads - {"rsp"})
        for register in writes:
            held[register] = None

    def access(self, insn):
        """Return the registers that an instruction reads, and those that it writes."""
        name = insn.mnemonic.split()[-1]
        reads, writes = ({WHOLE.get(insn.reg_name(each)) for each in part} - {None} for part in insn.regs_access())
        if name == "vmwrite":
            return {WHOLE[insn.reg_name(part.reg)] for part in insn.operands if part.type == x86.X86_OP_REG}, set()
        if name == "cpuid":  # ECX matters to some leaves alone
            reads = {"rax"}
        return reads, writes | ({"rax"} if name == "cmpxchg" else set())
