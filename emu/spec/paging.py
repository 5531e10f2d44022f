"""Paging structures, page-fault error code, EPT structures, and our own translation word.

Page tables of every mode are rows of one table, `ENTRY`: (mode, level, page) names the layout, and from the
layouts follow the reserved bits.  Not modelled: PSE-36 (not reported), protection keys, shadow-stack pages,
HLAT, mode-based execute control, sub-page permissions, 5-level EPT.
"""
import numpy as np

from emu.bits import U64, codes, every, layout

PAGING = codes("PAGING", 'SDM 3A, "Paging Modes and Control Bits"',
    OFF=(0, "CR0.PG = 0"), BITS_32=(1, "32-bit paging"), PAE=(2, "PAE paging"), LEVEL_4=(3, "4-level paging"),
    LEVEL_5=(4, "5-level paging"))

WALKSTEP = codes("WALKSTEP", "ours: what one paging-structure entry means for a walk",
    NOT_PRESENT=(0, "not present"), RESERVED=(1, "present with a reserved bit set"), TABLE=(2, "refers to a table"),
    PAGE=(3, "maps a page"), MISCONFIGURED=(4, "EPT misconfiguration"))

KIND = codes("KIND", "ours: what answers at a physical address",
    RAM=(0, "RAM"), ROM=(1, "ROM: writes are ignored"), DEVICE=(2, "device registers"),
    NONE=(3, "nothing: reads as all ones, writes are ignored"))

PFEC = layout("PFEC", 32, 'SDM 3A, "Page-Fault Exceptions" (error code)',
    P=(0, 0, "a protection violation, not a non-present page"), WR=(1, 1, "write"), US=(2, 2, "user-mode access"),
    RSVD=(3, 3, "reserved bit set in a paging-structure entry"), ID=(4, 4, "instruction fetch"),
    PK=(5, 5, "protection key"), SS=(6, 6, "shadow-stack access"), HLAT=(7, 7, "HLAT paging"), SGX=(15, 15, "SGX"))

CR3 = layout("CR3", 64, 'SDM 3A, "Use of CR3 with 4-Level Paging and 5-Level Paging"',
    PCID=(11, 0, "process-context identifier (CR4.PCIDE = 1)"), ADDRESS=(51, 12, "table of the highest level"),
    KEEP=(63, 63, "in the operand of MOV to CR3: invalidate nothing"))
CR3_LEGACY = layout("CR3_LEGACY", 64, 'SDM 3A, "Use of CR3 with 32-Bit Paging" and "Use of CR3 with PAE Paging"',
    PWT=(3, 3, "write-through"), PCD=(4, 4, "cache disable"), ADDRESS=(31, 12, "page directory"))
CR3_PDPT = U64(0xFFFF_FFE0)              # PAE: bits 31:5 hold the address of the page-directory-pointer table

# ---- paging-structure entries ---------------------------------------------------------------------------
_RIGHTS = dict(P=(0, 0, "present"), RW=(1, 1, "writable"), US=(2, 2, "user"), PWT=(3, 3, "write-through"),
               PCD=(4, 4, "cache disable"), A=(5, 5, "accessed"))
_TABLE = dict(_RIGHTS, IGNORED_6=(6, 6, "ignored"), PS=(7, 7, "page size: 0, a table"), IGNORED_11_8=(11, 8, "ignored"))
_TOP = dict(_RIGHTS, IGNORED_6=(6, 6, "ignored"), IGNORED_11_8=(11, 8, "ignored"))
_PAGE = dict(_RIGHTS, D=(6, 6, "dirty"), PS=(7, 7, "page size: 1, a page"), G=(8, 8, "global"),
             IGNORED_11_9=(11, 9, "ignored"), PAT=(12, 12, "page attribute table"))
_LEAF = dict(_RIGHTS, D=(6, 6, "dirty"), PAT=(7, 7, "page attribute table"), G=(8, 8, "global"),
              IGNORED_11_9=(11, 9, "ignored"))
