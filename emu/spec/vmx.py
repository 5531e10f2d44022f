"""Virtual-machine extensions: controls, exit reasons, errors, formats of VMCS fields, capability MSRs.

The VMCS fields themselves are in `emu.spec.vmcs` and offered here again; which controls this processor
allows is in `emu.spec.profile`.
"""
from emu.bits import U64, codes, layout, shift_of
from emu.spec.cpu import CR0, CR4, DR7, EFER, EVENT, INTR, RFLAGS
from emu.spec.vmcs import ENCODING, ENCODINGS, FIELD, GROUP, REGION, REGION_WORDS, VMCS, WIDTH

__all__ = ["ENCODING", "ENCODINGS", "EVENT", "FIELD", "GROUP", "INTR", "REGION", "REGION_WORDS", "VMCS", "WIDTH"]

# ---- controls -------------------------------------------------------------------------------------------
PIN = layout("PIN", 32, 'SDM 3C, "Pin-Based VM-Execution Controls"',
    EXTERNAL_INTERRUPT=(0, 0, "external-interrupt exiting"), NMI=(3, 3, "NMI exiting"),
    VIRTUAL_NMIS=(5, 5, "virtual NMIs"), PREEMPTION_TIMER=(6, 6, "activate VMX-preemption timer"),
    POSTED_INTERRUPTS=(7, 7, "process posted interrupts"))

PROC = layout("PROC", 32, 'SDM 3C, "Processor-Based VM-Execution Controls"',
    INTERRUPT_WINDOW=(2, 2, "interrupt-window exiting"), TSC_OFFSETTING=(3, 3, "use TSC offsetting"),
    HLT=(7, 7, "HLT exiting"), INVLPG=(9, 9, "INVLPG exiting"), MWAIT=(10, 10, "MWAIT exiting"),
    RDPMC=(11, 11, "RDPMC exiting"), RDTSC=(12, 12, "RDTSC exiting"), CR3_LOAD=(15, 15, "CR3-load exiting"),
    CR3_STORE=(16, 16, "CR3-store exiting"), TERTIARY=(17, 17, "activate tertiary controls"),
    CR8_LOAD=(19, 19, "CR8-load exiting"), CR8_STORE=(20, 20, "CR8-store exiting"),
    TPR_SHADOW=(21, 21, "use TPR shadow"), NMI_WINDOW=(22, 22, "NMI-window exiting"),
    MOV_DR=(23, 23, "MOV-DR exiting"), IO=(24, 24, "unconditional I/O exiting"),
    IO_BITMAPS=(25, 25, "use I/O bitmaps"), MTF=(27, 27, "monitor trap flag"),
    MSR_BITMAPS=(28, 28, "use MSR bitmaps"), MONITOR=(29, 29, "MONITOR exiting"), PAUSE=(30, 30, "PAUSE exiting"),
    SECONDARY=(31, 31, "activate secondary controls"))

PROC2 = layout("PROC2", 32, 'SDM 3C, "Secondary Processor-Based VM-Execution Controls"',
    APIC_ACCESSES=(0, 0, "virtualize APIC accesses"), EPT=(1, 1, "enable EPT"),
    DESCRIPTOR_TABLE=(2, 2, "descriptor-table exiting"), RDTSCP=(3, 3, "enable RDTSCP"),
    X2APIC=(4, 4, "virtualize x2APIC mode"), VPID=(5, 5, "enable VPID"), WBINVD=(6, 6, "WBINVD exiting"),
    UNRESTRICTED=(7, 7, "unrestricted guest"), APIC_REGISTERS=(8, 8, "APIC-register virtualization"),
    VIRTUAL_INTERRUPTS=(9, 9, "virtual-interrupt delivery"), PAUSE_LOOP=(10, 10, "PAUSE-loop exiting"),
    RDRAND=(11, 11, "RDRAND exiting"), INVPCID=(12, 12, "enable INVPCID"),
    VM_FUNCTIONS=(13, 13, "enable VM functions"), SHADOWING=(14, 14, "VMCS shadowing"),
    ENCLS=(15, 15, "enable ENCLS exiting"), RDSEED=(16, 16, "RDSEED exiting"), PML=(17, 17, "enable PML"),
    EPT_VE=(18, 18, "EPT-violation #VE"), CONCEAL_VMX=(19, 19, "conceal VMX from PT"),
    XSAVES=(20, 20, "enable XSAVES/XRSTORS"), PASID=(21, 21, "PASID translation"),
    MBEC=(22, 22, "mode-based execute control for EPT"), SPP=(23, 23, "sub-page write permissions for EPT"),
    PT_GPA=(24, 24, "Intel PT uses guest physical addresses"), TSC_SCALING=(25, 25, "use TSC scaling"),
    USER_WAIT=(26, 26, "enable user wait and pause"), PCONFIG=(27, 27, "enable PCONFIG"),
    ENCLV=(28, 28, "enable ENCLV exiting"), BUS_LOCK=(30, 30, "VMM bus-lock detection"),
    INSTRUCTION_TIMEOUT=(31, 31, "instruction timeout"))

