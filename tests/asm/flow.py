"""What the routines of an image do: registers that each changes, those it reads before it sets them, what callers read after it.

A routine is followed from its label along every branch.  A register holds what a register held at the entry, or what a call left in
it, or the address of a place on the stack, or something else; PUSH, POP, XCHG and MOV take that along, calls do what the routine
called does.  Where two ways meet, either may be held.  So "changes" and "reads" may be too many (a branch that is never taken
together with another), and too few only in this: after a call, a register that the routine sets on some ways alone is taken to be set.
What an instruction of 8 or 16 bits sets is part of a register: the rest is still held, after a call too.

Not followed: memory but the stack.  Where a register is kept in a field, or an address is called that a table holds, the caller of
`Flow` says what happens (`restores`, `tables`).  A routine that gets the address of a place on the stack is taken to write the word
there and none above it.  The flags are one register, "flags", in what is read; that they change is taken for granted, and an
instruction that sets some of them sets all.
"""
from collections import namedtuple

import capstone
from capstone import x86

from emu import asm
from emu.asm.layout import Layout
from tests.asm.registers import LANES, REGISTERS, WHOLE, Place, Result, put, take, value_of, whole_of

VOLATILE = frozenset({"rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"})
ARITHMETIC = ("add", "inc", "sub", "dec", "and", "or", "adc", "sbb", "cmovb")
SAME_TWICE = {"xor", "sub", "sbb", "cmp"}  # of a register with itself: its value does not matter
MAY_LEAVE = ("cmov", "bsf", "bsr", "lsl", "lar")  # may leave their destination as it is
READ_FLAGS = ("lahf", "rcl", "rcr", "cmc", "adox")  # which the decoder does not list
RETURNS = ("ret", "retf", "retfq", "iretq", "iretd", "iret")
LEAVES = ("ud2", "ud1", "ud0", "sysret", "sysretq", "sysexit", "ljmp")
STRING_STORES = {name + size for name in ("stos", "movs", "ins") for size in "bwdq"}  # to [rdi]
PUSHES, POPS = ("push", "pushfq", "pushfd", "pushf"), ("pop", "popfq", "popfd", "popf")
UNLISTED = {"xlatb": ({"rax", "rbx"}, {"rax"}), "syscall": (set(), {"rcx", "r11"})}  # that the decoder does not list: read, written
TESTED = sum(getattr(x86, f"X86_EFLAGS_TEST_{flag}") for flag in ("CF", "ZF", "SF", "OF", "PF", "AF"))
FLAGS_SET = sum(getattr(x86, f"X86_EFLAGS_{how}_{flag}") for how in ("MODIFY", "RESET", "SET") for flag in ("CF", "ZF", "SF"))
VMX = ("vm", "inv")  # set flags, which the decoder does not list

# changes: None when it never returns.  What is held is a set of: a register of the entry; a Result; a Place; nothing of these.
Effect = namedtuple("Effect", "changes reads")
SOMETHING = frozenset({None})
ANYWHERE = -(1 << 30)  # an offset below every place


def results(flows):
    """Return {name of a routine or table: registers that are read after calls of it}.  flows: {name of a routine: its Flow}."""
    passed, work, seen, found = {}, [], set(), {}
    for name, flow in flows.items():
        work += flow.wanted[flow.labels[name]]
        passed[flow.labels[name]] = flow.passed[flow.labels[name]]
    while work:
        result = work.pop()
        if result not in seen:
            seen.add(result)
            found.setdefault(result.routine, set()).add(whole_of(result.register))
            work += passed.get(result.routine, {}).get(result.register, ())
    names = {flow.labels[name]: name for name, flow in flows.items()}
    return {names.get(routine, routine): read for routine, read in found.items()}


