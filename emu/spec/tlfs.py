"""The hypervisor interface: CPUID leaves, synthetic MSRs, hypercall codes, statuses, privileges, register names.

Source: Hypervisor Top Level Functional Specification 6.0b and its current online text.  Only what `hv/` offers or
refuses by name is listed; behaviour is in hv/*/*.s.
"""
from emu.bits import codes, layout, text_of

HVLEAF = codes("HVLEAF", 'TLFS, "Hypervisor CPUID Leaf Range"',
    VENDOR=(0x4000_0000, "highest leaf and vendor text"), INTERFACE=(0x4000_0001, "interface signature"),
    VERSION=(0x4000_0002, "version"), FEATURES=(0x4000_0003, "privileges and features"),
    ADVICE=(0x4000_0004, "implementation recommendations"), LIMITS=(0x4000_0005, "implementation limits"),
    HARDWARE=(0x4000_0006, "hardware features in use"), MANAGEMENT=(0x4000_0007, "processor management"),
    SVM=(0x4000_0008, "shared virtual memory"), NESTED=(0x4000_0009, "nested hypervisor features"),
    NESTED_FEATURES=(0x4000_000A, "nested virtualization features"))

HVTEXT = codes("HVTEXT", 'TLFS, "Hypervisor CPUID Leaf Range"',
    EBX=(0x7263_694D, '"Micr"'), ECX=(0x666F_736F, '"osof"'), EDX=(0x7648_2074, '"t Hv"'), INTERFACE=(0x3123_7648, '"Hv#1"'))

PRIVILEGE = layout("PRIVILEGE", 64, 'TLFS, "HV_PARTITION_PRIVILEGE_MASK"; before the colon: its name there',
    VP_RUN_TIME=(0, 0, "AccessVpRunTimeReg: MSR VP_RUNTIME"),
    REFERENCE_COUNTER=(1, 1, "AccessPartitionReferenceCounter: MSR TIME_REF_COUNT"),
    SYNIC=(2, 2, "AccessSynicRegs: SynIC MSRs"),
    TIMERS=(3, 3, "AccessSyntheticTimerRegs: synthetic timers"),
    APIC=(4, 4, "AccessIntrCtrlRegs: MSRs EOI, ICR, TPR, VP_ASSIST_PAGE"),
    HYPERCALL=(5, 5, "AccessHypercallMsrs: MSRs GUEST_OS_ID, HYPERCALL"),
    VP_INDEX=(6, 6, "AccessVpIndex: MSR VP_INDEX"),
    RESET=(7, 7, "AccessResetReg: MSR RESET"),
    STATS=(8, 8, "AccessStatsReg: statistics pages"),
    REFERENCE_TSC=(9, 9, "AccessPartitionReferenceTsc: reference TSC page"),
    GUEST_IDLE=(10, 10, "AccessGuestIdleReg: MSR GUEST_IDLE"),
    FREQUENCIES=(11, 11, "AccessFrequencyRegs: MSRs TSC, APIC frequency"),
    CREATE_PARTITIONS=(32, 32, "CreatePartitions: HvCallCreatePartition, and the calls about children"),
    PARTITION_ID=(33, 33, "AccessPartitionId: HvCallGetPartitionId"),
    MEMORY_POOL=(34, 34, "AccessMemoryPool: HvCallDepositMemory, WithdrawMemory, GetMemoryBalance"),
    POST_MESSAGES=(36, 36, "PostMessages: HvCallPostMessage"),
    SIGNAL_EVENTS=(37, 37, "SignalEvents: HvCallSignalEvent"),
    CREATE_PORT=(38, 38, "CreatePort: HvCallCreatePort"),
    CONNECT_PORT=(39, 39, "ConnectPort: HvCallConnectPort"),
    MANAGEMENT=(44, 44, "CpuManagement: processor management"),
    VP_REGISTERS=(49, 49, "AccessVpRegisters: HvCallGet/SetVpRegisters on itself"),
    START_VP=(53, 53, "StartVirtualProcessor: HvCallStartVirtualProcessor"))