_XD = dict(XD=(63, 63, "execute disable (reserved when IA32_EFER.NXE = 0)"))
_HIGH = dict(IGNORED_62_52=(62, 52, "ignored, or protection key"), **_XD)


def _address(high, low):
    return dict(ADDRESS=(high, low, "physical address"))


_32, _PAE, _64 = 'SDM 3A, "32-Bit Paging"', 'SDM 3A, "PAE Paging"', 'SDM 3A, "4-Level Paging and 5-Level Paging"'
PDE32 = layout("PDE32", 32, _32, **_TABLE, **_address(31, 12))
PDE32_4M = layout("PDE32_4M", 32, _32, **_PAGE, **_address(31, 22))
PTE32 = layout("PTE32", 32, _32, **_LEAF, **_address(31, 12))
PDPTE_PAE = layout("PDPTE_PAE", 64, _PAE, P=(0, 0, "present"), PWT=(3, 3, "write-through"), PCD=(4, 4, "cache disable"),
    IGNORED_11_9=(11, 9, "ignored"), **_address(51, 12))
PDPTE_PAE_RESERVED = ~U64(every(PDPTE_PAE))            # a load of PDPTE registers fails by these bits
PDE_PAE = layout("PDE_PAE", 64, _PAE, **_TABLE, **_address(51, 12), **_XD)
PDE_PAE_2M = layout("PDE_PAE_2M", 64, _PAE, **_PAGE, **_address(51, 21), **_XD)
PTE_PAE = layout("PTE_PAE", 64, _PAE, **_LEAF, **_address(51, 12), **_XD)
PML5E = layout("PML5E", 64, _64, **_TOP, **_address(51, 12), **_HIGH)
PML4E = layout("PML4E", 64, _64, **_TOP, **_address(51, 12), **_HIGH)
PDPTE = layout("PDPTE", 64, _64, **_TABLE, **_address(51, 12), **_HIGH)
PDPTE_1G = layout("PDPTE_1G", 64, _64, **_PAGE, **_address(51, 30), **_HIGH)
PDE = layout("PDE", 64, _64, **_TABLE, **_address(51, 12), **_HIGH)
PDE_2M = layout("PDE_2M", 64, _64, **_PAGE, **_address(51, 21), **_HIGH)
PTE = layout("PTE", 64, _64, **_LEAF, **_address(51, 12), **_HIGH)

_LONG = {(4, 0): PML4E, (3, 0): PDPTE, (3, 1): PDPTE_1G, (2, 0): PDE, (2, 1): PDE_2M, (1, 0): PTE}
ENTRY = {                                # (mode, level, 1 for a large page) -> layout
    **{(int(PAGING.LEVEL_5), *key): row for key, row in {(5, 0): PML5E, **_LONG}.items()},
    **{(int(PAGING.LEVEL_4), *key): row for key, row in _LONG.items()},
    **{(int(PAGING.PAE), *key): row for key, row in {(2, 0): PDE_PAE, (2, 1): PDE_PAE_2M, (1, 0): PTE_PAE}.items()},
    **{(int(PAGING.BITS_32), *key): row for key, row in {(2, 0): PDE32, (2, 1): PDE32_4M, (1, 0): PTE32}.items()},
}

# ---- extended page tables -------------------------------------------------------------------------------
MEMTYPE = codes("MEMTYPE", 'SDM 3A, "Memory Types and Their Properties"',
    UC=(0, "uncacheable"), WC=(1, "write combining"), WT=(4, "write through"), WP=(5, "write protected"),
    WB=(6, "write back"))
BAD_TYPES = U64(1 << 2 | 1 << 3 | 1 << 7)        # numbers that are no memory type in an EPT entry

_EPT = 'SDM 3C, "EPT Translation Mechanism"'
_ERIGHTS = dict(R=(0, 0, "read"), W=(1, 1, "write"), X=(2, 2, "execute"))
_EHIGH = dict(A=(8, 8, "accessed (EPTP bit 6)"), D=(9, 9, "dirty (EPTP bit 6)"),
              XU=(10, 10, "user execute (mode-based control)"), IGNORED_11=(11, 11, "ignored"),
              IGNORED_62_52=(62, 52, "ignored, or used by a control"),
              SVE=(63, 63, "suppress #VE"))
