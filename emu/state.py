"""The records of every unit: numpy memory that kernels and Python share.

A record is passed as a one-element array and opened as `c = cpu[0]`.  A record refers to another by its
host address (a uint64 field named after the unit); `env_of(c)`, `machine_of(c)`, ... view it.  The owner
(`emu.machine.Machine`) keeps all memory alive.  Nothing here is behaviour.

ENV lies over the execution engine's own processor state (its offsets are verified at start by
`emu.core.context`): general registers, segments, control registers are the very memory that translated
code uses.  There are two ENVs per processor, one for VMX root (and bare) operation, one for non-root.

Contract for kernels that see an ENV: arithmetic flags are normalised (`cc_op == 1`: the flags OF SF ZF AF
PF CF are in `cc_src`), DF is in `df` (1 or -1), all others in `eflags`.  Use `emu.model.cpu.rflags` and
`set_rflags`.  Who changes control registers, segments or flags leaves `hflags` to the caller, which
recomputes it (`emu.model.cpu.refresh_hflags`) before the engine runs again.
"""
import numpy as np

from emu.bits import ALL_ONES
from emu.jit import viewer

U64, U32, U16, U8 = np.uint64, np.uint32, np.uint16, np.uint8


def record(*fields):
    """Return an aligned record dtype whose rows read as np.record; fields are (name, type[, shape])."""
    return np.dtype((np.record, np.dtype(list(fields), align=True)))


def _placed(size, **fields):
    """Return a record dtype with fields (type, offset[, shape]) inside `size` bytes."""
    formats = [(f[0], f[2]) if len(f) > 2 else f[0] for f in fields.values()]
    return np.dtype((np.record, np.dtype(dict(names=list(fields), formats=formats,
                                              offsets=[f[1] for f in fields.values()], itemsize=size))))


# ---- the execution engine's processor state (CPUX86State of Unicorn 2.1.4, x86-64) ----------------------
# seg: three words each for ES CS SS DS FS GS LDTR TR GDTR IDTR: word 0 = selector (31:0), word 1 = base,
# word 2 = limit (31:0) | second descriptor word (63:32: type 11:8, S 12, DPL 14:13, P 15, AVL 20, L 21,
# D/B 22, G 23).  An unusable segment has P = 0 in that word.
ENV_BYTES = 7008
ENV = _placed(
    ENV_BYTES,
    regs=(U64, 0, 16), rip=(U64, 128), eflags=(U64, 136), cc_dst=(U64, 144), cc_src=(U64, 152), cc_src2=(U64, 160),
    cc_op=(U32, 168), df=(np.int32, 172), hflags=(U32, 176), hflags2=(U32, 180), seg=(U64, 184, 30), cr=(U64, 424, 9),
    efer=(U64, 592), fpstt=(U32, 604), fpus=(U16, 608), fpuc=(U16, 610), fptags=(U8, 612, 8), fpregs=(U64, 624, 16),
    fp_status=(U64, 776), sse_status=(U64, 808), mxcsr=(U32, 816), xmm=(U64, 824, 256),
    sysenter_cs=(U32, 4800), sysenter_esp=(U64, 4808), sysenter_eip=(U64, 4816), star=(U64, 4824), owner=(U64, 4832),
    lstar=(U64, 4840), cstar=(U64, 4848), fmask=(U64, 4856), kernel_gs_base=(U64, 4864), tsc_aux=(U64, 4896),
    xcr0=(U64, 4904), pat=(U64, 5280), pkru=(U32, 5304), error_code=(U32, 5384), exception_is_int=(U32, 5388),
    exception_next_eip=(U64, 5392), dr=(U64, 5400, 8), found=(U64, 5464), epoch=(U64, 5472), left=(U64, 5480),
    ran=(U64, 5488), intercept=(U64, 5520),
    intercept_cr_read=(U16, 5528), intercept_cr_write=(U16, 5530), intercept_dr_read=(U16, 5532),
    intercept_dr_write=(U16, 5534), intercept_exceptions=(U32, 5536),
)
FT0_AT, FT0_BYTES = 784, 16                                 # in an ENV: operand of one x87 instruction