# {row of PRIVILEGE: its name in the TLFS}
PRIVILEGE_NAMES = {row: text_of(PRIVILEGE, row).partition(":")[0] for row in PRIVILEGE._fields}

HVFEATURE = layout("HVFEATURE", 32, 'TLFS, "Hypervisor Feature Identification" (EDX)',
    FAST_INPUT=(4, 4, "XMM input of fast hypercalls"), IDLE=(5, 5, "guest idle state"),
    FREQUENCIES=(8, 8, "timer frequencies by MSR"), CRASH=(10, 10, "crash MSRs"), FAST_OUTPUT=(15, 15, "XMM output"),
    POLLING=(17, 17, "SINT polling mode"), LOCK=(18, 18, "lock bit of the MSR HYPERCALL"), DIRECT_TIMERS=(19, 19, "direct mode of synthetic timers"))

HVADVICE = layout("HVADVICE", 32, 'TLFS, "Implementation Recommendations" (EAX)',
    LOCAL_FLUSH=(1, 1, "hypercall for local TLB flush"), REMOTE_FLUSH=(2, 2, "hypercall for remote TLB flush"),
    APIC_MSRS=(3, 3, "MSRs for EOI, ICR, TPR"), RESET=(4, 4, "MSR RESET"), RELAXED_TIMING=(5, 5, "no watchdogs"),
    CLUSTER_IPI=(10, 10, "HvCallSendSyntheticClusterIpi"), EX_MASKS=(11, 11, "the Ex calls with sets of VPs"))

HVHARDWARE = layout("HVHARDWARE", 32, 'TLFS, "Implementation Hardware Features" (EAX)',
    APIC_ASSIST=(0, 0, "APIC overlay assist"), MSR_BITMAPS=(1, 1, "MSR bitmaps"), SLAT=(3, 3, "second-level address translation"),
    UNRESTRICTED=(17, 17, "unrestricted guest"))

HVMSR = codes("HVMSR", 'TLFS, "Synthetic MSRs"',
    GUEST_OS_ID=(0x4000_0000, "guest identity"), HYPERCALL=(0x4000_0001, "hypercall page"), VP_INDEX=(0x4000_0002, "VP index"),
    RESET=(0x4000_0003, "reset the partition"), VP_RUNTIME=(0x4000_0010, "100 ns that the VP ran"),
    TIME_REF_COUNT=(0x4000_0020, "100 ns since creation"), REFERENCE_TSC=(0x4000_0021, "reference TSC page"),
    TSC_FREQUENCY=(0x4000_0022, "Hz"), APIC_FREQUENCY=(0x4000_0023, "Hz"), EOI=(0x4000_0070, "end of interrupt"),
    ICR=(0x4000_0071, "interrupt command"), TPR=(0x4000_0072, "task priority"),
    VP_ASSIST_PAGE=(0x4000_0073, "page that the guest and the hypervisor share for each VP"),
    SCONTROL=(0x4000_0080, "SynIC on"), SVERSION=(0x4000_0081, "SynIC version"), SIEFP=(0x4000_0082, "event flags page"),
    SIMP=(0x4000_0083, "message page"), EOM=(0x4000_0084, "end of message"), SINT0=(0x4000_0090, "first of sixteen interrupt sources"),
    SINT15=(0x4000_009F, "last"), STIMER0_CONFIG=(0x4000_00B0, "first of four timers"), STIMER0_COUNT=(0x4000_00B1, "its count or period"),
    STIMER3_COUNT=(0x4000_00B7, "last"), GUEST_IDLE=(0x4000_00F0, "sleep until an interrupt"),
    CRASH_P0=(0x4000_0100, "first of five crash parameters"), CRASH_P4=(0x4000_0104, "last"), CRASH_CTL=(0x4000_0105, "report a crash"))

HVPAGE = layout("HVPAGE", 64, 'TLFS, "Establishing the Hypercall Interface"',
    ENABLE=(0, 0, "page is there"), LOCKED=(1, 1, "write-protected until reset"), GPFN=(63, 12, "guest page frame number"))