PROC3 = layout("PROC3", 64, 'SDM 3C, "Tertiary Processor-Based VM-Execution Controls"',
    LOADIWKEY=(0, 0, "LOADIWKEY exiting"), HLAT=(1, 1, "enable HLAT"), EPT_PAGING_WRITE=(2, 2, "EPT paging-write control"),
    PAGING_VERIFICATION=(3, 3, "guest-paging verification"), IPI=(4, 4, "IPI virtualization"),
    MSRLIST=(6, 6, "enable MSRLIST instructions"), SPEC_CTRL=(7, 7, "virtualize IA32_SPEC_CTRL"))

EXITC = layout("EXITC", 32, 'SDM 3C, "VM-Exit Controls"',
    SAVE_DEBUG=(2, 2, "save debug controls"), HOST_64=(9, 9, "host address-space size"),
    LOAD_PERF=(12, 12, "load IA32_PERF_GLOBAL_CTRL"), ACK_INTERRUPT=(15, 15, "acknowledge interrupt on exit"),
    SAVE_PAT=(18, 18, "save IA32_PAT"), LOAD_PAT=(19, 19, "load IA32_PAT"), SAVE_EFER=(20, 20, "save IA32_EFER"),
    LOAD_EFER=(21, 21, "load IA32_EFER"), SAVE_TIMER=(22, 22, "save VMX-preemption timer value"),
    CLEAR_BNDCFGS=(23, 23, "clear IA32_BNDCFGS"), CONCEAL_VMX=(24, 24, "conceal VMX from PT"),
    CLEAR_RTIT_CTL=(25, 25, "clear IA32_RTIT_CTL"), CLEAR_LBR_CTL=(26, 26, "clear IA32_LBR_CTL"),
    CLEAR_UINV=(27, 27, "clear UINV"), LOAD_CET=(28, 28, "load CET state"), LOAD_PKRS=(29, 29, "load PKRS"),
    SAVE_PERF=(30, 30, "save IA32_PERF_GLOBAL_CTRL"), SECONDARY=(31, 31, "activate secondary VM-exit controls"))

ENTRYC = layout("ENTRYC", 32, 'SDM 3C, "VM-Entry Controls"',
    LOAD_DEBUG=(2, 2, "load debug controls"), GUEST_64=(9, 9, "IA-32e mode guest"), SMM=(10, 10, "entry to SMM"),
    DEACTIVATE_DUAL_MONITOR=(11, 11, "deactivate dual-monitor treatment"),
    LOAD_PERF=(13, 13, "load IA32_PERF_GLOBAL_CTRL"), LOAD_PAT=(14, 14, "load IA32_PAT"),
    LOAD_EFER=(15, 15, "load IA32_EFER"), LOAD_BNDCFGS=(16, 16, "load IA32_BNDCFGS"),
    CONCEAL_VMX=(17, 17, "conceal VMX from PT"), LOAD_RTIT_CTL=(18, 18, "load IA32_RTIT_CTL"),
    LOAD_UINV=(19, 19, "load UINV"), LOAD_CET=(20, 20, "load CET state"), LOAD_LBR_CTL=(21, 21, "load guest IA32_LBR_CTL"),
    LOAD_PKRS=(22, 22, "load PKRS"), LOAD_FRED=(23, 23, "load FRED state"), LOAD_SPEC_CTRL=(24, 24, "load IA32_SPEC_CTRL"))

# ---- formats of VMCS fields -----------------------------------------------------------------------------
AR = layout("AR", 32, 'SDM 3C, "Guest Register State" (Format of Access Rights)',
    TYPE=(3, 0, "segment type"), S=(4, 4, "1 = code or data"), DPL=(6, 5, "privilege level"), P=(7, 7, "present"),
    AVL=(12, 12, "available to software"), L=(13, 13, "64-bit code"), DB=(14, 14, "default operation size"),
    G=(15, 15, "granularity"), UNUSABLE=(16, 16, "segment unusable"))

