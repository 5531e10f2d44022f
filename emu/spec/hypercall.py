"""Hypercalls and their statuses by number: the published ones, for `hvlab explain`; what `hv/` offers is in `emu.spec.tlfs`.

Left out: calls that no specification and no public header describes, and those of other architectures.
"""
from emu.bits import codes, details
from emu.spec.tlfs import HVCALL, HVSTATUS, PRIVILEGE_NAMES

# What the second word of a row says: SIMPLE runs once, REP repeats for a list, VARIABLE has a header of variable size, FAST may take
# its parameters in registers.
CALLKIND = codes("CALLKIND", 'TLFS, "Hypercall Classes"; "Hypercall Inputs"', S=(0, "simple"), R=(1, "rep"), V=(2, "variable header"),
             F=(3, "fast form"))

# number, kind, who may call: "parent" of the partition that the call is about, that partition "itself", and rows of PRIVILEGE that it
# must have ("with": itself only).  What hv/ offers; a test compares with its rows and handlers.
_PARENT = "parent, {CREATE_PARTITIONS}"
_PORT, _CONNECTION = "parent, or itself with {CREATE_PORT}", "parent, or itself with {CONNECT_PORT}"
_KNOWN = (
    (HVCALL.FLUSH_SPACE, "S", "anyone"), (HVCALL.FLUSH_LIST, "R", "anyone"), (HVCALL.SPIN_WAIT, "SF", "anyone"),
    (HVCALL.CLUSTER_IPI, "SF", "anyone"), (HVCALL.FLUSH_SPACE_EX, "SV", "anyone"), (HVCALL.FLUSH_LIST_EX, "RV", "anyone"),
    (HVCALL.CLUSTER_IPI_EX, "SV", "anyone"), (HVCALL.CREATE_PARTITION, "S", "{CREATE_PARTITIONS}"),
    (HVCALL.INITIALIZE_PARTITION, "SF", _PARENT), (HVCALL.FINALIZE_PARTITION, "SF", _PARENT),
    (HVCALL.DELETE_PARTITION, "SF", _PARENT), (HVCALL.GET_PROPERTY, "S", "parent or the root itself, {CREATE_PARTITIONS}"),
    (HVCALL.SET_PROPERTY, "S", "parent or the root itself, {CREATE_PARTITIONS}"),
    (HVCALL.GET_PARTITION_ID, "S", "{PARTITION_ID}"), (HVCALL.NEXT_CHILD, "S", "itself, {CREATE_PARTITIONS}"),
    (HVCALL.DEPOSIT_MEMORY, "R", "parent or the root itself, {MEMORY_POOL}"),
    (HVCALL.WITHDRAW_MEMORY, "R", "parent or the root itself, {MEMORY_POOL}"),
    (HVCALL.MEMORY_BALANCE, "S", "parent or the root itself, {MEMORY_POOL}"), (HVCALL.MAP_PAGES, "R", _PARENT),
    (HVCALL.UNMAP_PAGES, "R", _PARENT), (HVCALL.INSTALL_INTERCEPT, "S", _PARENT), (HVCALL.CREATE_VP, "S", _PARENT),
    (HVCALL.DELETE_VP, "SF", _PARENT), (HVCALL.GET_REGISTERS, "R", "parent, or itself with {VP_REGISTERS}"),
    (HVCALL.SET_REGISTERS, "R", "parent, or itself with {VP_REGISTERS}"), (HVCALL.TRANSLATE, "S", _PARENT),
    (HVCALL.READ_GPA, "S", _PARENT), (HVCALL.WRITE_GPA, "S", _PARENT), (HVCALL.CLEAR_INTERRUPT, "SF", _PARENT),
    (HVCALL.CREATE_PORT_1, "S", _PORT), (HVCALL.DELETE_PORT, "SF", _PORT), (HVCALL.CONNECT_PORT_1, "S", _CONNECTION),
    (HVCALL.GET_PORT, "S", _PORT), (HVCALL.DISCONNECT_PORT, "SF", _CONNECTION), (HVCALL.POST_MESSAGE, "S", "{POST_MESSAGES}"),
    (HVCALL.SIGNAL_EVENT, "SF", "{SIGNAL_EVENTS}"), (HVCALL.MAP_SPARSE, "R", _PARENT), (HVCALL.ASSERT_INTERRUPT, "S", _PARENT),
    (HVCALL.CREATE_PORT, "S", _PORT), (HVCALL.CONNECT_PORT, "S", _CONNECTION),
    (HVCALL.START_VP, "S", "parent or itself, {START_VP}"), (HVCALL.VP_INDEX_OF_APIC, "R", "parent or itself, {START_VP}"),
    (HVCALL.MAP_STATE_PAGE, "S", _PARENT),
    (HVCALL.UNMAP_STATE_PAGE, "S", _PARENT))