HVRESET = layout("HVRESET", 64, 'TLFS, "Reset MSR"', RESET=(0, 0, "reset now"))

HVCALL = codes("HVCALL", 'TLFS, "Hypercall Code Values"',
    FLUSH_SPACE=(0x0002, "HvCallFlushVirtualAddressSpace"), FLUSH_LIST=(0x0003, "HvCallFlushVirtualAddressList"),
    SPIN_WAIT=(0x0008, "HvCallNotifyLongSpinWait"), CLUSTER_IPI=(0x000B, "HvCallSendSyntheticClusterIpi"),
    FLUSH_SPACE_EX=(0x0013, "HvCallFlushVirtualAddressSpaceEx"), FLUSH_LIST_EX=(0x0014, "HvCallFlushVirtualAddressListEx"),
    CLUSTER_IPI_EX=(0x0015, "HvCallSendSyntheticClusterIpiEx"), CREATE_PARTITION=(0x0040, "HvCallCreatePartition"),
    INITIALIZE_PARTITION=(0x0041, "HvCallInitializePartition"), FINALIZE_PARTITION=(0x0042, "HvCallFinalizePartition"),
    DELETE_PARTITION=(0x0043, "HvCallDeletePartition"), GET_PROPERTY=(0x0044, "HvCallGetPartitionProperty"),
    SET_PROPERTY=(0x0045, "HvCallSetPartitionProperty"), GET_PARTITION_ID=(0x0046, "HvCallGetPartitionId"),
    NEXT_CHILD=(0x0047, "HvCallGetNextChildPartition"), DEPOSIT_MEMORY=(0x0048, "HvCallDepositMemory"),
    WITHDRAW_MEMORY=(0x0049, "HvCallWithdrawMemory"), MEMORY_BALANCE=(0x004A, "HvCallGetMemoryBalance"),
    MAP_PAGES=(0x004B, "HvCallMapGpaPages"), UNMAP_PAGES=(0x004C, "HvCallUnmapGpaPages"),
    INSTALL_INTERCEPT=(0x004D, "HvCallInstallIntercept"), CREATE_VP=(0x004E, "HvCallCreateVp"), DELETE_VP=(0x004F, "HvCallDeleteVp"),
    GET_REGISTERS=(0x0050, "HvCallGetVpRegisters"), SET_REGISTERS=(0x0051, "HvCallSetVpRegisters"),
    TRANSLATE=(0x0052, "HvCallTranslateVirtualAddress"), READ_GPA=(0x0053, "HvCallReadGpa"), WRITE_GPA=(0x0054, "HvCallWriteGpa"),
    CLEAR_INTERRUPT=(0x0056, "HvCallClearVirtualInterrupt"), CREATE_PORT_1=(0x0057, "HvCallCreatePort (2.0)"), DELETE_PORT=(0x0058, "HvCallDeletePort"),
    CONNECT_PORT_1=(0x0059, "HvCallConnectPort (2.0)"), GET_PORT=(0x005A, "HvCallGetPortProperty"),
    DISCONNECT_PORT=(0x005B, "HvCallDisconnectPort"), POST_MESSAGE=(0x005C, "HvCallPostMessage"),
    SIGNAL_EVENT=(0x005D, "HvCallSignalEvent"), MAP_SPARSE=(0x006E, "HvCallMapSparseGpaPages"),
    ASSERT_INTERRUPT=(0x0094, "HvCallAssertVirtualInterrupt"), CREATE_PORT=(0x0095, "HvCallCreatePort"),
    CONNECT_PORT=(0x0096, "HvCallConnectPort"), START_VP=(0x0099, "HvCallStartVirtualProcessor"),
    VP_INDEX_OF_APIC=(0x009A, "HvCallGetVpIndexFromApicId"), MAP_STATE_PAGE=(0x00E1, "HvCallMapVpStatePage"),
    UNMAP_STATE_PAGE=(0x00E2, "HvCallUnmapVpStatePage"))