BLOCKING = layout("BLOCKING", 32, 'SDM 3C, "Guest Non-Register State" (Format of Interruptibility State)',
    STI=(0, 0, "blocking by STI"), MOV_SS=(1, 1, "blocking by MOV SS"), SMI=(2, 2, "blocking by SMI"),
    NMI=(3, 3, "blocking by NMI"), ENCLAVE=(4, 4, "enclave interruption"))
BLOCKING_SHADOW = BLOCKING.STI | BLOCKING.MOV_SS                        # the interrupt shadow

ACTIVITY = codes("ACTIVITY", 'SDM 3C, "Guest Non-Register State" (activity state)',
    ACTIVE=(0, "executing"), HLT=(1, "halted by HLT"), SHUTDOWN=(2, "shutdown"), WAIT_SIPI=(3, "wait for SIPI"))
MWAIT = U64(4)                                     # ours: CPU.activity while MWAIT waits; a VMCS has ACTIVE for it

PENDING = layout("PENDING", 64, 'SDM 3C, "Guest Non-Register State" (Format of Pending-Debug-Exceptions)',
    B0=(0, 0, "breakpoint 0"), B1=(1, 1, "breakpoint 1"), B2=(2, 2, "breakpoint 2"), B3=(3, 3, "breakpoint 3"),
    ENABLED=(12, 12, "at least one met breakpoint was enabled"), BS=(14, 14, "single step"), RTM=(16, 16, "inside RTM"))

EPTP = layout("EPTP", 64, 'SDM 3C, "Extended-Page-Table Pointer (EPTP)"',
    MEMORY_TYPE=(2, 0, "memory type of the EPT structures"), WALK=(5, 3, "page-walk length minus 1"),
    AD=(6, 6, "enable accessed and dirty flags"), SHADOW_STACK=(7, 7, "enforce supervisor shadow-stack rights"),
    ROOT=(51, 12, "address of the first EPT structure"))
EPTP_WALK_4 = U64(3 << shift_of(EPTP.WALK))                         # EPTP.WALK of a walk of four levels

EXIT = layout("EXIT", 32, 'SDM 3C, "Basic VM-Exit Information" (Format of Exit Reason)',
    BASIC=(15, 0, "basic exit reason"), SHADOW_STACK_BUSY=(25, 25, "shadow stack prematurely busy"),
    BUS_LOCK=(26, 26, "bus lock"), ENCLAVE=(27, 27, "in enclave mode"), PENDING_MTF=(28, 28, "pending MTF VM exit"),
    FROM_ROOT=(29, 29, "exit from VMX root operation"), ENTRY_FAILURE=(31, 31, "VM-entry failure"))