# ---- one logical processor ------------------------------------------------------------------------------
REASON_COUNT, VECTOR_COUNT = 96, 256
STALE_PAGES = 64                                                 # pages with translated code that are remembered one by one
RECENT = 8                                                 # exits that are remembered
CPU = record(
    # identity and wiring (host addresses)
    ("id", U64), ("machine", U64), ("env", U64),          # env: the ENV of the world that runs now
    ("root_env", U64), ("guest_env", U64), ("apic", U64), ("core", U64),
    ("tlb", U64), ("root_tlb", U64), ("guest_tlb", U64),  # TLB records; tlb: of the world that runs now
    # time, in cycles of this processor
    ("cycles", U64), ("instructions", U64), ("deadline", U64), ("tsc_offset", U64),   # IA32_TSC = cycles + tsc_offset
    # the execution core: current block's entry, true deadline, why the next block must ask
    ("block", U64), ("due", U64), ("request", U64), ("watch", U64), ("single", U64), ("device_step", U64), ("recheck", U64),
    ("self_address", U64), ("halted_or_stopped", U64), ("quantum_end", U64), ("turn_end", U64), ("far_state", U64),
    ("code_bytes", U64), ("shadow_at", U64), ("mtf_step", U64), ("iret_step", U64),
    ("iret_at", U64),                                     # `instructions` before the IRET that runs alone
    # linear RIP of a repeated string instruction between two of its iterations, and `instructions` then; one iteration runs alone
    ("repeated", U64), ("repeated_at", U64), ("repeat_step", U64),
    ("far_seg", U64, 6),                                  # FS and GS as they were before a far transfer that runs alone
    # breakpoints (observe.breakpoint): ARMED; what the stepped instruction met; DR0-DR3 and DR7 that each engine was last given
    ("armed", U64), ("watch_step", U64), ("watch_hits", U64), ("watched", U64, 8), ("watched_control", U64, 2),
    ("crossing", U64), ("crossing_end", U64), ("crossing_size", U64),     # a load that runs over a page end, in the parts the engine does
    ("passed", U64), ("passed_at", U64),                  # linear RIP that a debugger let go on, and `instructions` then, plus 1
    ("blocked", U64), ("blocked_at", U64),                # the same of one whose breakpoint MOV SS blocks
    ("resumed", U64), ("resumed_at", U64),                # linear RIP that RFLAGS.RF was set for, and `instructions` after it
    ("goal", U64),                                        # cycle that ends a debugger's steps early, 0: none
    ("steps", U64), ("step_rip", U64), ("step_at", U64), ("step_world", U64),   # a debugger's: boundaries to go, where from
    ("wake_at", U64),                                     # cycle at which a halted processor was first seen to have work, 0: it has none
    # non-register state; bits as in the VMCS fields of the same names
    ("activity", U64), ("interruptibility", U64), ("pending_debug", U64),
    ("nmi_pending", U64), ("init_pending", U64), ("sipi_pending", U64), ("sipi_vector", U64), ("smi_pending", U64),
    ("monitor_armed", U64), ("monitor_address", U64), ("monitor_break", U64),   # break: masked interrupts end MWAIT, too
    ("ferr", U64),                                        # emu.model.interrupts.ferr
    # model-specific registers that the engine does not hold
    ("apic_base", U64), ("feature_control", U64), ("misc_enable", U64), ("debugctl", U64), ("mtrr_def_type", U64),
    ("mtrr_fixed", U64, 11), ("mtrr_variable", U64, 16), ("microcode", U64), ("spec_ctrl", U64), ("xss", U64),
    ("umwait_control", U64), ("mcg_status", U64), ("mc_banks", U64, 16), ("perf_global_ctrl", U64), ("pdpte", U64, 4),
    ("real_efer", U64), ("tsc_adjust", U64), ("spare_vmcs", U64), ("power_ctl", U64), ("arch_spare", U64, 5),
    # VMX operation
    ("vmx_mode", U64),                                    # MODE: 0 outside VMX, 1 root, 2 non-root
    ("vmxon_pointer", U64), ("vmcs_pointer", U64),        # all ones: none
    ("vmcs", U64),                                        # host address of the current VMCS's fields, or of a spare
    ("virtual_nmi_blocking", U64), ("mtf_pending", U64), ("preemption_deadline", U64), ("preemption_active", U64),
    ("tsc_guest_offset", U64), ("entry_valid_key", U64),
    ("entry_keys", U64, 8),                               # shapes of guest state that passed the checks of this VMCS
    ("nmi_unblocked", U64), ("tpr_below", U64),           # the IRET that runs removed NMI blocking; exit 43 is due
    # controls of the VMCS that non-root operation runs under, latched at VM entry
    ("pin", U64), ("proc", U64), ("proc2", U64), ("exit_controls", U64), ("entry_controls", U64), ("eptp", U64),
    ("exception_bitmap", U64), ("vpid", U64),
    # how the last access or instruction failed: FAULT kind and what goes with it.  Between a fault and its delivery nothing
    # accesses memory but the delivery itself; who wants to know something there looks (emu.model.memory.look)
    ("fault", U64), ("fault_vector", U64), ("fault_error", U64), ("fault_address", U64),
    ("fault_gpa", U64), ("fault_qualification", U64), ("fault_length", U64), ("walk_rights", U64),
    ("insn", U64),                                        # host address of an INSN
    # event being delivered (IDT-vectoring): interruption-information format, error code, instruction length
    ("vectoring", U64), ("vectoring_error", U64), ("vectoring_length", U64), ("vectoring_source", U64),
    # scratch of emu.model.delivery.frame: what a delivery pushes, in order, and the stack it goes to
    ("frame", U64, 12), ("frame_count", U64), ("frame_base", U64), ("frame_mask", U64), ("frame_sp", U64), ("frame_size", U64),
    ("frame_access", U64), ("frame_place", U64), ("frame_selector", U64),
    ("random", U64),                                      # numbers that RDRAND and RDSEED have given
    # what stopped the machine: STOP code, and operands that explain it
    ("stop", U64), ("stop_a", U64), ("stop_b", U64), ("stop_c", U64), ("stop_rip", U64),
    # chain of a triple fault: for each step vector, error, RIP, address
    ("chain_length", U64), ("chain", U64, 16),
    # the same of the last triple fault of a guest (length 0: there was none), its VMCS, and the cycle of its exit
    ("guest_chain_length", U64), ("guest_chain", U64, 16), ("guest_chain_vmcs", U64), ("guest_chain_cycle", U64),
    # the last exits, four words each: cycle, reason, RIP, qualification; exits in a row of one guest, reason and RIP
    ("recent_count", U64), ("recent", U64, 4 * RECENT), ("same_count", U64), ("same_vmcs", U64), ("same_rip", U64), ("same_reason", U64),
    ("field_failures", U64), ("field_asked", U64), ("field_rip", U64),    # VMREADs and VMWRITEs that failed; of the last: encoding, RIP
    # entry failure: number of failing checks and their row numbers
    ("failed_count", U64), ("failed", U64, 64),
    # the last VM entry that failed: VMERROR or reason with bit 31, where, and a copy of its VMCS (host address);
    # failure_open: no VM entry has succeeded since
    ("failures", U64), ("failure", U64), ("failure_open", U64), ("failure_rip", U64), ("failure_cycle", U64),
    ("failure_pointer", U64), ("failure_vmcs", U64),
    # counters
    ("exits", U64, REASON_COUNT), ("exit_cycles", U64, REASON_COUNT), ("exit_began", U64), ("exit_reason_now", U64),
    ("injected", U64, VECTOR_COUNT), ("delivered", U64, VECTOR_COUNT), ("entries", U64), ("walks", U64), ("walk_loads", U64),
    ("ept_violations", U64), ("hypercalls", U64),
)