HVINPUT = layout("HVINPUT", 64, 'TLFS, "Hypercall Inputs"',
    CODE=(15, 0, "call code"), FAST=(16, 16, "parameters in registers"), VARIABLE=(26, 17, "variable header, quadwords"),
    RESERVED1=(30, 27, "must be zero"), NESTED=(31, 31, "for the hypervisor below"), COUNT=(43, 32, "repetitions"),
    RESERVED2=(47, 44, "must be zero"), START=(59, 48, "first repetition"), RESERVED3=(63, 60, "must be zero"))

HVRESULT = layout("HVRESULT", 64, 'TLFS, "Hypercall Outputs"',
    STATUS=(15, 0, "HVSTATUS"), DONE=(43, 32, "repetitions completed"))

HVFLUSH = layout("HVFLUSH", 64, 'TLFS, "HV_FLUSH_FLAGS"',
    ALL_PROCESSORS=(0, 0, "mask ignored"), ALL_SPACES=(1, 1, "address space ignored"), NONGLOBAL=(2, 2, "spares global pages"))

HVSTATUS = codes("HVSTATUS", 'TLFS, "Hypercall Status Code Summary"',
    SUCCESS=(0x00, "done"), INVALID_HYPERCALL_CODE=(0x02, "no such call"), INVALID_HYPERCALL_INPUT=(0x03, "input value"),
    INVALID_ALIGNMENT=(0x04, "pointer"), INVALID_PARAMETER=(0x05, "parameter"), ACCESS_DENIED=(0x06, "privilege"),
    INVALID_PARTITION_STATE=(0x07, "state of the partition"), OPERATION_DENIED=(0x08, "not now, or not here"),
    UNKNOWN_PROPERTY=(0x09, "no such property"), PROPERTY_VALUE_OUT_OF_RANGE=(0x0A, "value of a property"),
    INSUFFICIENT_MEMORY=(0x0B, "deposit more memory and repeat the call"), PARTITION_TOO_DEEP=(0x0C, "depth of the partition tree"),
    INVALID_PARTITION_ID=(0x0D, "partition"), INVALID_VP_INDEX=(0x0E, "VP"), INVALID_PORT_ID=(0x11, "port"),
    INVALID_CONNECTION_ID=(0x12, "connection"), INSUFFICIENT_BUFFERS=(0x13, "no message buffer is free; try again"),
    NOT_ACKNOWLEDGED=(0x14, "the previous interrupt was not acknowledged"),
    INVALID_VP_STATE=(0x15, "state of the VP"), ACKNOWLEDGED=(0x16, "the previous interrupt was acknowledged"), INVALID_SYNIC_STATE=(0x18, "the SynIC is not enabled or not set up"),
    OBJECT_IN_USE=(0x19, "object is in use"), NO_RESOURCES=(0x1D, "no resources"), INVALID_REGISTER_VALUE=(0x50, "register value"), UNKNOWN_REGISTER_NAME=(0x87, "register name"))