REASON = codes("REASON", 'SDM 3D, "Basic VM-Exit Reasons"',
    EXCEPTION=(0, "exception or NMI"), EXTERNAL_INTERRUPT=(1, "external interrupt"), TRIPLE_FAULT=(2, "triple fault"),
    INIT=(3, "INIT signal"), SIPI=(4, "start-up IPI"), IO_SMI=(5, "I/O system-management interrupt"),
    OTHER_SMI=(6, "other SMI"), INTERRUPT_WINDOW=(7, "interrupt window"), NMI_WINDOW=(8, "NMI window"),
    TASK_SWITCH=(9, "task switch"), CPUID=(10, "CPUID"), GETSEC=(11, "GETSEC"), HLT=(12, "HLT"), INVD=(13, "INVD"),
    INVLPG=(14, "INVLPG"), RDPMC=(15, "RDPMC"), RDTSC=(16, "RDTSC"), RSM=(17, "RSM"), VMCALL=(18, "VMCALL"),
    VMCLEAR=(19, "VMCLEAR"), VMLAUNCH=(20, "VMLAUNCH"), VMPTRLD=(21, "VMPTRLD"), VMPTRST=(22, "VMPTRST"),
    VMREAD=(23, "VMREAD"), VMRESUME=(24, "VMRESUME"), VMWRITE=(25, "VMWRITE"), VMXOFF=(26, "VMXOFF"),
    VMXON=(27, "VMXON"), CR_ACCESS=(28, "control-register access"), MOV_DR=(29, "MOV DR"), IO=(30, "I/O instruction"),
    RDMSR=(31, "RDMSR"), WRMSR=(32, "WRMSR"), ENTRY_GUEST_STATE=(33, "VM-entry failure: invalid guest state"),
    ENTRY_MSR_LOAD=(34, "VM-entry failure: MSR loading"), MWAIT=(36, "MWAIT"), MTF=(37, "monitor trap flag"),
    MONITOR=(39, "MONITOR"), PAUSE=(40, "PAUSE"), ENTRY_MACHINE_CHECK=(41, "VM-entry failure: machine-check event"),
    TPR_THRESHOLD=(43, "TPR below threshold"), APIC_ACCESS=(44, "APIC access"), VIRTUALIZED_EOI=(45, "virtualized EOI"),
    GDTR_IDTR=(46, "access to GDTR or IDTR"), LDTR_TR=(47, "access to LDTR or TR"), EPT_VIOLATION=(48, "EPT violation"),
    EPT_MISCONFIG=(49, "EPT misconfiguration"), INVEPT=(50, "INVEPT"), RDTSCP=(51, "RDTSCP"),
    PREEMPTION_TIMER=(52, "VMX-preemption timer expired"), INVVPID=(53, "INVVPID"), WBINVD=(54, "WBINVD or WBNOINVD"),
    XSETBV=(55, "XSETBV"), APIC_WRITE=(56, "APIC write"), RDRAND=(57, "RDRAND"), INVPCID=(58, "INVPCID"),
    VMFUNC=(59, "VMFUNC"), ENCLS=(60, "ENCLS"), RDSEED=(61, "RDSEED"), PML_FULL=(62, "page-modification log full"),
    XSAVES=(63, "XSAVES"), XRSTORS=(64, "XRSTORS"), PCONFIG=(65, "PCONFIG"), SPP=(66, "SPP-related event"),
    UMWAIT=(67, "UMWAIT"), TPAUSE=(68, "TPAUSE"), LOADIWKEY=(69, "LOADIWKEY"), ENCLV=(70, "ENCLV"),
    SGX_CONFLICT=(71, "SGX conflict"), ENQCMD_PASID=(72, "ENQCMD PASID translation failure"),
    ENQCMDS_PASID=(73, "ENQCMDS PASID translation failure"), BUS_LOCK=(74, "bus lock"),
    INSTRUCTION_TIMEOUT=(75, "instruction timeout"), SEAMCALL=(76, "SEAMCALL"), TDCALL=(77, "TDCALL"),
    RDMSRLIST=(78, "RDMSRLIST"), WRMSRLIST=(79, "WRMSRLIST"), URDMSR=(80, "URDMSR"), UWRMSR=(81, "UWRMSR"),
    RDMSR_IMMEDIATE=(84, "RDMSR with an immediate"), WRMSRNS_IMMEDIATE=(85, "WRMSRNS with an immediate"))

# Qualification of a VM entry that failed by invalid guest state.
ENTRYQ = codes("ENTRYQ", 'SDM 3C, "VM-Entry Failures During or After Loading Guest State"',
    OTHER=(0, "a check without a qualification of its own"), PDPTE=(2, "loading the PDPTEs"),
    NMI_STI=(3, "NMI injected into a guest that blocks by STI"), LINK_POINTER=(4, "VMCS link pointer"))