# ---- one decoded instruction ----------------------------------------------------------------------------
INSN = record(
    ("kind", U64), ("length", U64),                       # kind: a code of emu.spec.insn.INSN, 0 = not one we know
    ("map", U64), ("opcode", U64), ("prefixes", U64), ("rex", U64), ("modrm", U64),
    ("mod", U64), ("reg", U64), ("rm", U64),              # reg and rm with REX bits
    ("memory", U64), ("segment", U64), ("base_reg", U64), ("index_reg", U64), ("scale", U64),   # 16 = none, base 17 = RIP; scale: shift
    ("displacement", U64), ("immediate", U64),            # sign-extended
    ("operand_size", U64), ("address_size", U64),         # bytes
    ("rep", U64), ("lock", U64),                          # rep: 0, 0xF3, 0xF2
)

# ---- the machine ----------------------------------------------------------------------------------------
MACHINE = record(
    ("ram", U64), ("ram_bytes", U64), ("high_bytes", U64),   # host address of guest-physical 0; bytes of RAM from 0, and from 4 GiB
    ("rom", U64), ("rom_base", U64), ("rom_bytes", U64),
    ("ledger", U64), ("cpu_count", U64), ("cpus", U64, 8),              # host addresses of CPU records
    ("address_mask", U64),                                # 2**MAXPHYADDR - 1
    ("devices", U64, 24),                                 # host addresses of device records, by emu.spec.platform.DEVICE
    ("stop", U64), ("stop_cpu", U64), ("exit_code", U64), ("seed", U64), ("now", U64),
    ("gated", U64),                                       # bits of physical addresses that are 0 whatever the processor drives: A20
    ("next_event", U64),                                  # earliest cycle at which a device wants to act
    ("turn", U64),                                        # host address of the processor whose turn the budget cut, 0: none
    ("disturb", U64),                                     # for tests: state of the disturbances, 0: none
    ("watch", U64),                                       # host address of the WATCH record, 0: nothing watches
    ("mark_count", U64), ("mark", U64, 64), ("marks_changed", U64),   # addresses that execution breakpoints were set at
    ("vmcs_count", U64), ("vmcs_seen", U64, 64),          # VMCSs that VMPTRLD chose, for debuggers: physical addresses, the first 64
    ("debug", U64),                                       # host address of the DEBUG record, 0: no debugger
    ("budget", U64), ("quantum", U64), ("kick", U64),     # kick: a processor that does not run got a message
    ("monitors", U64), ("monitors_new", U64),             # bit n: processor n has perhaps armed a monitor; the engines do not know of it
    ("stale_count", U64), ("stale", U64, STALE_PAGES),          # pages with translated code that the model wrote
)