class Flow:
    """The routines of an image.

    tables: {label: (name of a table, registers that its routines may change)}, of the code after the label, which calls or jumps
    through a register or memory; restores: {routine: registers that are the caller's again after it}; instead: {routine: the one
    that is called in its place}; ends: labels that are never left; loaded: {routine: registers that it has set where it reads
    them}; resume: label of the word that holds where a routine goes on after an instruction that faults.  `unclear` lists what was
    met and is not known.
    """

    def __init__(self, path, bits=64, tables=(), restores=(), instead=(), ends=(), loaded=(), resume=None):
        files, folder = asm._paths(path)
        self.source, given = asm._read(files, folder, {})
        layout = Layout(self.source.statements, given, None)
        layout.run()
        self.code, self.base, self.labels, self.word = bytes(layout.code), layout.base, layout.labels, bits // 8
        self.named = sorted((address, name) for name, address in self.labels.items() if "." not in name)
        self.decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64 if bits == 64 else capstone.CS_MODE_32)
        self.decoder.detail = True
        self.tables, self.restores, self.decoded = dict(tables), dict(restores), {}
        self.instead = {self.labels[name]: self.labels[other] for name, other in dict(instead).items() if name in self.labels}
        self.ends = {self.labels[name] for name in ends if name in self.labels}
        self.loaded = {self.labels[name]: registers for name, registers in dict(loaded).items() if name in self.labels}
        self.resume = self.labels.get(resume)
        self.known = {}  # address: the Effect of a routine that is not to be followed
        self.effects, self.wanted, self.passed, self.unclear = {}, {}, {}, set()
        self.left = {}  # address of a routine: names, of what it changes in part, that may hold on return what they held

    def solve(self, names):
        """Return {name: Effect}: routines again and again, until none of them has another effect than before."""
        known, changed = list(dict.fromkeys(self.labels[name] for name in names)), True
        while changed:
            changed = False
            for entry in known:
                left = self.left.get(entry)
                effect, callees = self.follow(entry)
                known += [callee for callee in dict.fromkeys(callees) if callee not in known]
                changed |= self.effects.get(entry) != effect or self.left[entry] != left
                self.effects[entry] = effect
        return {name: Effect(effect.changes, frozenset(map(whole_of, effect.reads)))
                for name in names for effect in [self.effects[self.labels[name]]]}

    def follow(self, entry):
        """Return (Effect, callees) of a routine, by what is known of its callees."""
        self.reads, self.callees, changes, passed, left = set(), [], None, {}, set()
        first = {name: frozenset({name}) for name in (*REGISTERS, "flags")} | {"rsp": frozenset({Place(0, True)})}
        states, work = {entry: (first, ())}, [entry]
        while work:
            at = work.pop()
            for target, held, stack in () if at in self.ends else self.step(at, *states[at]):
                if target is None:
                    changes = (changes or set()) | {name for name in REGISTERS if held[name] != first[name]}
                    for name in (*first, *(f"{name}.{lane}" for name in REGISTERS for lane in "lh")):
                        values, whole = value_of(held, name), whole_of(name)
                        passed.setdefault(name, set()).update(value for value in values if isinstance(value, Result))
                        if name in values and not held.keys().isdisjoint({f"{whole}.l", f"{whole}.h"}):
                            left.add(name)
                elif target not in states or (held, stack) != states[target]:
                    merged = self.merge(target, states.get(target, (held, stack)), (held, stack))
                    if merged != states.get(target):
                        states[target] = merged
                        work.append(target)
        self.wanted[entry] = {value for value in self.reads if isinstance(value, Result)}
        self.passed[entry], self.left[entry] = passed, left
        reads = frozenset(value for value in self.reads if isinstance(value, str) and whole_of(value) not in self.loaded.get(entry, ()))
        return Effect(changes if changes is None else frozenset(changes), reads), self.callees

    def merge(self, at, one, other):
        """Return what is held after either of two ways."""
        if len(one[1]) != len(other[1]):
            self.note(at, "the stack has two depths")
            return one
        held = {name: value_of(one[0], name) | value_of(other[0], name) for name in one[0] | other[0]}
        return held, tuple(map(frozenset.union, one[1], other[1]))

    def name(self, at):
        """Return the last named label before an address."""
        return max((address, name) for address, name in self.named if address <= at)[1]

    def note(self, at, text):
        self.unclear.add(f"{self.name(at)}: {text}")

    def use(self, held, names):
        for name in names:
            self.reads |= value_of(held, name)

    def decode(self, at):
        """Return the instruction at an address, None if there is none."""
        if at not in self.decoded:
            offset = at - self.base
            self.decoded[at] = next(self.decoder.disasm(self.code[offset : offset + 16], at), None) if offset >= 0 else None
        return self.decoded[at]

    # ---- branches ----------------------------------------------------------------------------------------------------

    def step(self, at, held, stack):
        """Yield (target, held, stack) after an instruction; target None is the return."""
        insn = self.decode(at)
        if insn is None:
            self.note(at, "no instruction follows")
            return []
        held, after, name = dict(held), at + insn.size, insn.mnemonic.split()[-1]
        first = insn.operands[0] if insn.operands else None
        if name in RETURNS:
            return self.leave(at, name, held, stack)
        if name in LEAVES:
            return []
        if name == "call":
            back, stack = self.call(at, insn, first, held, stack)
            return [(after, held, stack)] if back else []
        if name == "jmp":
            return self.jump(at, insn, first, held, stack)
        if name in ("bsf", "bsr") and (after_it := self.decode(after)) is not None and after_it.mnemonic in ("je", "jne"):
            return self.found(insn, name, after_it, held, stack)
        if name[0] == "j" or name.startswith("loop"):
            self.ordinary(insn, name, held)
            return [(first.imm, held, stack), (after, held, stack)]
        stack = self.data(at, insn, name, first, held, stack)
        if name == "mov" and first.type == x86.X86_OP_MEM and self.resume is not None and self.address(insn, first) == self.resume:
            return [(after, held, stack), (insn.operands[1].imm, held, stack)]
        return [(after, held, stack)]

    def found(self, insn, name, branch, held, stack):
        """BSF or BSR, and JZ or JNZ after it: where it has found nothing the destination is what it was."""
        some, none = branch.operands[0].imm, branch.address + branch.size
        stack = self.data(insn.address, insn, name, insn.operands[0], held, stack)
        register = WHOLE[insn.reg_name(insn.operands[0].reg)]
        set_there = dict(held)
        put(set_there, register, SOMETHING)
        if branch.mnemonic == "je":
            some, none = none, some
        return [(some, set_there, stack), (none, held, stack)]

    @staticmethod
    def address(insn, part):
        """Return the address of a memory operand relative to RIP, None of another."""
        return insn.address + insn.size + part.mem.disp if part.mem.base == x86.X86_REG_RIP else None

    def leave(self, at, name, held, stack):
        """RET, or a far return to what was pushed: a jump, within the routine if selector and offset alone were pushed."""
        if not stack:
            return [(None, held, stack)]
        if name in ("retf", "retfq") and len(stack) > 1:
            top = {"rsp": frozenset({Place(-(len(stack) - 2) * self.word, True)})}
            return [(at + self.decode(at).size, held | top, stack[:-2])]
        if name[0] != "i":
            self.note(at, f"{name.upper()} with words on the stack")
            return [(None, held, stack)]
        return []

    def call(self, at, insn, first, held, stack):
        """Let a call act on the registers; returns (whether it returns, the stack)."""
        if first.type != x86.X86_OP_IMM:
            stack = self.lent(held, VOLATILE, stack)
            self.through_table(at, insn, held)
            return True, stack
        target = self.instead.get(first.imm, first.imm)
        self.callees.append(target)
        effect = self.known.get(target) or self.effects.get(target, Effect(None, frozenset()))
        self.use(held, effect.reads)
        stack = self.lent(held, effect.reads, stack)
        for name in (*(effect.changes or ()), "flags"):
            if name != "rsp":
                self.result(held, target, name)
        for name in self.restores.get(self.name(target), ()):
            put(held, name, frozenset({name}))
        return effect.changes is not None, stack

    def result(self, held, target, name):
        """Let a register hold what a call left there: where the routine sets a part of it, the rest is what it was."""
        left, before = self.left.get(target, set()), dict(held)
        parts = (name, f"{name}.l", f"{name}.h")
        for part in parts if not left.isdisjoint(parts) else (name,):
            put(held, part, frozenset({Result(target, part)}) | (value_of(before, part) if part in left else frozenset()))

    def lent(self, held, names, stack):
        """Return the stack after a call that gets addresses of places there in registers: it writes the word at each."""
        places = [value for name in names for value in value_of(held, name) if isinstance(value, Place)]
        return tuple(
            SOMETHING if any(self.overlap(place, 1, at) for place in places) else value for at, value in enumerate(stack)
        )

    def through_table(self, at, insn, held):
        self.use(held, self.access(insn)[0] - {"rsp"})
        label = self.name(at)
        if label not in self.tables:
            self.note(at, "an address is called that is not known")
        table, may = self.tables.get(label, (label, VOLATILE))
        for name in (*may, "flags"):
            put(held, name, frozenset({Result(table, name)}))

    def jump(self, at, insn, first, held, stack):
        if first.type == x86.X86_OP_IMM:
            return [(first.imm, held, stack)]
        self.through_table(at, insn, held)
        return [(None, held, stack)]

    # ---- registers and the stack -------------------------------------------------------------------------------------

    def data(self, at, insn, name, first, held, stack):
        """Let an instruction other than a branch act on the registers; returns the stack."""
        register = WHOLE.get(insn.reg_name(first.reg)) if first and first.type == x86.X86_OP_REG else None
        if name in PUSHES[1:] + POPS[1:]:
            register = "flags"
        if name in PUSHES:
            if register is None:
                self.use(held, self.access(insn)[0] - {"rsp"})
            stack = (*stack, held.get(register, SOMETHING))
        elif name in POPS and stack:
            if register:
                put(held, register, stack[-1])
                self.reads |= stack[-1] & {"flags"} if register != "flags" else set()
            stack = stack[:-1]
        elif register == "rsp" and name in ("add", "sub", "lea", "mov"):
            return self.set_stack(at, insn, name, held, stack)
        else:
            stack = self.move(at, insn, name, held, stack)
        top = frozenset({Place(-len(stack) * self.word, True)})
        if held["rsp"] != top and name not in PUSHES + POPS:
            self.note(at, "RSP is set")
        held["rsp"] = top
        return stack

    def move(self, at, insn, name, held, stack):
        """Let an instruction that leaves the stack pointer alone act on the registers; returns the stack."""
        parts = [part for part in insn.operands if part.type == x86.X86_OP_REG and part.size == self.word]
        whole = [WHOLE.get(insn.reg_name(part.reg)) for part in parts]
        memory = next((part for part in insn.operands if part.type == x86.X86_OP_MEM), None)
        place = self.place(insn, memory, held) if memory else None
        at_word = self.word_at(place, memory, stack) if place else None
        if name in STRING_STORES and any(isinstance(value, Place) for value in held["rdi"]):
            place = Place(ANYWHERE, False)
        if name == "xchg" and len(whole) == 2:
            before = dict(held)
            take(held, whole[0], before, whole[1])
            take(held, whole[1], before, whole[0])
        elif name == "mov" and len(whole) == 2 and None not in whole:
            self.use(held, whole[1:])
            take(held, whole[0], dict(held), whole[1])
        elif name == "mov" and len(whole) == 1 and at_word is not None and memory.access & capstone.CS_AC_READ:
            self.reads |= stack[at_word]
            put(held, whole[0], stack[at_word])
        elif name == "lea" and place and whole:
            put(held, whole[0], frozenset({self.led(insn, memory, held, place)}))
        else:
            if name != "lea" and place and memory.access & capstone.CS_AC_READ:
                self.reads |= SOMETHING.union(*self.reached(place, memory.size, stack))
            self.ordinary(insn, name, held)
        return self.stored(name, held, stack, memory, place, whole, at_word)

    def stored(self, name, held, stack, memory, place, whole, at_word):
        """Return the stack after what an instruction writes to memory."""
        size = memory.size if memory else 0
        if not (memory and name != "lea" and memory.access & capstone.CS_AC_WRITE):
            return stack
        kept = held[whole[0]] if name == "mov" and len(whole) == 1 and at_word is not None else SOMETHING
        lost = [at for at in range(len(stack)) if place and self.overlap(place, size, at)]
        return tuple(kept if at in lost else value for at, value in enumerate(stack))

    def overlap(self, place, size, at):
        """Return whether word `at` of the stack (the first pushed is 0) is in so many bytes from a Place."""
        low = -(at + 1) * self.word
        return low + self.word > place.offset and (not place.exact or low < place.offset + size)

    def led(self, insn, memory, held, place):
        """Return the Place that LEA gives: from another register than RSP it is not exact, so that a loop comes to an end."""
        base, index = (WHOLE.get(insn.reg_name(part)) for part in (memory.mem.base, memory.mem.index))
        if base == "rsp" and not index:
            return place
        places = [value.offset for name in (base, index) if name for value in held[name] if isinstance(value, Place)]
        return Place(min(places) if memory.mem.disp >= 0 and not index else ANYWHERE, False)

    def reached(self, place, size, stack):
        return [value for at, value in enumerate(stack) if self.overlap(place, size, at)]

    def word_at(self, place, memory, stack):
        """Return the number of the word that a memory operand is, or None."""
        at = -place.offset // self.word - 1
        return at if place.exact and place.offset % self.word == 0 and memory.size == self.word and 0 <= at < len(stack) else None

    def place(self, insn, memory, held):
        """Return the Place that a memory operand is, None if it is not on the stack."""
        base, index = (WHOLE.get(insn.reg_name(part)) for part in (memory.mem.base, memory.mem.index))
        places = [value for name in (base, index) if name for value in held[name] if isinstance(value, Place)]
        if not places or memory.mem.segment:
            return None
        low = min(place.offset for place in places) + (memory.mem.disp if len(places) == 1 else 0)
        return Place(low, len(places) == 1 and places[0].exact and not index)

    def set_stack(self, at, insn, name, held, stack):
        """Return the stack after ADD, SUB, LEA or MOV to RSP."""
        last, here = insn.operands[1], -len(stack) * self.word
        if name in ("lea", "mov"):
            memory = name == "lea"
            known = memory or last.type == x86.X86_OP_REG
            register = WHOLE.get(insn.reg_name(last.mem.base if memory else last.reg)) if known else None
            places = held.get(register, SOMETHING)
            exact = [value for value in places if isinstance(value, Place) and value.exact] if len(places) == 1 else []
            target = exact[0].offset + (last.mem.disp if memory else 0) if exact and not (memory and last.mem.index) else None
        else:
            target = here + (last.imm if name == "add" else -last.imm) if last.type == x86.X86_OP_IMM else None
        if target is None or target > 0:
            self.note(at, "RSP is set")
            return stack
        words = -target // self.word
        stack = stack[:words] + (SOMETHING,) * (words - len(stack))
        held["rsp"] = frozenset({Place(-words * self.word, True)})
        return stack

    def ordinary(self, insn, name, held):
        """Let an instruction act on the registers that it names: it reads some, and sets some to something else."""
        reads, writes = self.access(insn)
        both = [part.reg for part in insn.operands if part.type == x86.X86_OP_REG]
        same = name in SAME_TWICE and len(both) > 1 and both[0] == both[1]
        self.use(held, reads & {"flags"} if same else reads - {"rsp"})
        places = [value.offset for register in reads for value in value_of(held, register) if isinstance(value, Place)]
        value = SOMETHING
        if places and name in ARITHMETIC:
            value = frozenset({Place(min(places) if name in ("add", "inc") else ANYWHERE, False)})
        leaves = name.startswith(MAY_LEAVE) or insn.prefix[0] == x86.X86_PREFIX_REP and name.startswith("lods")
        before = dict(held)
        for register in writes:
            put(held, register, value | (value_of(before, register) if leaves and register != "flags" else SOMETHING))

    def access(self, insn):
        """Return the registers, and parts of registers, that an instruction reads, and those that it writes."""
        name = insn.mnemonic.split()[-1]
        names = ([insn.reg_name(each) for each in part] for part in insn.regs_access())
        reads, writes = ({LANES.get(each, WHOLE.get(each)) for each in part} - {None} for part in names)
        if name in UNLISTED:
            reads, writes = map(set, UNLISTED[name])
        if name == "vmwrite":
            reads, writes = {WHOLE[insn.reg_name(part.reg)] for part in insn.operands if part.type == x86.X86_OP_REG}, set()
        if name == "cpuid":  # ECX matters to some leaves alone
            reads = {"rax"}
        if name == "cmpxchg":
            writes |= reads & {"rax", "rax.l", "rax.w"}
        if name in ("and", "test") and insn.operands[1].type == x86.X86_OP_IMM and 0 <= insn.operands[1].imm < 1 << 8:
            first = insn.operands[0]
            reads = {f"{each}.l" if first.type == x86.X86_OP_REG and "." not in each else each for each in reads}
        reads |= {"flags"} if insn.eflags & TESTED or name in READ_FLAGS else set()
        return reads, writes | ({"flags"} if insn.eflags & FLAGS_SET or name.startswith(VMX) else set())