VMERROR = codes("VMERROR", 'SDM 3C, "VM Instruction Error Numbers"',
    VMCALL_IN_ROOT=(1, "VMCALL executed in VMX root operation"),
    VMCLEAR_ADDRESS=(2, "VMCLEAR with invalid physical address"), VMCLEAR_VMXON=(3, "VMCLEAR with VMXON pointer"),
    VMLAUNCH_NOT_CLEAR=(4, "VMLAUNCH with non-clear VMCS"), VMRESUME_NOT_LAUNCHED=(5, "VMRESUME with non-launched VMCS"),
    VMRESUME_AFTER_VMXOFF=(6, "VMRESUME after VMXOFF"), CONTROL_FIELD=(7, "VM entry with invalid control field(s)"),
    HOST_STATE=(8, "VM entry with invalid host-state field(s)"),
    VMPTRLD_ADDRESS=(9, "VMPTRLD with invalid physical address"), VMPTRLD_VMXON=(10, "VMPTRLD with VMXON pointer"),
    VMPTRLD_REVISION=(11, "VMPTRLD with incorrect VMCS revision identifier"),
    UNSUPPORTED_COMPONENT=(12, "VMREAD or VMWRITE from or to unsupported VMCS component"),
    READ_ONLY_COMPONENT=(13, "VMWRITE to read-only VMCS component"), VMXON_IN_ROOT=(15, "VMXON executed in VMX root operation"),
    EXECUTIVE_POINTER=(16, "VM entry with invalid executive-VMCS pointer"),
    EXECUTIVE_NOT_LAUNCHED=(17, "VM entry with non-launched executive VMCS"),
    EXECUTIVE_NOT_VMXON=(18, "VM entry with executive-VMCS pointer not VMXON pointer"),
    VMCALL_NOT_CLEAR=(19, "VMCALL with non-clear VMCS"), VMCALL_EXIT_CONTROLS=(20, "VMCALL with invalid VM-exit control fields"),
    VMCALL_MSEG=(22, "VMCALL with incorrect MSEG revision identifier"),
    VMXOFF_DUAL_MONITOR=(23, "VMXOFF under dual-monitor treatment of SMIs and SMM"),
    VMCALL_SMM_FEATURES=(24, "VMCALL with invalid SMM-monitor features"),
    EXECUTIVE_CONTROLS=(25, "VM entry with invalid VM-execution control fields in executive VMCS"),
    MOV_SS=(26, "VM entry with events blocked by MOV SS"), INVALIDATE_OPERAND=(28, "invalid operand to INVEPT/INVVPID"))

VMABORT = codes("VMABORT", 'SDM 3C, "VMX Aborts"',
    SAVE_MSR=(1, "saving guest MSRs failed"), HOST_PDPTE=(2, "host PDPTE check failed"),
    CORRUPTED=(3, "current VMCS corrupted"), LOAD_MSR=(4, "loading host MSRs failed"),
    MACHINE_CHECK=(5, "machine-check event during VM exit"),
    HOST_SIZE=(6, "guest in IA-32e mode and host address-space size 0"))

# ---- exit qualifications and instruction information ----------------------------------------------------
QUAL_DB = layout("QUAL_DB", 64, 'SDM 3C, "Exit Qualification for Debug Exceptions"',
    B0=(0, 0, "breakpoint 0"), B1=(1, 1, "breakpoint 1"), B2=(2, 2, "breakpoint 2"), B3=(3, 3, "breakpoint 3"),
    BLD=(11, 11, "bus lock"), BD=(13, 13, "debug register access"), BS=(14, 14, "single step"), RTM=(16, 16, "inside RTM"))

QUAL_TASK = layout("QUAL_TASK", 64, 'SDM 3C, "Exit Qualification for Task Switches"',
    SELECTOR=(15, 0, "TSS selector"), SOURCE=(31, 30, "0 CALL, 1 IRET, 2 JMP, 3 task gate"))

QUAL_CR = layout("QUAL_CR", 64, 'SDM 3C, "Exit Qualification for Control-Register Accesses"',
    NUMBER=(3, 0, "control register"), ACCESS=(5, 4, "CRACCESS code"), LMSW_MEMORY=(6, 6, "LMSW operand in memory"),
    REGISTER=(11, 8, "general register"), LMSW_DATA=(31, 16, "LMSW source data"))
CRACCESS = codes("CRACCESS", 'SDM 3C, "Exit Qualification for Control-Register Accesses"',
    TO=(0, "MOV to CR"), FROM=(1, "MOV from CR"), CLTS=(2, "CLTS"), LMSW=(3, "LMSW"))

QUAL_DR = layout("QUAL_DR", 64, 'SDM 3C, "Exit Qualification for MOV DR"',
    NUMBER=(2, 0, "debug register"), FROM=(4, 4, "1 = MOV from DR"), REGISTER=(11, 8, "general register"))

QUAL_IO = layout("QUAL_IO", 64, 'SDM 3C, "Exit Qualification for I/O Instructions"',
    SIZE=(2, 0, "bytes minus 1"), IN=(3, 3, "1 = IN"), STRING=(4, 4, "string instruction"), REP=(5, 5, "REP prefixed"),
    IMMEDIATE=(6, 6, "port is an immediate"), PORT=(31, 16, "port"))

QUAL_APIC = layout("QUAL_APIC", 64, 'SDM 3C, "Exit Qualification for APIC-Access VM Exits"',
    OFFSET=(11, 0, "offset in the APIC page"), TYPE=(15, 12, "access type"), ASYNCHRONOUS=(16, 16, "asynchronous access"))

