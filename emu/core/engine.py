"""One execution engine: a Unicorn instance whose memory, translation and events are ours."""
import ctypes
import weakref

import numpy as np
from unicorn import UC_ARCH_X86, UC_MODE_64, UC_PROT_ALL, UC_PROT_EXEC, UC_PROT_READ, Uc
from unicorn.unicorn_const import UC_HOOK_INTR

from emu.bits import every
from emu.core import context as at
from emu.core import native
from emu.errors import EngineError
from emu.spec import cpuid
from emu.spec.engine import SVM, intercept
from emu.state import ENV

VOID_PAGE = 0xFE_0000_0000                  # engine-physical: a page of all ones, and the device window
DEVICE_WINDOW = 0xFE_0000_1000
ROM_WINDOW = 0xFD_0000_0000                 # engine-physical: the ROM; RAM is one piece there, the hole below 4 GiB in it
_void = np.full(8192, 0xFF, np.uint8)
VOID = _void[-(_void.ctypes.data) % 4096:][:4096]

# Intercepts of the engine's SVM checks that are always on: everything but PUSHF, POPF and IRET; the model switches that of IRET.
INTERCEPTS = ~(intercept(SVM.PUSHF) | intercept(SVM.POPF) | intercept(SVM.IRET))

# Instruction-set words of the engine by index (FEAT_1_EDX 0, FEAT_1_ECX 1, FEAT_7_0_EBX 2, FEAT_8000_0001_EDX 6,
# FEAT_8000_0001_ECX 7, FEAT_XSAVE 19): what CPUID reports, but FSGSBASE, whose checks the model does on #UD.
FEATURES = {0: every(cpuid.FEATURE_D), 1: every(cpuid.FEATURE_C), 2: every(cpuid.FEATURE_7B) & ~int(cpuid.FEATURE_7B.FSGSBASE),
            6: every(cpuid.EXTENDED_D), 7: every(cpuid.EXTENDED_C), 19: cpuid.XSAVEOPT}
FEATURE_WORDS = 34


_FP_STATUS = at.offset(ENV, "fp_status")
FP_STATUS = slice(_FP_STATUS, _FP_STATUS + 8)              # bytes of ENV: float_status of the x87 unit


def _disown(env_address):
    """Make the engine a foreign one: our records are about to go, and Unicorn drops its blocks when it frees it."""
    for name in at.OURS:
        ctypes.c_uint64.from_address(env_address + at.offset(ENV, name)).value = 0