_ETABLE = dict(_ERIGHTS, **_EHIGH)
_EPAGE = dict(_ERIGHTS, TYPE=(5, 3, "memory type"), IPAT=(6, 6, "ignore PAT"), PS=(7, 7, "1: a page"), **_EHIGH)
EPML4E = layout("EPML4E", 64, _EPT, **_ETABLE, **_address(51, 12))
EPDPTE = layout("EPDPTE", 64, _EPT, **_ETABLE, **_address(51, 12))
EPDPTE_1G = layout("EPDPTE_1G", 64, _EPT, **_EPAGE, **_address(51, 30))
EPDE = layout("EPDE", 64, _EPT, **_ETABLE, **_address(51, 12))
EPDE_2M = layout("EPDE_2M", 64, _EPT, **_EPAGE, **_address(51, 21))
EPTE = layout("EPTE", 64, _EPT, **_EPAGE, **_address(51, 12))
EPT_ENTRY = {(4, 0): EPML4E, (3, 0): EPDPTE, (3, 1): EPDPTE_1G, (2, 0): EPDE, (2, 1): EPDE_2M, (1, 0): EPTE}

# ---- derived, for kernels -------------------------------------------------------------------------------
# RESERVED[mode << 4 | level << 1 | large] and EPT_RESERVED[level << 1 | large]: bits no field names; bits of
# ADDRESS at and above MAXPHYADDR and XD without NXE are added by the walk.  LARGE[mode << 3 | level]: PS may be 1.
RESERVED, EPT_RESERVED = np.zeros(128, U64), np.zeros(16, U64)
LARGE = np.zeros(64, U64)
for (_mode, _level, _large), _row in ENTRY.items():
    RESERVED[_mode << 4 | _level << 1 | _large] = ~every(_row) & 0xFFFF_FFFF_FFFF_FFFF
    LARGE[_mode << 3 | _level] |= U64(_large)
for (_level, _large), _row in EPT_ENTRY.items():
    EPT_RESERVED[_level << 1 | _large] = ~every(_row) & 0xFFFF_FFFF_FFFF_FFFF
ADDRESS = PTE.ADDRESS

# ---- our own translation word: what a walk found, and what the TLB holds --------------------------------
TLBE = layout("TLBE", 64, "ours: guest bits stand where page tables have them",
    ER=(0, 0, "EPT: readable, or no EPT"), RW=(1, 1, "writable at every level"), US=(2, 2, "user at every level"),
    PWT=(3, 3, "PWT of the leaf"), PCD=(4, 4, "PCD of the leaf"), EW=(5, 5, "EPT: writable, or no EPT"),
    D=(6, 6, "dirty flag of the leaf is set"), PAT=(7, 7, "PAT of the leaf"), G=(8, 8, "global (and CR4.PGE = 1)"),
    EX=(9, 9, "EPT: executable, or no EPT"), ED=(10, 10, "EPT dirty flag is set or not in use"),
    UNPAGED=(11, 11, "paging is off: guest bits do not restrict"),
    PAGE=(51, 12, "host-physical page, aligned to its size"),
    SIZE=(53, 52, "SIZE of the translation: the smaller of guest page and EPT page"),
    TYPE=(56, 54, "EPT memory type"), IPAT=(57, 57, "EPT ignore PAT"),
    FRACTURED=(58, 58, "the guest page is larger than this translation"), XD=(63, 63, "execute disable at some level"))

SIZE = codes("SIZE", "ours: TLBE.SIZE", K4=(0, "4 KiB"), M2=(1, "2 MiB"), M4=(2, "4 MiB"), G1=(3, "1 GiB"))
OFFSET = np.array([(1 << shift) - 1 for shift in (12, 21, 22, 30)], U64)        # by SIZE
