"""Breakpoints: the conditions of the debug registers, and what a debugger can ask for."""
from emu.bits import codes, layout

CONDITION = codes("CONDITION", 'SDM 3B, "Debug Control Register (DR7)": R/W0-R/W3',
    EXECUTE=(0, "instruction execution only"), WRITE=(1, "data writes only"),
    PORT=(2, "I/O reads or writes while CR4.DE = 1, else undefined"), ACCESS=(3, "data reads or writes, not fetches"))

LENGTHS = (1, 2, 8, 4)                     # bytes by LEN0-LEN3, same section

POINT = layout("POINT", 64, "ours: what a debugger's point stops at; 0: a free place",
    EXECUTE=(0, 0, "before the instruction at a linear address"), READ=(1, 1, "after a read of some of its bytes"),
    WRITE=(2, 2, "after a write to some of its bytes"), PHYSICAL=(3, 3, "its address is host-physical, not linear"),
    CHANGE=(4, 4, "at the boundary where the 64-bit word at a host address is found changed: a VMCS field, a register"))

UNTIL = codes("UNTIL", "ours: DEBUG.until", NEVER=(0, "no change of worlds stops"), ENTRY=(1, "a VM entry does"), EXIT=(2, "a VM exit does"))

ARMED = layout("ARMED", 8, "ours: CPU.armed, whose data breakpoints the processor has to look for",
    REGISTERS=(0, 0, "of its own debug registers"), LINEAR=(1, 1, "a debugger's, linear"), PHYSICAL=(2, 2, "a debugger's, physical"))
