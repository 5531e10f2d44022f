"""Where things lie inside the execution engine, and the proof that they lie there.

Offsets are those of Unicorn 2.1.4 built for 64-bit x86 hosts (CPUState, CPUClass, uc_struct,
TranslationBlock).  They are private to that version, which is compared.  `verify` writes known values through Unicorn's public
interface and reads them back at these offsets, follows pointers that lead back, and refuses to start when one is not there; what only a
run would show (TranslationBlock, what is in an entry of the TLB) the tests show, but for the count of blocks: a scratch engine runs once.
"""
import ctypes
from functools import cache

from emu.bits import ALL_ONES, value_of
from emu.core import native, rows
from emu.core.state import BLOCK, CORE
from emu.errors import EngineError
from emu.spec.cpu import DESCRIPTOR, RFLAGS, SEG, SYSTYPE
from emu.spec.engine import HFLAGS
from emu.state import CPU, ENV

# uc_struct
UC_CPU, UC_INVALID_ERROR, UC_STOP_REQUEST, UC_NESTED_LEVEL, UC_TCG_CTX = 440, 1424, 1389, 14840, 768
UC_USE_EXITS, UC_EXITS = 1428, 1432
UC_NO_EXIT_REQUEST, UC_INIT_DONE, UC_QUIT_REQUEST = 2034, 2035, 1390
# CPUState
CS_CREATED, CS_STOPPED, CS_EXIT_REQUEST, CS_CFLAGS_NEXT, CS_ENV_PTR, CS_CLUSTER, CS_UC = 16, 18, 21, 24, 296, 33172, 33192
CS_HALTED, CS_EXCEPTION, CS_CLASS, CS_TCG_EXIT = 33176, 33184, 33200, 33208
CS_ENV = 35408                             # the ENV follows CPUState and the TLB at this distance
# TCGContext: where the next block's code goes, and up to where it may; its uc_struct; what ends translated code
TCG_CODE_PTR, TCG_HIGHWATER, TCG_UC, TCG_EPILOGUE, TCG_THROWN, TCG_BUFFER_BYTES = 192, 208, 39280, 152, 216, 64 << 20
# CPUClass
CLASS_UNALIGNED, CLASS_TLB_FILL, CLASS_ENTER, CLASS_EXIT = 24, 72, 128, 136
# TranslationBlock
TB_PC, TB_CS_BASE, TB_FLAGS, TB_SIZE, TB_ICOUNT, TB_CFLAGS, TB_CODE, TB_PAGE0, TB_PAGE1 = 0, 8, 16, 20, 22, 24, 32, 72, 80
TB_KINDS = 0xFF0E_FFFF                     # bits of its cflags that a look-up compares
# The engine's TLB: CPUTLB lies before the ENV, with descriptors (entries in use) and tables (mask, address) for each MMU mode
ENGINE_TLB, TLB_DESCRIPTORS, TLB_DESCRIPTOR_BYTES, TLB_USED, TLB_TABLES, TLB_TABLE_BYTES, TLB_TABLE_ENTRIES = 2192, 32, 696, 32, 2128, 16, 8
TLB_ENTRY_SHIFT, ENTRY_WRITE, ENTRY_CODE, ENTRY_FRAME, ENTRY_ADDEND = 6, 8, 16, 24, 32
TLB_MODES = 3
TLB_MOST_USED, TLB_VICTIMS, TLB_VICTIM_COUNT = 24, 48, 8     # of a descriptor: entries used lately; those that were thrown out
CS_JUMPS, JUMPS = 312, 4096                # CPUState: blocks by their address (tb_jmp_cache)
# CPUArchState beyond what the ENV record names
ENV_FEATURES = 5632
ENV_SSE_END = 3200                         # x87, MMX and SSE state ends here; it begins with `fpstt`

# Second descriptor word of a TSS: its type is "busy" (SDM 3A, "TSS Descriptor")
TASK_BUSY = int(value_of(DESCRIPTOR, TYPE=SYSTYPE.BUSY_TSS - SYSTYPE.TSS))

OURS = ("owner", "found", "epoch", "left", "ran")    # fields of ENV that Unicorn has for what ours never do

# What a far return changes besides RSP: RIP, flags, segments
STATE_FIRST = ENV.fields["rip"][1]
STATE_BYTES = ENV.fields["cr"][1] - STATE_FIRST

# The table of found blocks (stubs/find.ll): 2**FOUND_BITS slots of four words, in one line of the host's cache; then a word for each.
# In the line before it, last: where the engine counts the blocks that it has thrown away.
FOUND_BITS, FOUND_ALIGNMENT = 14, 64
FOUND_WORDS, FOUND_LEAD = 5 << FOUND_BITS, FOUND_ALIGNMENT // 8
# A block's code begins at a multiple of this; its entry (emu.core.state.BLOCK) lies in front of it, after its TranslationBlock.
# Between the two: what the block begins with (emu.core.head).
CODE_ALIGNMENT, HEAD_BYTES = 64, 64
assert (BLOCK.itemsize + HEAD_BYTES) % CODE_ALIGNMENT == 0, "the entry is found by rounding an address in the code down"


