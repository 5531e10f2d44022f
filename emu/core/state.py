"""The records of one processor's two execution engines (index 0: the root and bare world, 1: the non-root world), and of a block."""
from emu.jit import viewer
from emu.state import U8, U32, U64, record

ENGINES, NOTED = 16, 2048

CORE = record(
    ("uc", U64, 2), ("cs", U64, 2), ("env", U64, 2), ("bit", U64, 2), ("tcg", U64, 2),
    ("owner", U64),                                       # world whose engine holds the x87 and SSE registers
    ("depth", U64),                                       # engines of this processor on the host stack now
    ("stopped", U64),                                     # 1 when an event has asked the engine that runs to return
    ("flush_seen", U64, 2), ("switch_seen", U64, 2),      # TLB.engine_flush and engine_switch when each engine last heeded them
    # emu.core.clock: 1 while ENV.left and ENV.ran are the time, and the cycle at which nothing will be left
    ("away", U64), ("end", U64),
    ("quantum_end", U64), ("grow_at", U64, 2),
    ("gated", U64, 2),                                    # MACHINE.gated when each engine last looked up its pages
    ("wrapped", U64, 2),                                  # each engine holds code past 4 GiB, under the address that was not wrapped
    # pages entered into each engine's TLB since it was flushed, the first NOTED, with emu.core.ledger.NOTED_GLOBAL
    ("filled_count", U64, 2), ("filled", U64, 2 * NOTED),
    ("amid", U64),                                        # 1 while an access of translated code is answered, or has ended its block
    # the store to a page with code that is being made, in pieces perhaps: its return address, CPU.instructions then, place in RAM,
    # bytes so far, and what was there before them
    ("store_ra", U64), ("store_at", U64), ("store_from", U64), ("store_count", U64), ("store_old", U8, 16),
    # what the x87 store that ran last found: 1, the status word, ST0's place, tag and value before (emu.core.loop.undo_x87)
    ("x87_stores", U64), ("x87_status", U64), ("x87_place", U64), ("x87_tag", U64), ("x87_value", U64, 2),
    ("device_page", U64),                                 # physical page of the device access that is stepped
    ("translations", U64), ("fills", U64), ("events", U64), ("switches", U64), ("invalidations", U64),
    ("mismatch", U64), ("mismatch_pc", U64),              # blocks whose length the engine and our decoder saw differently
    # the far transfer whose helper runs, see emu.core.far: where it is called from, CPU.instructions then, FAR, its stack
    ("value_read", U64),                                  # what the MOV from CR that emu.core.fast has just executed reads
    ("far_ra", U64), ("far_at", U64), ("far_kind", U64), ("far_base", U64), ("far_sp", U64), ("far_mask", U64), ("far_bytes", U64),
    # answers of emu.core.operation.modifies: for a host address, and `translations` then
    ("known_ra", U64, 16), ("known_at", U64, 16), ("known", U64, 16),
    # what the engines share
    ("every_uc", U64), ("every_cs", U64),                 # host addresses of uint64[16], 0 = no such engine
    ("rom_offset", U64),                                  # where the engine's RAM list has the ROM
    ("void_page", U64), ("device_window", U64), ("rom_window", U64),   # engine-physical: a page of all ones; device registers; the ROM
    ("void_offset", U64), ("void", U64),                  # where the RAM list has the page of ones, and its host address
    # functions of the engine and compiled entries
    ("f_exec", U64), ("f_exit_restore", U64), ("f_set_page", U64), ("f_flush", U64), ("f_flush_page", U64),
    ("f_invalidate", U64), ("f_forget", U64), ("f_block_of", U64), ("f_flags", U64), ("f_restore", U64),
    ("f_model", U64), ("f_processor", U64),
    ("blocks", U64, 2),                                   # host address of the first entry in the list of each engine's blocks
    ("kept", U64),                                        # that of an entry for the block that ran last, see emu.core.block.keep
    ("code_buffer", U64),                                 # host address of 1,024 bytes: a block's code for the decoder
    ("steps", U64), ("scratch", U64),                     # the decoder's run of 40 steps, and an INSN record
)

# The entry of a block, which lies directly in front of its code (emu.core.rows): what every run of the block needs is last.
BLOCK = record(
    ("rows", U64, 10),                                    # 16 bits for each instruction: emu.core.rows.ROW
    ("next", U64),                                        # host address of the next entry in the list of blocks: emu.core.rows.LAST
    ("host", U64),                                        # host address of its code, 0 when it crosses a page
    ("length", U32), ("mode", U32),                       # bytes; 16, 32 or 64
    ("pc", U64),                                          # linear address; 32 bits of it outside 64-bit mode, though the engine counts on
    ("repeats", U32), ("count", U32),                     # 1: the last is a repeated string instruction; instructions
    ("cost", U64),                                        # cycles, with marks above
)

core_at = viewer(CORE)
block_at = viewer(BLOCK)