# ---- a debugger's points (emu.model.observe.breakpoint) -------------------------------------------------
POINTS = 256
DEBUG = record(
    ("count", U64), ("near", U64),                        # places in use, some perhaps free again; whether each boundary is examined
    ("kind", U64, POINTS), ("address", U64, POINTS), ("length", U64, POINTS),    # kind: emu.spec.debug.POINT
    ("world", U64, POINTS), ("eptp", U64, POINTS), ("space", U64, POINTS),       # scope, all ones: any; space: CR3 without its flags
    ("ignore", U64, POINTS), ("hits", U64, POINTS), ("value", U64, POINTS),      # value: of a CHANGE point's word, last seen
    ("program", U64, POINTS),                             # of an EXECUTE point: place + 1 of its condition in WATCH, 0: none
    ("until", U64), ("until_vmcs", U64),                  # a change of worlds that stops: emu.spec.debug.UNTIL; of this VMCS, 0: any
    ("point", U64, POINTS),                               # number of the point whose place it is
    ("hit", U64), ("met", U64, POINTS),                   # how many points were met at this boundary, and in which places, in order
    ("met_address", U64, POINTS), ("met_size", U64, POINTS), ("met_write", U64, POINTS),   # by place: the access that met it
    ("ended", U64),                                       # what was waited for came: the last step, the change of worlds
    ("followed", U64), ("followed_value", U64),           # a 64-bit word (host address, 0: none) compared after each step, last seen
    ("changes", U64), ("changed_left", U64),              # how often it changed, CPU.steps after the last change
)