# What hv/ does not offer; names of privileges as the TLFS has them.
_MORE = (
    (0x0001, "SwitchVirtualAddressSpace", "SF", "anyone"), (0x0004, "GetLogicalProcessorRunTime", "S", "CpuManagement"),
    (0x000C, "ModifyVtlProtectionMask", "R", "AccessVsm"), (0x000D, "EnablePartitionVtl", "S", "AccessVsm"),
    (0x000F, "EnableVpVtl", "S", "AccessVsm"), (0x0011, "VtlCall", "S", "privilege level 0, by the code page"),
    (0x0012, "VtlReturn", "S", "anyone"),
    (0x005E, "SavePartitionState", "S", "parent"), (0x005F, "RestorePartitionState", "S", "parent, CreatePartitions"),
    (0x0060, "InitializeEventLogBufferGroup", "S", "root"), (0x0061, "FinalizeEventLogBufferGroup", "SF", "root"),
    (0x0062, "CreateEventLogBuffer", "S", "root"), (0x0063, "DeleteEventLogBuffer", "SF", "root"),
    (0x0064, "MapEventLogBuffer", "S", "root"), (0x0065, "UnmapEventLogBuffer", "SF", "root"),
    (0x0066, "SetEventLogGroupSources", "SF", "root"), (0x0067, "ReleaseEventLogBuffer", "SF", "root"),
    (0x0068, "FlushEventLogBuffer", "SF", "root"), (0x0069, "PostDebugData", "S", "Debugging"),
    (0x006A, "RetrieveDebugData", "S", "Debugging"), (0x006B, "ResetDebugSession", "SF", "Debugging"),
    (0x006C, "MapStatsPage", "S", "AccessStats"), (0x006D, "UnmapStatsPage", "S", "AccessStats"),
    (0x006F, "SetSystemProperty", "S", "root"), (0x0070, "SetPortProperty", "S", "CreatePort"),
    (0x0076, "AddLogicalProcessor", "S", "root, CpuManagement"), (0x0077, "RemoveLogicalProcessor", "S", "root, CpuManagement"),
    (0x0078, "QueryNumaDistance", "S", "root"), (0x0079, "SetLogicalProcessorProperty", "S", "root"),
    (0x007A, "GetLogicalProcessorProperty", "S", "root"), (0x007B, "GetSystemProperty", "S", "anyone"),
    (0x007C, "MapDeviceInterrupt", "S", "root"), (0x007D, "UnmapDeviceInterrupt", "S", "root"),
    (0x007E, "RetargetDeviceInterrupt", "SV", "anyone"), (0x0082, "AttachDevice", "S", "root"), (0x0083, "DetachDevice", "S", "root"),
    (0x0086, "PrepareForHibernate", "S", "root"), (0x0087, "NotifyPartitionEvent", "S", "root"),
    (0x0088, "GetLogicalProcessorRegisters", "R", "root"), (0x0089, "SetLogicalProcessorRegisters", "R", "root"),
    (0x008A, "QueryAssociatedLpsForMca", "S", "root"), (0x008B, "NotifyPortRingEmpty", "S", "anyone"),
    (0x008C, "InjectSyntheticMachineCheck", "S", "root"), (0x008D, "ScrubPartition", "S", "root"),
    (0x008E, "CollectLivedump", "S", "root, Debugging"), (0x008F, "DisableHypervisor", "S", "root"),
    (0x0090, "ModifySparseGpaPages", "R", "parent"), (0x0091, "RegisterInterceptResult", "S", "parent"),
    (0x0092, "UnregisterInterceptResult", "S", "parent"), (0x0097, "GetSpaPageList", "R", "root"),
    (0x00AC, "TranslateVirtualAddressEx", "S", "parent, or itself"), (0x00AD, "CheckForIoIntercept", "S", "parent"),
    (0x00AF, "FlushGuestPhysicalAddressSpace", "S", "a nested hypervisor"),
    (0x00B0, "FlushGuestPhysicalAddressList", "R", "a nested hypervisor"), (0x00C0, "SignalEventDirect", "S", "parent"),
    (0x00C1, "PostMessageDirect", "S", "parent"), (0x00C2, "DispatchVp", "S", "root"),
    (0x00DB, "ModifySparseGpaPageHostVisibility", "R", "isolated guests"),
    (0x00E3, "GetVpState", "S", "parent"), (0x00E4, "SetVpState", "R", "parent"),
    (0x00E5, "GetVpSetFromMda", "S", "parent"), (0x00F4, "GetVpCpuidValues", "R", "parent"),
    (0x8001, "ExtQueryCapabilities", "S", "EnableExtendedHypercalls"),
    (0x8002, "ExtGetBootZeroedMemory", "S", "EnableExtendedHypercalls"))