def offset(dtype, field):
    """Return the byte offset of a field of a record dtype."""
    return dtype.fields[field][1]


def stub_constants():
    """Return the numbers that the stubs of `native` are made with."""
    owner = offset(ENV, "owner")
    return dict(ts=int(HFLAGS.TS), lma=int(HFLAGS.LMA), cs64=int(HFLAGS.CS64), not_busy=~TASK_BUSY,
                tb_size=TB_SIZE, env_rsp=32, state_first=STATE_FIRST, state_bytes=STATE_BYTES, far_state=offset(CPU, "far_state"),
                cpu_core=offset(CPU, "core"), core_value_read=offset(CORE, "value_read"),
                core_stores=offset(CORE, "x87_stores"), core_status=offset(CORE, "x87_status"),
                core_place=offset(CORE, "x87_place"), core_tag=offset(CORE, "x87_tag"), core_value=offset(CORE, "x87_value"),
                **_find_constants(),
                env_hflags=offset(ENV, "hflags"), env_eflags=offset(ENV, "eflags"), env_cc_src=offset(ENV, "cc_src"),
                env_mxcsr=offset(ENV, "mxcsr"), env_cr4=offset(ENV, "cr") + 32, env_error=offset(ENV, "error_code"),
                env_xcr0=offset(ENV, "xcr0"), env_fpus=offset(ENV, "fpus"), env_ss_attributes=offset(ENV, "seg") + 8 * 8 + 4,
                env_tr_attributes=offset(ENV, "seg") + 7 * 24 + 20,
                ferr=offset(CPU, "ferr"), iret_step=offset(CPU, "iret_step"), uc_cpu=UC_CPU,
                cs_owner=CS_ENV + owner, env_owner=owner, cs_env=CS_ENV, exception_index=CS_EXCEPTION,
                tcg_code_ptr=TCG_CODE_PTR, tcg_highwater=TCG_HIGHWATER, tcg_uc=TCG_UC, code_alignment=CODE_ALIGNMENT, new=int(rows.NEW),
                entry_bytes=BLOCK.itemsize + HEAD_BYTES, entry_next=offset(BLOCK, "next"), entry_cost=offset(BLOCK, "cost"),
                deadline=offset(CPU, "deadline"), env_left=offset(ENV, "left"), core_end=offset(CORE, "end"))


def _find_constants():
    """Return the numbers of `stubs/find.ll`."""
    found, epoch = offset(ENV, "found"), offset(ENV, "epoch")
    table = TLB_TABLES - ENGINE_TLB                               # from the ENV on
    return dict(env_found=found, env_epoch=epoch, cs_epoch=CS_ENV + epoch, found_thrown=-8, found_bits=FOUND_BITS,
                found_mask=(1 << FOUND_BITS) - 1, found_hosts=32 << FOUND_BITS, found_tb=(1 << 48) - 1,
                env_rip=offset(ENV, "rip"), env_cs_base=offset(ENV, "seg") + 8 * (3 * int(SEG.CS) + 1),
                tlb_mask=table, tlb_entries=table + TLB_TABLE_ENTRIES, tlb_shift=12 - TLB_ENTRY_SHIFT, tlb_code=ENTRY_CODE,
                tlb_addend=ENTRY_ADDEND, cpl=int(HFLAGS.CPL), smap=int(HFLAGS.SMAP), smap_ac=int(HFLAGS.SMAP | RFLAGS.AC),
                flags_of_blocks=int(RFLAGS.TF | RFLAGS.IOPL | RFLAGS.RF | RFLAGS.VM | RFLAGS.AC), tb_pc=TB_PC, tb_cs_base=TB_CS_BASE,
                tb_flags=TB_FLAGS, tb_cflags=TB_CFLAGS, tb_kinds=TB_KINDS, tb_code=TB_CODE, tb_page1=TB_PAGE1, cs_cluster=CS_CLUSTER,
                cs_uc=CS_UC, uc_tcg=UC_TCG_CTX, tcg_epilogue=TCG_EPILOGUE)


def word(address):
    """Return the 64-bit word at a host address."""
    return ctypes.c_uint64.from_address(address).value