# ---- watchers of trace events: a trace, a debugger's event points (emu.model.observe.watch) -------------
WATCHES, PROGRAM_WORDS, WATCH_KEYS, RING_ROWS = 1536, 32, 1024, 1 << 16
MET_ROWS = 2 * WATCHES                                     # the first row of each place always fits, and as many further ones
WATCH = record(
    ("off", U64), ("everything", U64),                    # nothing is watched; every row stays in the ring
    ("ring", U64), ("count", U64), ("drained", U64),      # host address of uint64[RING_ROWS, 8]; rows so far; rows that the host has read
    ("first", U64, WATCH_KEYS), ("next", U64, WATCHES),   # lists by kind << 7 | exit reason (127: any): place + 1, 0 at the end
    ("action", U64, WATCHES), ("ignore", U64, WATCHES), ("hits", U64, WATCHES),
    ("program", U64, WATCHES * PROGRAM_WORDS),
    # rows that stop the machine, in their order: how many, the place and the words of each; by place, how many there were
    ("hit", U64), ("met", U64, MET_ROWS), ("row", U64, 8 * MET_ROWS), ("times", U64, WATCHES),
    ("asked", U64, 8 * POINTS),                           # by place of DEBUG: the row that its condition accepted
    ("stack", U64, PROGRAM_WORDS),
    ("known_key", U64, 8), ("known_count", U64, 8), ("known", U64, 8),     # of each processor: the partition that was found last
)

# ---- our architectural TLB: open addressing, 2**TLB_BITS entries -----------------------------------------
# A space is what tags translations: (VPID, EP4TA, PCID), or the global translations of a (VPID, EP4TA), or the
# guest-physical mappings of an EP4TA.  Each space has an asid; giving it a fresh one invalidates all it holds.
TLB_BITS, SPACES = 14, 256
TLB_ENTRIES = 1 << TLB_BITS
TLB = record(
    ("asid", U64), ("global_asid", U64), ("next_asid", U64), ("used", U64),   # asid 0: nothing selected yet
    ("space", U64), ("global_space", U64), ("key", U64), ("vpid", U64), ("context", U64),   # the spaces in use
    # what the engine must drop from its own TLB: all of it, all but global translations (counts of times), single pages
    ("engine_flush", U64), ("engine_switch", U64), ("engine_pages", U64), ("engine_page", U64, 64),
    ("sizes", U64), ("hits", U64), ("misses", U64), ("flushes", U64),
    ("space_count", U64), ("space_key", U64, SPACES), ("space_vpid", U64, SPACES), ("space_asid", U64, SPACES),
    ("space_state", U64, SPACES),                         # 0 empty, 1 has entries, 3 also pieces of larger guest pages
    ("word", U64, 2 * TLB_ENTRIES),                       # pairs: tag (0 = empty), TLBE
)

# ---- interrupt controllers and devices -------------------------------------------------------------------
LOCAL_APIC = record(                                      # 256-bit registers: word 0 holds vectors 0-63
    ("id", U64), ("tpr", U64), ("ldr", U64), ("dfr", U64), ("svr", U64), ("isr", U64, 4), ("tmr", U64, 4), ("irr", U64, 4),
    ("esr", U64), ("errors", U64),                        # errors: detected since the last write to ESR
    ("icr", U64), ("lvt", U64, 7),                        # lvt: by emu.spec.apic.ENTRY; icr: destination in 63:32
    ("lint", U64, 2), ("extint", U64),                    # levels of pins LINT0 and LINT1; an ExtINT message came
    ("initial", U64), ("divide", U64),                    # initial count, divide configuration
    ("count", U64), ("since", U64),                       # at cycle `since` the count was `count`; 0: stopped
    ("tsc_deadline", U64),
)
PINS = 24
IO_APIC = record(("select", U64), ("id", U64), ("lines", U64), ("entry", U64, PINS))      # lines: physical levels
PIC = record(                                             # two elements each: first and second 8259
    ("irr", U64, 2), ("imr", U64, 2), ("isr", U64, 2), ("lines", U64, 2), ("elcr", U64, 2), ("vector", U64, 2),
    ("icw", U64, 2), ("icw1", U64, 2), ("icw4", U64, 2),  # icw: initialisation word awaited next, 0 = none
    ("lowest", U64, 2), ("rotate", U64, 2), ("special", U64, 2), ("read_isr", U64, 2), ("poll", U64, 2), ("output", U64),
)
PIT = record(                                             # ticks of the 8254 clock; three counters
    ("now", U64), ("mode", U64, 3), ("bcd", U64, 3), ("access", U64, 3), ("loaded", U64, 3), ("count", U64, 3),
    ("start", U64, 3), ("next", U64, 3), ("swap", U64, 3),   # next: count that replaces `count` at tick `swap`, 0 = none
    ("gate", U64, 3), ("frozen", U64, 3), ("armed", U64, 3), ("low", U64, 3), ("write_high", U64, 3), ("read_high", U64, 3),
    ("latch", U64, 3), ("latched", U64, 3), ("status", U64, 3), ("status_latched", U64, 3),
    ("speaker", U64), ("event", U64),                     # port 0x61 bits 3:0; cycle of the next change of output 0
)
RING = 16384                                              # bytes a host must drain before they are overwritten
UART = record(
    ("now", U64), ("irq", U64), ("ier", U64), ("fcr", U64), ("lcr", U64), ("mcr", U64), ("lsr", U64), ("msr", U64), ("scr", U64),
    ("divisor", U64), ("fifo", U8, 16), ("fifo_error", U8, 16), ("head", U64), ("depth", U64),
    ("thre", U64), ("timeout", U64),                      # interrupt conditions that are latched
    ("thre_at", U64), ("receive_at", U64), ("timeout_at", U64), ("line", U64),   # cycles, all ones = never
    ("sent", U64), ("drained", U64), ("output", U8, RING), ("output_cycle", U64, RING),
    ("fed", U64), ("taken", U64), ("input", U8, RING),
)
CONSOLE = record(("post", U64), ("sent", U64), ("drained", U64), ("output", U8, RING), ("output_cycle", U64, RING),
                 ("partition", U64), ("tagged_sent", U64), ("tagged_drained", U64), ("tagged", U16, RING))   # partition << 8 | byte