def _rows():
    names = {int(number): text for number, text in details(HVCALL).rows.values()}
    known = [(int(number), names[int(number)], kind, who.format(**PRIVILEGE_NAMES)) for number, kind, who in _KNOWN]
    return sorted([*known, *((number, f"HvCall{name}", kind, who) for number, name, kind, who in _MORE)])


# Calls that the hypervisor of this project answers (hv/hypercalls/hypercall_rows.s; a test compares).
OFFERED = frozenset(map(int, HVCALL))
HYPERCALL = {number: (name, kind, who) for number, name, kind, who in _rows()}
HYPERCALL_SOURCE = details(HVCALL).source
if len(HYPERCALL) != len(_KNOWN) + len(_MORE) or len(_KNOWN) != len(HVCALL):
    raise ValueError("HYPERCALL: a number occurs twice, or a row of HVCALL is missing")

# Statuses that `hv/` does not give; the others are rows of HVSTATUS.
_STATUS = codes("STATUS", details(HVSTATUS).source,
    NOT_FOUND=(0x10, "no such object"), INVALID_SAVE_RESTORE_STATE=(0x17, "saved state"),
    INVALID_PROXIMITY_DOMAIN_INFO=(0x1A, "proximity domain"), NO_DATA=(0x1B, "nothing to retrieve"), INACTIVE=(0x1C, "not active"),
    FEATURE_UNAVAILABLE=(0x1E, "feature is not available"), PARTIAL_PACKET=(0x1F, "only a part was taken"),
    INSUFFICIENT_BUFFER=(0x33, "buffer is too small"), INVALID_LP_INDEX=(0x41, "logical processor"),
    INVALID_VTL_STATE=(0x51, "state of the VTL"), INVALID_DEVICE_ID=(0x57, "device"), INVALID_DEVICE_STATE=(0x58, "state of the device"),
    OPERATION_FAILED=(0x71, "failed"), TIME_OUT=(0x78, "took too long"), VTL_ALREADY_ENABLED=(0x86, "VTL is enabled already"))
HVSTATUS_ALL = {int(number): (name, text) for table in (HVSTATUS, _STATUS) for name, (number, text) in details(table).rows.items()}
if len(HVSTATUS_ALL) != len(HVSTATUS) + len(_STATUS):
    raise ValueError("HVSTATUS_ALL: a number occurs twice")
