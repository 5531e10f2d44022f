"""What sets VM exits apart by their basic reason: sets of REASON, for kernels as bits (`emu.bits.one_of`), for people as names."""
from emu.bits import members, sets
from emu.spec.vmx import REASON

EXITS = sets("EXITS", REASON, 'SDM 3C, "Recording VM-Exit Information and Updating VM-Entry Control Fields", "Saving Guest State"',
    TRAP_LIKE=("EXTERNAL_INTERRUPT TRIPLE_FAULT INIT SIPI INTERRUPT_WINDOW NMI_WINDOW MTF TPR_THRESHOLD VIRTUALIZED_EOI "
               "PREEMPTION_TIMER APIC_WRITE", "RFLAGS.RF is saved as it was; the other exits of one instruction save 0"),
    ACCESS=("APIC_ACCESS EPT_VIOLATION EPT_MISCONFIG PML_FULL", "by an access: RFLAGS.RF is saved as 1"),
    KEEPS_PENDING=("INIT MTF TPR_THRESHOLD VIRTUALIZED_EOI APIC_WRITE", "pending debug exceptions are saved"),
    UNBLOCK=("EPT_VIOLATION PML_FULL", "bit 12 of the qualification: NMI unblocking due to IRET"),
    ADDRESSED=("EPT_VIOLATION EPT_MISCONFIG SPP", "GUEST_PHYSICAL_ADDRESS is written"),
    UNDEFINED=("EPT_MISCONFIG", "the manual leaves the qualification undefined"),
    ENTRY_FAILURE=("ENTRY_GUEST_STATE ENTRY_MSR_LOAD ENTRY_MACHINE_CHECK", "a VM entry that failed: bit 31 of the exit reason is 1"))

ADDRESSED, UNDEFINED, ENTRY_FAILURES = (members(EXITS, each) for each in ("ADDRESSED", "UNDEFINED", "ENTRY_FAILURE"))