QUAL_EPT = layout("QUAL_EPT", 64, 'SDM 3C, "Exit Qualification for EPT Violations"',
    READ=(0, 0, "data read"), WRITE=(1, 1, "data write"), FETCH=(2, 2, "instruction fetch"),
    READABLE=(3, 3, "entries allow reads"), WRITABLE=(4, 4, "entries allow writes"),
    EXECUTABLE=(5, 5, "entries allow fetches"), USER_EXECUTABLE=(6, 6, "entries allow user-mode fetches"),
    LINEAR=(7, 7, "guest linear address valid"), FINAL=(8, 8, "1 = final translation, 0 = guest paging structure"),
    USER=(9, 9, "linear address is user-mode"), GUEST_WRITABLE=(10, 10, "linear address is read/write"),
    GUEST_NX=(11, 11, "linear address is execute-disable"), NMI_UNBLOCK=(12, 12, "NMI unblocking due to IRET"),
    SHADOW_STACK=(13, 13, "shadow-stack access"), SUPERVISOR_SHADOW_STACK=(14, 14, "supervisor shadow-stack page"),
    PAGING_VERIFICATION=(15, 15, "guest-paging verification"), ASYNCHRONOUS=(16, 16, "asynchronous to the instruction"))

_QUALIFICATION = 'SDM 3C, "Basic VM-Exit Information" (exit qualification)'
QUAL_SIPI = layout("QUAL_SIPI", 64, _QUALIFICATION, VECTOR=(7, 0, "SIPI vector"))
QUAL_EOI = layout("QUAL_EOI", 64, _QUALIFICATION, VECTOR=(7, 0, "vector of the virtualized EOI"))
QUAL_APIC_WRITE = layout("QUAL_APIC_WRITE", 64, _QUALIFICATION, OFFSET=(11, 0, "offset of the write in the virtual-APIC page"))
QUAL_MWAIT = layout("QUAL_MWAIT", 64, _QUALIFICATION, ARMED=(0, 0, "address-range monitoring hardware is armed"))
QUAL_PML = layout("QUAL_PML", 64, 'SDM 3C, "Exit Qualification for Page-Modification Log-Full Events"',
    NMI_UNBLOCK=(12, 12, "NMI unblocking due to IRET"))
QUAL_SPP = layout("QUAL_SPP", 64, 'SDM 3C, "Exit Qualification for SPP-Related Events"',
    MISS=(11, 11, "1 = SPP miss, 0 = SPP misconfiguration"), NMI_UNBLOCK=(12, 12, "NMI unblocking due to IRET"))
QUAL_TIMEOUT = layout("QUAL_TIMEOUT", 64, _QUALIFICATION,
    INVALID=(0, 0, "the context of the virtual machine is not valid"), NMI_UNBLOCK=(12, 12, "NMI unblocking due to IRET"))
QUAL_LINEAR = layout("QUAL_LINEAR", 64, _QUALIFICATION, ADDRESS=(63, 0, "linear address"))
QUAL_DISPLACEMENT = layout("QUAL_DISPLACEMENT", 64, _QUALIFICATION,
    DISPLACEMENT=(63, 0, "displacement of the memory operand, sign-extended; 0 for a register operand"))
QUAL_ENTRY = layout("QUAL_ENTRY", 64, 'SDM 3C, "Loading MSRs" (VM entries)', NUMBER=(63, 0, "entry of the MSR-load area that failed, from 1"))

TASKSOURCE = codes("TASKSOURCE", 'SDM 3C, "Exit Qualification for Task Switches"',
    CALL=(0, "CALL"), IRET=(1, "IRET"), JMP=(2, "JMP"), GATE=(3, "task gate in the IDT"))
APICACCESS = codes("APICACCESS", 'SDM 3C, "Exit Qualification for APIC-Access VM Exits"',
    READ=(0, "linear access, data read"), WRITE=(1, "linear access, data write"), FETCH=(2, "linear access, instruction fetch"),
    DELIVERY=(3, "linear access during event delivery"), PHYSICAL_DELIVERY=(10, "guest-physical access during event delivery"),
    PHYSICAL=(15, "guest-physical access for a fetch or an instruction"))
IOSIZE = codes("IOSIZE", 'SDM 3C, "Exit Qualification for I/O Instructions"',
    BYTE=(0, "1 byte"), WORD=(1, "2 bytes"), DOUBLE=(3, "4 bytes"))