def verify(uc):
    """Check the layout on a fresh engine of Unicorn; returns (engine, cpu, env) addresses.

    Raises EngineError naming what is not where it should be.
    """
    from unicorn import x86_const as x86
    handle = getattr(uc._uch, "value", uc._uch)
    maps = _Maps()
    cs = maps.word(handle + UC_CPU, "the processor")
    env = maps.word(cs + CS_ENV_PTR, "the processor state")
    if env != cs + CS_ENV:
        raise EngineError(f"the engine's processor state lies {env - cs} bytes after its processor, not {CS_ENV}")
    lib = native.library()
    vtable = maps.word(cs + CS_CLASS, "the processor class")
    for where, name in ((CLASS_TLB_FILL, "x86_cpu_tlb_fill"), (CLASS_ENTER, "x86_cpu_exec_enter"), (CLASS_EXIT, "x86_cpu_exec_exit")):
        if maps.word(vtable + where, name) != lib.address(name + native.SUFFIX):
            raise EngineError(f"the engine's processor class does not hold {name} at offset {where}")
    if word(vtable + CLASS_UNALIGNED):
        raise EngineError(f"the engine's processor class has a function for unaligned accesses at offset {CLASS_UNALIGNED}")
    for register, field, index in ((x86.UC_X86_REG_RAX, "regs", 0), (x86.UC_X86_REG_R15, "regs", 15), (x86.UC_X86_REG_RIP, "rip", 0),
                                   (x86.UC_X86_REG_CR2, "cr", 2), (x86.UC_X86_REG_DR0, "dr", 0), (x86.UC_X86_REG_GS_BASE, "seg", 16)):
        value = 0x1122334455660000 | register
        uc.reg_write(register, value)
        if word(env + offset(ENV, field) + 8 * index) != value:
            raise EngineError(f"the engine's processor state does not hold {field}[{index}] at offset {offset(ENV, field)}")
        uc.reg_write(register, 0)
    tcg = maps.word(handle + UC_TCG_CTX, "the translator")
    if not 0 < maps.word(tcg + TCG_HIGHWATER, "the translator") - maps.word(tcg + TCG_CODE_PTR, "the translator") < TCG_BUFFER_BYTES:
        raise EngineError(f"the engine's translator does not hold its code buffer at offsets {TCG_CODE_PTR} and {TCG_HIGHWATER}")
    if word(tcg + TCG_UC) != handle or word(cs + CS_UC) != handle:
        raise EngineError(f"the engine's translator and processor do not hold their engine at offsets {TCG_UC} and {CS_UC}")
    if not -TCG_BUFFER_BYTES < word(tcg + TCG_EPILOGUE) - word(tcg + TCG_CODE_PTR) < TCG_BUFFER_BYTES:
        raise EngineError(f"the engine's translator does not hold the end of translated code at offset {TCG_EPILOGUE}")
    _verify_tlb(maps, cs)
    if word(tcg + TCG_THROWN) or not _counts_thrown(TCG_THROWN):
        raise EngineError(f"the engine's translator does not count the blocks that it throws away at offset {TCG_THROWN}")
    if any(word(env + offset(ENV, name)) for name in OURS):
        raise EngineError("the engine uses the fields that hvlab marks its engines with, finds blocks and keeps time by")
    return handle, cs, env


@cache
def _counts_thrown(where):
    """Return whether the translator of an engine counts there the blocks that it throws away: one runs two blocks for it."""
    from unicorn import UC_ARCH_X86, UC_MODE_64, Uc
    uc, place, text = Uc(UC_ARCH_X86, UC_MODE_64), 0x1000, bytes.fromhex("eb00 90")    # jmp .+2; nop
    uc.ctl_set_tcg_buffer_size(TCG_BUFFER_BYTES)
    uc.mem_map(place, 0x1000)
    uc.mem_write(place, text)
    count = ctypes.c_uint64.from_address(word(getattr(uc._uch, "value", uc._uch) + UC_TCG_CTX) + where)
    found = [count.value]
    uc.emu_start(place, place + len(text))                 # throws the block away at which it ends
    found.append(count.value)
    for _ in range(2):                                     # the first block; then it is gone
        uc.ctl_remove_cache(place, place + 1)
        found.append(count.value)
    return found == [0, 1, 2, 2]


def _verify_tlb(maps, cs):
    """Check that the tables and descriptors of the TLB of an engine that has run nothing lie where `emu.core.ledger` looks."""
    for mode in range(TLB_MODES):
        table = cs + CS_ENV - ENGINE_TLB + TLB_TABLES + mode * TLB_TABLE_BYTES
        entries = (word(table) >> TLB_ENTRY_SHIFT) + 1
        used = word(cs + CS_ENV - ENGINE_TLB + TLB_DESCRIPTORS + mode * TLB_DESCRIPTOR_BYTES + TLB_USED)
        if entries & entries - 1 or used or maps.word(word(table + TLB_TABLE_ENTRIES) + ENTRY_CODE, "a table of the TLB") != ALL_ONES:
            raise EngineError(f"the engine does not hold the table of MMU mode {mode} at offset {TLB_TABLES - ENGINE_TLB} of its "
                              "processor state")


class _Maps:
    """Reads words of this process without the risk of a fault."""

    def __init__(self):
        self.memory = open("/proc/self/mem", "rb", buffering=0)

    def word(self, address, what):
        try:
            self.memory.seek(address)
            return int.from_bytes(self.memory.read(8), "little")
        except (OSError, ValueError, OverflowError) as error:
            raise EngineError(f"the engine's pointer to {what} leads nowhere ({address:#x})") from error

    def __del__(self):
        self.memory.close()
