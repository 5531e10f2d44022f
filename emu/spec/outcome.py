"""Codes that kernels use among themselves: faults, results of an instruction, reasons to stop, access kinds."""
from emu.bits import U64, codes, layout

MODE = codes("MODE", "ours: CPU.vmx_mode",
    BARE=(0, "outside VMX operation"), ROOT=(1, "VMX root operation"), NONROOT=(2, "VMX non-root operation"))

ACCESS = layout("ACCESS", 8, "ours: what an access to a linear address needs",
    READ=(0, 0, "data read"), WRITE=(1, 1, "data write"), FETCH=(2, 2, "instruction fetch"),
    USER=(3, 3, "user-mode access (CPL 3)"), IMPLICIT=(4, 4, "implicit supervisor access (descriptor tables, TSS)"),
    AC=(5, 5, "RFLAGS.AC is 1 for this explicit supervisor access"), EVENT=(6, 6, "during event delivery"))

INJECTED = U64(1)                                         # CPU.vectoring_source: VM entry asks to deliver the event
FAULT = codes("FAULT", "ours: CPU.fault, why an access or instruction did not complete",
    NONE=(0, "it did"),
    EXCEPTION=(1, "fault_vector, fault_error; fault_address is CR2 for a page fault"),
    EPT_VIOLATION=(2, "fault_gpa, fault_address (linear), fault_qualification"),
    EPT_MISCONFIG=(3, "fault_gpa"),
    EXIT=(4, "a VM exit is due: fault_vector is the basic reason, fault_qualification its qualification"),
    DEVICE=(5, "the page belongs to a device: fault_gpa is the physical address"),
    STOP=(6, "the machine stops: CPU.stop says why"),
    RETRY=(7, "nothing happened; do it again (the machine changed under the access)"))

RESULT = codes("RESULT", "ours: what a kernel that executes an instruction returns",
    NEXT=(0, "done: RIP moves past the instruction"), JUMP=(1, "done: RIP is set"),
    FAULT=(2, "not done: CPU.fault says why, RIP unchanged"), HALT=(3, "done, RIP moved, processor left the active state"),
    ENTER=(4, "VM entry: the non-root world runs next"), EXIT=(5, "VM exit done: the root world runs next"),
    STOP=(6, "CPU.stop says why"))

STOP = codes("STOP", "ours: CPU.stop and MACHINE.stop",
    NONE=(0, "running"), EXIT_CODE=(1, "the guest ended the run: MACHINE.exit_code"),
    POWER_OFF=(2, "ACPI shutdown"), RESET=(3, "reset port or keyboard controller"),
    TRIPLE_FAULT=(4, "shutdown after a triple fault"), BUDGET=(5, "the cycle budget is used up"),
    UNMODELLED=(6, "stop_a is the row of UNMODELLED, stop_b and stop_c its operands"),
    VMX_ABORT=(7, "stop_a is the VMX-abort indicator"), BREAK=(8, "a debugger asked"), IDLE=(9, "every processor is halted with nothing to wake it"),
    INTERNAL=(10, "an error of hvlab: stop_a says which"), OUTPUT=(11, "console output waits for the host"),
    INPUT=(12, "a host device wants attention"), ENTRY_FAILED=(13, "a VM entry failed and the run asked to stop at that"))

ON_RESET = ("fail", "stop", "reboot")                     # the run ends and has failed, ends well, goes on from the boot ROM

UNMODELLED = codes("UNMODELLED", "ours: what is not modelled; the text is shown with the operands",
    TASK_SWITCH=(1, 'task switch through TSS {0:#x} (SDM 3A, "Task Management")'),
    TASK_GATE=(2, 'task gate at vector {0} (SDM 3A, "Task Gates")'),
    INSTRUCTION=(3, 'instruction with opcode bytes {0:#x}'),
    EXIT=(4, 'VM exit with basic reason {0} (SDM 3C, "Basic VM-Exit Reasons")'),
    MSR=(5, 'model-specific register {0:#x}'),
    SMM=(6, 'system-management mode (SDM 3C, "System Management Mode")'),
    V86=(7, 'virtual-8086 mode event {0} (SDM 3B, "Interrupt and Exception Handling in Virtual-8086 Mode")'),
    DEVICE=(8, 'device access at {0:#x}, operation {1:#x}'),
    APIC=(9, 'local APIC feature {0:#x} (SDM 3A, "Advanced Programmable Interrupt Controller")'),
    VMX=(11, 'VMX feature {0:#x} (SDM 3C, "VM-Execution Control Fields")'),
    MEMORY=(13, 'access to {0:#x}, size {1}'),
    TABLE=(14, 'descriptor table, TSS or stack of an event at {0:#x}, in device memory at {1:#x}'),
    PAGING=(15, 'paging structure in device memory at {0:#x}'),
    CODE=(16, 'instruction at {0:#x} in device memory at {1:#x}'),
    CODE_BASE=(17, '64-bit code segment with base {1:#x}, at RIP {0:#x} (SDM 3A, "Segmentation in IA-32e Mode")'))

WATCH = codes("WATCH", "ours: what a processor that something waits for has CPU.watch for, from 1",
    IF=(1, "an interrupt, or an exit for its window: RFLAGS.IF"), SHADOW=(2, "an NMI or a debug trap: the end of the shadow of MOV SS or STI"))