ADDRESSSIZE = codes("ADDRESSSIZE", 'SDM 3C, "Information for VM Exits Due to Instruction Execution"',
    BITS_16=(0, "16-bit"), BITS_32=(1, "32-bit"), BITS_64=(2, "64-bit"))

INFO = layout("INFO", 32, 'SDM 3C, "Information for VM Exits Due to Instruction Execution"',
    SCALE=(1, 0, "scaling"), REG1=(6, 3, "first register"), ADDRESS_SIZE=(9, 7, "0 16-bit, 1 32-bit, 2 64-bit"),
    REGISTER=(10, 10, "register form"), OPERAND_SIZE=(12, 11, "operand size"), SEGMENT=(17, 15, "segment register"),
    INDEX=(21, 18, "index register"), INDEX_INVALID=(22, 22, "no index register"), BASE=(26, 23, "base register"),
    BASE_INVALID=(27, 27, "no base register"), REG2=(31, 28, "second register; 29:28 instruction identity"))
IDENTITY = layout("IDENTITY", 32, 'SDM 3C, "Information for VM Exits Due to Instruction Execution"',
    TABLE=(29, 28, "0 SGDT, 1 SIDT, 2 LGDT, 3 LIDT; 0 SLDT, 1 STR, 2 LLDT, 3 LTR"))

# ---- capability MSRs; their values are in emu.spec.profile -----------------------------------------------
VMXMSR = codes("VMXMSR", 'SDM 3D, "VMX Capability Reporting Facility"',
    BASIC=(0x480, "IA32_VMX_BASIC"), PIN=(0x481, "IA32_VMX_PINBASED_CTLS"), PROC=(0x482, "IA32_VMX_PROCBASED_CTLS"),
    EXIT=(0x483, "IA32_VMX_EXIT_CTLS"), ENTRY=(0x484, "IA32_VMX_ENTRY_CTLS"), MISC=(0x485, "IA32_VMX_MISC"),
    CR0_FIXED0=(0x486, "IA32_VMX_CR0_FIXED0"), CR0_FIXED1=(0x487, "IA32_VMX_CR0_FIXED1"),
    CR4_FIXED0=(0x488, "IA32_VMX_CR4_FIXED0"), CR4_FIXED1=(0x489, "IA32_VMX_CR4_FIXED1"),
    VMCS_ENUM=(0x48A, "IA32_VMX_VMCS_ENUM"), PROC2=(0x48B, "IA32_VMX_PROCBASED_CTLS2"),
    EPT_VPID_CAP=(0x48C, "IA32_VMX_EPT_VPID_CAP"), TRUE_PIN=(0x48D, "IA32_VMX_TRUE_PINBASED_CTLS"),
    TRUE_PROC=(0x48E, "IA32_VMX_TRUE_PROCBASED_CTLS"), TRUE_EXIT=(0x48F, "IA32_VMX_TRUE_EXIT_CTLS"),
    TRUE_ENTRY=(0x490, "IA32_VMX_TRUE_ENTRY_CTLS"), VMFUNC=(0x491, "IA32_VMX_VMFUNC"))

BASIC = layout("BASIC", 64, 'SDM 3D, "Basic VMX Information"',
    REVISION=(30, 0, "VMCS revision identifier"), SIZE=(44, 32, "VMCS and VMXON region size in bytes"),
    ADDRESS_32=(48, 48, "physical addresses limited to 32 bits"), DUAL_MONITOR=(49, 49, "dual-monitor treatment"),
    MEMORY_TYPE=(53, 50, "memory type for VMCS accesses"), INS_OUTS=(54, 54, "instruction information for INS and OUTS"),
    TRUE=(55, 55, "TRUE control MSRs exist"), ANY_ERROR_CODE=(56, 56, "hardware exceptions with any error-code setting"))

MISC = layout("MISC", 64, 'SDM 3D, "Miscellaneous Data"',
    TIMER_RATE=(4, 0, "preemption timer counts down when this TSC bit changes"),
    STORE_LMA=(5, 5, "exits store EFER.LMA into IA-32e mode guest"), HLT=(6, 6, "HLT activity state"),
    SHUTDOWN=(7, 7, "shutdown activity state"), WAIT_SIPI=(8, 8, "wait-for-SIPI activity state"),
    PT=(14, 14, "Intel PT in VMX operation"), SMBASE=(15, 15, "RDMSR of IA32_SMBASE"), CR3_TARGETS=(24, 16, "CR3-target values"),
    MSR_LIST=(27, 25, "recommended maximum of MSR lists: 512 * (n + 1)"), SMI_UNBLOCK=(28, 28, "IA32_SMM_MONITOR_CTL bit 2"),
    VMWRITE_ANY=(29, 29, "VMWRITE to any supported field"), LENGTH_0=(30, 30, "injection with instruction length 0"),
    MSEG=(63, 32, "MSEG revision identifier"))