RTC = record(
    ("now", U64), ("index", U64), ("nmi_masked", U64), ("ram", U8, 128),
    ("seconds", U64), ("since", U64),                     # calendar seconds since 1970 at cycle `since`
    ("held", U64), ("cause", U64), ("periodic_at", U64), ("update_at", U64), ("line", U64),
)
ACPI = record(
    ("now", U64), ("status", U64), ("enable", U64), ("control", U64), ("smi_data", U64), ("timer_bits", U64),
    ("overflow_at", U64), ("line", U64),
)
KEYBOARD = record(
    ("command", U64), ("expect", U64), ("output_port", U64), ("status", U64), ("queue", U8, 64), ("head", U64), ("depth", U64),
    ("device_expect", U64), ("scanning", U64), ("line", U64), ("system_a", U64), ("scancodes", U64),
    ("own", U64), ("sent", U64),                          # bit n: byte n of the queue is the keyboard's; its last that was read
)
FW_ITEMS = 64
FW_CFG = record(("selector", U64), ("position", U64), ("blob", U64), ("blob_bytes", U64),
                ("offset", U64, FW_ITEMS), ("length", U64, FW_ITEMS))      # items 0 .. in `blob`, a host address
PCI = record(("address", U64), ("reset_control", U64), ("config", U8, 256))
VGA = record(("flip", U64), ("index", U64, 4), ("misc", U64), ("feature", U64), ("attribute", U8, 32), ("sequencer", U8, 8),
             ("graphics", U8, 16), ("crtc", U8, 32), ("palette", U8, 768), ("dac_mask", U64), ("dac", U64), ("dac_read", U64))

env_of = viewer(ENV)
cpu_at = viewer(CPU)
insn_at = viewer(INSN)
machine_at = viewer(MACHINE)
tlb_at = viewer(TLB)
debug_at = viewer(DEBUG)
watch_at = viewer(WATCH)
apic_at = viewer(LOCAL_APIC)
ioapic_at = viewer(IO_APIC)
pic_at = viewer(PIC)
pit_at = viewer(PIT)
uart_at = viewer(UART)
console_at = viewer(CONSOLE)
rtc_at = viewer(RTC)
acpi_at = viewer(ACPI)
keyboard_at = viewer(KEYBOARD)
fw_cfg_at = viewer(FW_CFG)
pci_at = viewer(PCI)
vga_at = viewer(VGA)

NEVER = ALL_ONES                                           # of a cycle: a deadline that does not come