class Engine:
    """A Unicorn instance over the machine's memory.  Addresses: uc, cs (CPUState), env (ENV record)."""

    def __init__(self, ram, rom, owner, entries):
        """ram, rom: page-aligned uint8 arrays; owner: address of the CPU record; entries: addresses by name."""
        self.uc = uc = Uc(UC_ARCH_X86, UC_MODE_64)
        uc.ctl_set_tcg_buffer_size(at.TCG_BUFFER_BYTES)
        uc.ctl_exits_enabled(True)
        uc.mem_map_ptr(0, ram.nbytes, UC_PROT_ALL, ram.ctypes.data)
        uc.mem_map_ptr(ROM_WINDOW, rom.nbytes, UC_PROT_READ | UC_PROT_EXEC, rom.ctypes.data)
        uc.mem_map_ptr(VOID_PAGE, 4096, UC_PROT_READ | UC_PROT_EXEC, VOID.ctypes.data)
        self._map_devices(owner, entries)
        self.handle, self.cs, self.env_address = at.verify(uc)
        self._adopt(owner, entries)
        self.env = np.frombuffer((ctypes.c_char * ENV.itemsize).from_address(self.env_address), ENV)
        self._fp_status = self.env.view(np.uint8)[FP_STATUS].copy()

    def _map_devices(self, owner, entries):
        lib = native.library().lib
        lib.uc_mmio_map(self.uc._uch, ctypes.c_uint64(DEVICE_WINDOW), ctypes.c_size_t(4096),
                        ctypes.c_void_p(entries["device_read"]), ctypes.c_void_p(owner),
                        ctypes.c_void_p(entries["device_write"]), ctypes.c_void_p(owner))

    def _adopt(self, owner, entries):
        """Put our functions into the engine's processor class, and mark its state as ours."""
        lib, handle = native.library(), ctypes.c_size_t()
        error = lib.lib.uc_hook_add(self.uc._uch, ctypes.byref(handle), ctypes.c_int(UC_HOOK_INTR),
                                    ctypes.c_void_p(entries["on_event"]), ctypes.c_void_p(owner), ctypes.c_uint64(1), ctypes.c_uint64(0))
        if error:
            raise RuntimeError(f"uc_hook_add failed with {error}")
        table = at.word(self.cs + at.CS_CLASS)
        nothing, unaligned = (native.install_addresses()[name] for name in ("nothing", "unaligned"))
        for where, function in ((at.CLASS_UNALIGNED, unaligned), (at.CLASS_TLB_FILL, entries["fill"]), (at.CLASS_ENTER, nothing),
                                (at.CLASS_EXIT, nothing)):
            ctypes.c_uint64.from_address(table + where).value = function
        for index in range(FEATURE_WORDS):
            ctypes.c_uint64.from_address(self.env_address + at.ENV_FEATURES + 8 * index).value = FEATURES.get(index, 0)
        ctypes.c_uint32.from_address(self.handle + at.UC_NESTED_LEVEL).value = 1
        if not ctypes.c_uint8.from_address(self.handle + at.UC_INIT_DONE).value:
            raise EngineError(f"the engine does not hold init_done at offset {at.UC_INIT_DONE}")
        # One address ends a run, chosen again for each translation (emu.core.fill.limit): not those of a list.
        listed = ctypes.c_int32.from_address(self.handle + at.UC_USE_EXITS)
        if listed.value != 1:
            raise EngineError(f"the engine does not hold use_exits at offset {at.UC_USE_EXITS}")
        listed.value = 0
        # No look for a stop request after every load and store: ours come at block starts and by jumping out.
        ctypes.c_uint8.from_address(self.handle + at.UC_NO_EXIT_REQUEST).value = 1
        # A block that ends by a helper's return (emu.core.fast) leaves RIP as the helper set it.
        ctypes.c_uint8.from_address(self.handle + at.UC_QUIT_REQUEST).value = 1
        ctypes.c_uint8.from_address(self.cs + at.CS_CREATED).value = 1
        ctypes.c_uint8.from_address(self.cs + at.CS_STOPPED).value = 0
        self._prepare_intercepts()
        found = np.zeros(at.FOUND_WORDS + 2 * at.FOUND_LEAD, np.uint64)
        lead = -found.ctypes.data % at.FOUND_ALIGNMENT // 8 + at.FOUND_LEAD
        found[lead - 1] = at.word(self.handle + at.UC_TCG_CTX) + at.TCG_THROWN
        self.found = found[lead:][:at.FOUND_WORDS]
        for name, value in (("found", self.found.ctypes.data), ("owner", owner)):
            ctypes.c_uint64.from_address(self.env_address + at.offset(ENV, name)).value = value
        weakref.finalize(self.uc, _disown, self.env_address)     # comes before Unicorn's own, which is older: it frees the engine

    def _prepare_intercepts(self):
        env = np.frombuffer((ctypes.c_char * ENV.itemsize).from_address(self.env_address), ENV)[0]
        env.intercept = INTERCEPTS
        env.intercept_cr_read = env.intercept_cr_write = env.intercept_dr_read = env.intercept_dr_write = 0xFFFF
        env.intercept_exceptions = 0xFFFF_FFFF

    def reset_x87(self):
        """Give the engine's x87 unit the rounding and precision that it had when it was made: what FLDCW leaves there is in no field."""
        self.env.view(np.uint8)[FP_STATUS] = self._fp_status

    def ask_for_any_block(self):
        """Take back what was asked of the next block, such as a length: whoever asked is gone."""
        ctypes.c_uint32.from_address(self.cs + at.CS_CFLAGS_NEXT).value = 0xFFFF_FFFF

    def close(self):
        """Let the engine go; its class functions must not be ours when Unicorn frees it."""
        _disown(self.env_address)
        del self.uc