EPTCAP = layout("EPTCAP", 64, 'SDM 3D, "VPID and EPT Capabilities"',
    EXECUTE_ONLY=(0, 0, "execute-only translations"), WALK_4=(6, 6, "page-walk length 4"), WALK_5=(7, 7, "page-walk length 5"),
    UC=(8, 8, "EPT structures uncacheable"), WB=(14, 14, "EPT structures write-back"), PAGE_2M=(16, 16, "2-MByte pages"),
    PAGE_1G=(17, 17, "1-GByte pages"), INVEPT=(20, 20, "INVEPT"), AD=(21, 21, "accessed and dirty flags"),
    ADVANCED=(22, 22, "advanced information for EPT violations"), SHADOW_STACK=(23, 23, "supervisor shadow-stack control"),
    INVEPT_SINGLE=(25, 25, "single-context INVEPT"), INVEPT_ALL=(26, 26, "all-context INVEPT"), INVVPID=(32, 32, "INVVPID"),
    INVVPID_ADDRESS=(40, 40, "individual-address INVVPID"), INVVPID_SINGLE=(41, 41, "single-context INVVPID"),
    INVVPID_ALL=(42, 42, "all-context INVVPID"), INVVPID_GLOBALS=(43, 43, "single-context INVVPID retaining globals"),
    HLAT_PREFIX=(53, 48, "maximum HLAT prefix size"))

MSRBITMAP = codes("MSRBITMAP", 'SDM 3C, "MSR-Bitmap Address"; offsets of the four bitmaps', READ_LOW=(0, "RDMSR of 0 to 1FFFH"),
    READ_HIGH=(0x400, "RDMSR of C0000000H to C0001FFFH"), WRITE_LOW=(0x800, "WRMSR of 0 to 1FFFH"),
    WRITE_HIGH=(0xC00, "WRMSR of C0000000H to C0001FFFH"))
INVEPT_TYPE = codes("INVEPT_TYPE", 'SDM 3C, "INVEPT"', SINGLE=(1, "single-context"), ALL=(2, "all-context"))
INVVPID_TYPE = codes("INVVPID_TYPE", 'SDM 3C, "INVVPID"', ADDRESS=(0, "individual-address"), SINGLE=(1, "single-context"),
    ALL=(2, "all-context"), SINGLE_GLOBALS=(3, "single-context retaining globals"))

FEATURE_CONTROL = layout("FEATURE_CONTROL", 64, 'SDM 3D, "Enabling and Entering VMX Operation"',
    LOCK=(0, 0, "lock"), VMX_IN_SMX=(1, 1, "VMX inside SMX operation"), VMX=(2, 2, "VMX outside SMX operation"))

MSR_ENTRY_BYTES = U64(16)

# ---- which layout decodes which VMCS field, for display ------------------------------------------------------
FORMAT = {
    "PIN_BASED_CONTROLS": PIN, "PRIMARY_CONTROLS": PROC, "SECONDARY_CONTROLS": PROC2, "TERTIARY_CONTROLS": PROC3,
    "EXIT_CONTROLS": EXITC, "ENTRY_CONTROLS": ENTRYC, "EPT_POINTER": EPTP, "EXIT_REASON": EXIT,
    "ENTRY_INTERRUPTION_INFO": INTR, "EXIT_INTERRUPTION_INFO": INTR, "IDT_VECTORING_INFO": INTR,
    "GUEST_INTERRUPTIBILITY": BLOCKING, "GUEST_PENDING_DEBUG": PENDING, "GUEST_RFLAGS": RFLAGS, "GUEST_DR7": DR7,
    "GUEST_CR0": CR0, "GUEST_CR4": CR4, "HOST_CR0": CR0, "HOST_CR4": CR4, "GUEST_EFER": EFER, "HOST_EFER": EFER,
    "CR0_MASK": CR0, "CR4_MASK": CR4, "CR0_READ_SHADOW": CR0, "CR4_READ_SHADOW": CR4,
    **{f"GUEST_{segment}_ACCESS_RIGHTS": AR for segment in "ES CS SS DS FS GS LDTR TR".split()},
}