HVREG = codes("HVREG", 'TLFS, "Virtual Processor Registers" (HV_REGISTER_NAME)',
    EXPLICIT_SUSPEND=(0x0, "the VP is suspended by its parent"), INTERCEPT_SUSPEND=(0x1, "the VP waits for an intercept's answer"),
    ACTIVITY=(0x4, "waits for a start-up IPI, halted"),
    VERSION=(0x100, "hypervisor version, leaf 0x40000002"),
    PRIVILEGES=(0x200, "leaf 0x40000003"), FEATURES=(0x201, "leaf 0x40000004"), HARDWARE=(0x203, "leaf 0x40000006"),
    MANAGEMENT=(0x204, "leaf 0x40000007"), NESTED_FEATURES=(0x207, "leaf 0x4000000A"), CRASH_P0=(0x210, "first of the crash MSRs"),
    CRASH_CTL=(0x215, "last"), PROCESSOR_CLOCK=(0x240, "MSR TSC_FREQUENCY"), INTERRUPT_CLOCK=(0x241, "MSR APIC_FREQUENCY"), PENDING_INTERRUPTION=(0x1_0002, "event to inject"),
    INTERRUPT_STATE=(0x1_0003, "shadow, NMI mask"), RAX=(0x2_0000, "first of sixteen"), RSP=(0x2_0004, "RSP"),
    R15=(0x2_000F, "last of sixteen"), RIP=(0x2_0010, "RIP"), RFLAGS=(0x2_0011, "RFLAGS"), CR0=(0x4_0000, "CR0"), CR2=(0x4_0001, "CR2"),
    CR3=(0x4_0002, "CR3"), CR4=(0x4_0003, "CR4"), CR8=(0x4_0004, "CR8"), DR0=(0x5_0000, "DR0"), DR3=(0x5_0003, "DR3"),
    DR6=(0x5_0004, "DR6"), DR7=(0x5_0005, "DR7"), ES=(0x6_0000, "first of eight segments"), TR=(0x6_0007, "last"),
    IDTR=(0x7_0000, "IDTR"), GDTR=(0x7_0001, "GDTR"), TSC=(0x8_0000, "TSC"), EFER=(0x8_0001, "EFER"),
    KERNEL_GS_BASE=(0x8_0002, "KernelGSBase"), APIC_BASE=(0x8_0003, "ApicBase"), PAT=(0x8_0004, "PAT"),
    SYSENTER_CS=(0x8_0005, "SYSENTER_CS"), SYSENTER_EIP=(0x8_0006, "SYSENTER_EIP"), SYSENTER_ESP=(0x8_0007, "SYSENTER_ESP"),
    STAR=(0x8_0008, "STAR"), LSTAR=(0x8_0009, "LSTAR"), CSTAR=(0x8_000A, "CSTAR"), SFMASK=(0x8_000B, "SFMASK"),
    TSC_DEADLINE=(0x8_0095, "IA32_TSC_DEADLINE"), INITIAL_APIC_ID=(0x8_000C, "APIC ID at power-up"),
    TSC_AUX=(0x8_007B, "IA32_TSC_AUX"), VP_RUNTIME=(0x9_0000, "MSR VP_RUNTIME"), SVERSION=(0xA_0011, "MSR SVERSION"), APIC_ID=(0x8_4802, "first of the local APIC's, as x2APIC has them"),
    APIC_DIVIDE=(0x8_483E, "last"), XMM0=(0x3_0000, "first of sixteen"), XMM15=(0x3_000F, "last"),
    MMX0=(0x3_0010, "first of eight x87 registers"), MMX7=(0x3_0017, "last"), FP_CONTROL=(0x3_0018, "FpControlStatus"),
    XMM_CONTROL=(0x3_0019, "XmmControlStatus"), ASSIST_PAGE=(0x9_0013, "MSR VP_ASSIST_PAGE"), REFERENCE_TSC=(0x9_0017, "MSR REFERENCE_TSC"),
    HYPERCALL=(0x9_0001, "MSR HYPERCALL"), GUEST_OS_ID=(0x9_0002, "MSR GUEST_OS_ID"), VP_INDEX=(0x9_0003, "MSR VP_INDEX"),
    TIME_REF_COUNT=(0x9_0004, "MSR TIME_REF_COUNT"), SINT0=(0xA_0000, "first of sixteen"), SINT15=(0xA_000F, "last"),
    SCONTROL=(0xA_0010, "MSR SCONTROL"), SIEFP=(0xA_0012, "MSR SIEFP"), SIMP=(0xA_0013, "MSR SIMP"),
    STIMER0_CONFIG=(0xB_0000, "first of the four timers' eight"), STIMER3_COUNT=(0xB_0007, "last"))

SELF = codes("SELF", 'TLFS, "HV_PARTITION_ID", "HV_VP_INDEX"',
    PARTITION=(0xFFFF_FFFF_FFFF_FFFF, "HV_PARTITION_ID_SELF"), VP=(0xFFFF_FFFE, "HV_VP_INDEX_SELF"))
