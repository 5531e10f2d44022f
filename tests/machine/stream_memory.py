"""What random programs (tests/machine/streams.py) find in memory: descriptor tables, a TSS, page tables of every mode, handlers."""
import struct
from functools import cache
from pathlib import Path
from random import Random

from emu.asm import assemble
from emu.spec.profile import REVISION

RAM_BYTES = 2 << 20
GDT, IDT_64, IDT_32, TSS, LDT = 0x1000, 0x2000, 0xF000, 0x3000, 0x3800
PML4, PDPT, LOW_PD, HIGH_PD, LOW_PT, PDPT_PAE, PD_32, PT_32 = 0x4000, 0x5000, 0x6000, 0x8000, 0x7000, 0x9000, 0xE000, 0x14000
VMXON, VMCS_AT, BITMAPS, VIRTUAL_APIC, EPT, LIST, TSS_64 = 0xA000, 0xB000, 0xC000, 0x13000, 0x15000, 0x19000, 0x1A000
CODE_PAGE, DATA, STACK_0, STACK_3 = 0x20000, 0x30000, 0x52000, 0x41000
START = 0xF80                                              # of a program in its page: most cross its end
ABSENT, READ_ONLY, NOT_CODE = 0x31000, 0x33000, 0x34000
DEVICES = (0xFEE0_0000, 0xFEC0_0000)
PLACES = (DATA, DATA + 0x800, DATA + 0xFFC, ABSENT - 4, ABSENT, READ_ONLY + 8, NOT_CODE, 0x1F_FFF8, RAM_BYTES, 0xB_8000, 0xFFFF_FFF0,
          0xFFFE_0000, 0xFEE0_0020, 0xFEE0_0030, 0xFEE0_0080, 0xFEE0_00B0, 0xFEE0_0300, 0xFEE0_0FFC, 0xFEE0_0021, 0xFEC0_0000, 0xFEC0_0010,
          0xFEC0_0FFE, 0xFEBF_FFFC, GDT, IDT_64, TSS, STACK_3, 0, 4, 0xFFFF, CODE_PAGE + START, 0xFD00_0000)
FAR_PLACES = (1 << 47, (1 << 64) - (1 << 47), (1 << 64) - 8, 1 << 63, (1 << 47) - 4, 0x8000_0000, 1 << 32)
TABLES = (*DEVICES, 0xFEE0_0F80, 0xFEC0_0FF0, 0xB_8000, 0xFFFF_0000, RAM_BYTES, ABSENT, 0xFEDF_FFF8)

# selectors of the descriptor table
CODE_64, CODE_32, CODE_16, FLAT, TASK, LOCAL = 0x08, 0x10, 0x18, 0x20, 0x48, 0x58
USER = 0x20                                                # code and data for CPL 3 lie this far above, with an RPL of 3


def descriptor(base, limit, access, flags):
    """Return a descriptor of 8 bytes: access is byte 5, flags the upper half of byte 6."""
    return struct.pack("<HHBBBB", limit & 0xFFFF, base & 0xFFFF, base >> 16 & 0xFF, access, limit >> 16 & 15 | flags << 4, base >> 24)


def gate(offset, selector, access, wide, ist=0):
    """Return a gate of 8 bytes, or of 16."""
    text = struct.pack("<HHBBH", offset & 0xFFFF, selector, ist, access, offset >> 16 & 0xFFFF)
    return text + struct.pack("<II", offset >> 32, 0) if wide else text


def descriptors():
    """Return the bytes of the descriptor table."""
    flat, page = 0xFFFFF, 8
    rows = [descriptor(0, 0, 0, 0)]
    for level in (0, 0x60):
        rows += [descriptor(0, flat, 0x9B | level, page | 2), descriptor(0, flat, 0x9B | level, page | 4),
                 descriptor(CODE_PAGE, 0xFFFF, 0x9B | level, 0), descriptor(0, flat, 0x93 | level, page | 4)]
    rows += [descriptor(TSS, 0x7FF, 0x89, 0), bytes(8), descriptor(LDT, 0xFF, 0x82, 0), bytes(8)]
    rows += [gate(0x11000, CODE_32, 0xEC, False), gate(0, TASK, 0xE5, False), descriptor(TSS, 0x67, 0x81, 0),
             gate(0x10000, CODE_64, 0xEC, True), descriptor(DATA, 0x7FF, 0xF7, 4), descriptor(0, flat, 0xFF, page | 4),
             descriptor(0, flat, 0x13, page | 4), descriptor(DEVICES[0], 0xFFF, 0xF3, 4), descriptor(DEVICES[1], 0xFFF, 0x89, 0)]
    return b"".join(rows)


def interrupts(stubs, wide):
    """Return the bytes of an IDT: mostly interrupt gates to the handlers, a few that are something else."""
    rows = []
    for vector in range(256):
        access = 0xEE if vector in (3, 4, 0x80) or vector > 0xC0 else 0x8E
        access = {0x81: 0xEF, 0x82: 0x6E, 0x83: 0xE5, 0x84: 0xE6}.get(vector, access)
        rows.append(gate(stubs + 16 * vector, TASK if access == 0xE5 else CODE_64 if wide else CODE_32, access, wide,
                         2 if wide and vector in (8, 0x85) else 0))
    return b"".join(rows)


def task_state(wide):
    """Return the bytes of a TSS of 64 or 32 bits, with an I/O permission bitmap."""
    text = bytearray(0x800)
    if wide:
        struct.pack_into("<10Q", text, 4, STACK_0, STACK_0, STACK_0, 0, *(STACK_0 + 0x1000 * n for n in range(1, 7)))
    else:
        struct.pack_into("<6I", text, 4, STACK_0, FLAT, STACK_0, FLAT, STACK_0, FLAT)
    struct.pack_into("<H", text, 0x66, 0x100)
    text[0x100 + 0x80 // 8:0x100 + 0x100 // 8] = bytes([0xFF]) * 16
    return bytes(text)


def page_rights(page):
    """Return the paging bits of a page below 2 MiB."""
    user = 4 if CODE_PAGE <= page < 0x50000 or page == 0xB8000 else 0
    return 0 if page == ABSENT else user | (1 if page == READ_ONLY else 3) | (1 << 63 if page == NOT_CODE else 0)


def tables():
    """Return {address: bytes} of the page tables of every paging mode, and of an EPT that maps the same and holes."""
    wide = [page | page_rights(page) for page in range(0, RAM_BYTES, 4096)]
    narrow = [page | page_rights(page) & 7 for page in range(0, RAM_BYTES, 4096)]
    high = [0] * 512
    for address in range(0xFC00_0000, 1 << 32, 2 << 20):
        high[address - 0xC000_0000 >> 21] = address | 0x87
    low = [LOW_PT | 7, 0x20_0087] + [0] * 510
    directory = [PT_32 | 7] + [0] * 1023
    for address in range(0xFC00_0000, 1 << 32, 4 << 20):
        directory[address >> 22] = address | 0x87
    pointers = [LOW_PD | 7, 0, 0, HIGH_PD | 7] + [0] * 508
    found = {PML4: [PDPT | 7] + [0] * 511, PDPT: pointers, PDPT_PAE: [LOW_PD | 1, 0, 0, HIGH_PD | 1], LOW_PD: low, HIGH_PD: high,
             LOW_PT: wide}
    found |= {EPT: [EPT + 0x1007] + [0] * 511, EPT + 0x1000: [EPT + 0x2007, 0, 0, EPT + 0x3007] + [0] * 508,
              EPT + 0x2000: [0xB7, 0x20_00B7] + [0] * 510, EPT + 0x3000: [entry & ~0xFFF | 0xB7 if entry else 0 for entry in high]}
    texts = {at: struct.pack(f"<{len(words)}Q", *words) for at, words in found.items()}
    return texts | {PD_32: struct.pack("<1024I", *directory), PT_32: struct.pack("<512I", *narrow)}


@cache
def host():
    """Return the Assembly of the handlers."""
    return assemble(Path(__file__).with_name("stream_host.s"))


@cache
def memory():
    """Return {address: bytes} of everything that each world holds."""
    code = host()
    vectors = struct.pack("<HH", code.labels["handler_16"] & 0xF, code.labels["handler_16"] >> 4) * 256
    return {0: vectors, GDT: descriptors(), IDT_64: interrupts(code.labels["handlers_64"], True),
            IDT_32: interrupts(code.labels["handlers_32"], False), TSS: task_state(False), TSS_64: task_state(True),
            LDT: descriptors()[:0x48], **tables(),
            code.base: code.code, VMXON: struct.pack("<Q", REVISION), VMCS_AT: struct.pack("<Q", REVISION),
            **{at: bytes(Random(at).randbytes(4096)) for at in (DATA, READ_ONLY, NOT_CODE, 0x32000)}}
