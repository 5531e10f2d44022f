"""The checks of VM entry, a row each: what must hold, which fields it reads, how to repair it.

A row's number is 64 * its table + its place there; in a kernel a row is one bit of its table's bitmap.  The
first field of a row is the one judged: `zero` are its bits that must be 0, `one` those that must be 1, `part`
those that the rule is about when neither says it.  `MISSING` lists the checks that are not written, and why.
"""
from collections import namedtuple

from emu.bits import ONES_64
from emu.bits import U64, every
from emu.spec.cpu import CR0, CR4, EFER, INTR, RFLAGS
from emu.spec.paging import PDPTE_PAE_RESERVED
from emu.spec.profile import (
    CR0_RULE, CR4_RULE, DEBUGCTL_MAY, EFER_MAY, ENTRY_RULE, EXIT_RULE, LINEAR_BITS, PHYSICAL_BITS, PIN_RULE, PROC2_RULE, PROC_RULE)
from emu.spec.vmx import AR, BLOCKING, EPTP, PENDING, PIN, PROC, PROC2

Check = namedtuple("Check", "number id kind section fields rule repair zero one part")
HIGH_32 = ONES_64 ^ 0xFFFF_FFFF
BEYOND = ONES_64 ^ (1 << PHYSICAL_BITS) - 1                    # physical-address bits that do not exist, unless a machine has another width
NOT_PAGE = BEYOND | 0xFFF                                      # what a page-aligned physical address must not have
CHECKS = {}                                                    # number -> Check


def _row(fields, rule, repair, zero=0, one=0, part=0):
    return fields, rule, repair, int(zero) & ONES_64, int(one) & ONES_64, int(part) & ONES_64


def _checks(order, kind, *sections):
    """Return a named tuple of uint64 bits, one a row of `sections` [(manual section, {name: row})], and note the rows."""
    bits = {}
    for section, rows in sections:
        for name, (fields, rule, repair, zero, one, part) in rows.items():
            number = 64 * order + len(bits)
            if name in bits or len(bits) == 64:
                raise ValueError(f"{kind}.{name}: occurs twice, or is row 65")
            bits[name] = U64(1 << len(bits))
            ident = f"{kind.split('_')[0]}.{name.lower()}"
            CHECKS[number] = Check(number, ident, kind.split("_")[0], section, tuple(fields.split()), rule, repair, zero, one, part)
    return namedtuple(kind.upper(), bits)(**bits)


def _reserved(field, rule, msr, condition=""):
    return _row(field, f"{condition}bits that the capability MSR does not allow to be 1 must be 0, and the reverse",
                f"value = (value | allowed-0 bits) & allowed-1 bits of {msr}", zero=~rule.may & U64(0xFFFF_FFFF), one=rule.must)


def _page(field, condition, controls):
    return _row(f"{field} {controls}", f"{condition}: the address is page-aligned and inside the physical-address width",
                f"give {field} a 4-KByte page inside the physical-address width (CPUID.80000008H)", zero=NOT_PAGE)


def _list(which):
    address, count = f"{which}_ADDRESS", f"{which}_COUNT"
    start = _row(f"{address} {count}", f"{count} > 0: the address is 16-byte aligned and inside the physical-address width",
                 f"align {address} to 16, or set {count} to 0", zero=BEYOND | 15)
    end = _row(f"{address} {count}", f"{count} > 0: the last byte, address + 16 * count - 1, is inside the physical-address width",
               f"lower {address} or {count}", part=ONES_64)
    return start, end


_STORE, _LOAD, _ENTRY = _list("EXIT_MSR_STORE"), _list("EXIT_MSR_LOAD"), _list("ENTRY_MSR_LOAD")
_INFO = "ENTRY_INTERRUPTION_INFO"

# ---- VMX controls: VM-instruction error 7 ----------------------------------------------------------------
CONTROL = _checks(0, "control", ('SDM 3C, "VM-Execution Control Fields"', dict(
    PIN=_reserved("PIN_BASED_CONTROLS", PIN_RULE, "IA32_VMX_TRUE_PINBASED_CTLS"),
    PRIMARY=_reserved("PRIMARY_CONTROLS", PROC_RULE, "IA32_VMX_TRUE_PROCBASED_CTLS"),
    SECONDARY=_reserved("SECONDARY_CONTROLS PRIMARY_CONTROLS", PROC2_RULE, "IA32_VMX_PROCBASED_CTLS2",
                        "activate secondary controls: "),
    CR3_TARGET_COUNT=_row("CR3_TARGET_COUNT", "the CR3-target count is at most 4", "set CR3_TARGET_COUNT to 0", part=ONES_64),
    IO_BITMAP_A=_page("IO_BITMAP_A", "use I/O bitmaps", "PRIMARY_CONTROLS"),
    IO_BITMAP_B=_page("IO_BITMAP_B", "use I/O bitmaps", "PRIMARY_CONTROLS"),
    MSR_BITMAPS=_page("MSR_BITMAPS", "use MSR bitmaps", "PRIMARY_CONTROLS"),
    VIRTUAL_APIC_ADDRESS=_page("VIRTUAL_APIC_ADDRESS", "use TPR shadow", "PRIMARY_CONTROLS"),
    TPR_THRESHOLD_RESERVED=_row("TPR_THRESHOLD PRIMARY_CONTROLS", "use TPR shadow: bits 31:4 of the TPR threshold are 0",
                                "TPR_THRESHOLD &= 0xF", zero=0xFFFF_FFF0),
    TPR_THRESHOLD_VTPR=_row("TPR_THRESHOLD VIRTUAL_APIC_ADDRESS PRIMARY_CONTROLS",
                            "use TPR shadow: the TPR threshold is not above bits 7:4 of VTPR (byte 80H of the virtual-APIC page)",
                            "lower TPR_THRESHOLD to VTPR[7:4]", part=0xF),
    VIRTUAL_NMIS=_row("PIN_BASED_CONTROLS", "virtual NMIs need NMI exiting", "set NMI exiting, or clear virtual NMIs",
                      part=PIN.NMI | PIN.VIRTUAL_NMIS),
    NMI_WINDOW=_row("PRIMARY_CONTROLS PIN_BASED_CONTROLS", "NMI-window exiting needs virtual NMIs",
                    "set virtual NMIs, or clear NMI-window exiting", zero=PROC.NMI_WINDOW),
    VPID=_row("VPID SECONDARY_CONTROLS", "enable VPID: the VPID is not 0", "give VPID a number from 1 to 65535", part=0xFFFF),
    UNRESTRICTED_EPT=_row("SECONDARY_CONTROLS", "unrestricted guest needs enable EPT", "set enable EPT",
                          part=PROC2.UNRESTRICTED | PROC2.EPT),
    EPTP_MEMORY_TYPE=_row("EPT_POINTER SECONDARY_CONTROLS", "enable EPT: the memory type (bits 2:0) is 0 (UC) or 6 (WB)",
                          "set bits 2:0 of EPT_POINTER to 6", part=EPTP.MEMORY_TYPE),
    EPTP_WALK_LENGTH=_row("EPT_POINTER SECONDARY_CONTROLS", "enable EPT: bits 5:3 are 3, for a page-walk length of 4",
                          "set bits 5:3 of EPT_POINTER to 3", part=EPTP.WALK),
    EPTP_RESERVED=_row("EPT_POINTER SECONDARY_CONTROLS",
                       "enable EPT: bits 11:7 and those beyond the physical-address width are 0",
                       "clear bits 11:7 and the high bits of EPT_POINTER", zero=BEYOND | 0xF80),
    TSC_MULTIPLIER=_row("TSC_MULTIPLIER SECONDARY_CONTROLS", "use TSC scaling: the TSC multiplier is not 0",
                        "TSC_MULTIPLIER = 1 << 48 scales by 1", part=ONES_64),
)), ('SDM 3C, "VM-Exit Control Fields"', dict(
    EXIT=_reserved("EXIT_CONTROLS", EXIT_RULE, "IA32_VMX_TRUE_EXIT_CTLS"),
    SAVE_TIMER=_row("EXIT_CONTROLS PIN_BASED_CONTROLS", "save VMX-preemption timer value needs activate VMX-preemption timer",
                    "activate the timer, or clear bit 22", zero=1 << 22),
    EXIT_STORE_ADDRESS=_STORE[0], EXIT_STORE_END=_STORE[1], EXIT_LOAD_ADDRESS=_LOAD[0], EXIT_LOAD_END=_LOAD[1],
)), ('SDM 3C, "VM-Entry Control Fields"', dict(
    ENTRY=_reserved("ENTRY_CONTROLS", ENTRY_RULE, "IA32_VMX_TRUE_ENTRY_CTLS"),
    INJECT_TYPE=_row(_INFO, "valid: the interruption type is not 1 (reserved)", "choose a type other than 1", part=INTR.TYPE),
    INJECT_VECTOR=_row(_INFO, "valid: the vector fits the type: NMI 2, hardware exception at most 31, other event 0",
                       "make vector and type agree", part=INTR.VECTOR | INTR.TYPE),
    INJECT_ERROR=_row(f"{_INFO} GUEST_CR0 SECONDARY_CONTROLS",
                      "valid: deliver error code exactly for a hardware exception with vector 8, 10 to 14 or 17, and not "
                      "for an unrestricted guest with CR0.PE = 0", "flip bit 11", part=INTR.ERROR),
    INJECT_RESERVED=_row(_INFO, "valid: bits 30:12 are 0", "clear bits 30:12", zero=0x7FFF_F000),
    INJECT_ERROR_CODE=_row(f"ENTRY_EXCEPTION_ERROR_CODE {_INFO}", "deliver error code: bits 31:16 of the error code are 0",
                           "clear bits 31:16", zero=0xFFFF_0000),
    INJECT_LENGTH=_row(f"ENTRY_INSTRUCTION_LENGTH {_INFO}", "software interrupt or exception: the instruction length is 0 to 15",
                       "set ENTRY_INSTRUCTION_LENGTH to the length of the instruction", part=0xFFFF_FFFF),
    ENTRY_LOAD_ADDRESS=_ENTRY[0], ENTRY_LOAD_END=_ENTRY[1],
)))


def _canonical(field):
    return _row(field, "the address is canonical for this processor, whatever CR4.LA57 is",
                f"make bits 63:{LINEAR_BITS - 1} of {field} equal", part=ONES_64)


def _null(name, condition="", fields=""):
    return _row(f"HOST_{name}_SELECTOR{fields}", f"{condition}the selector is not 0", f"give HOST_{name}_SELECTOR a descriptor",
                part=0xFFFF)


def _pat(side, control):
    return _row(f"{side}_PAT {control}", "load IA32_PAT: each byte is 0, 1, 4, 5, 6 or 7", "0x0007040600070406 is the reset value",
                part=ONES_64)


# ---- host state: VM-instruction error 8 --------------------------------------------------------------------
HOST = _checks(1, "host", ('SDM 3C, "Checks on Host Control Registers, MSRs, and SSP"', dict(
    CR0=_row("HOST_CR0", "CR0 is one that VMX operation supports", "HOST_CR0 = CR0 of the host", zero=~CR0_RULE.may, one=CR0_RULE.must),
    CR4=_row("HOST_CR4", "CR4 is one that VMX operation supports", "HOST_CR4 = CR4 of the host", zero=~CR4_RULE.may, one=CR4_RULE.must),
    CR3=_row("HOST_CR3", "bits beyond the physical-address width are 0", "HOST_CR3 = CR3 of the host", zero=BEYOND),
    SYSENTER_ESP=_canonical("HOST_SYSENTER_ESP"), SYSENTER_EIP=_canonical("HOST_SYSENTER_EIP"),
    PAT=_pat("HOST", "EXIT_CONTROLS"),
    EFER_RESERVED=_row("HOST_EFER EXIT_CONTROLS", "load IA32_EFER: reserved bits are 0", "HOST_EFER = IA32_EFER of the host",
                       zero=~EFER_MAY),
    EFER_MODE=_row("HOST_EFER EXIT_CONTROLS", "load IA32_EFER: LMA and LME equal host address-space size",
                   "set LMA and LME as host address-space size says", part=EFER.LMA | EFER.LME),
)), ('SDM 3C, "Checks on Host Segment and Descriptor-Table Registers"', dict(
    **{f"{name}_SELECTOR": _row(f"HOST_{name}_SELECTOR", "RPL (bits 1:0) and TI (bit 2) are 0",
                                f"use a GDT selector with RPL 0 for HOST_{name}_SELECTOR", zero=7)
       for name in ("ES", "CS", "SS", "DS", "FS", "GS", "TR")},
    CS_NULL=_null("CS"), TR_NULL=_null("TR"), SS_NULL=_null("SS", "32-bit host: ", " EXIT_CONTROLS"),
    FS_BASE=_canonical("HOST_FS_BASE"), GS_BASE=_canonical("HOST_GS_BASE"), TR_BASE=_canonical("HOST_TR_BASE"),
    GDTR_BASE=_canonical("HOST_GDTR_BASE"), IDTR_BASE=_canonical("HOST_IDTR_BASE"),
)), ('SDM 3C, "Checks Related to Address-Space Size"', dict(
    SIZE=_row("EXIT_CONTROLS", "host address-space size is 1 exactly if the processor is in IA-32e mode at VM entry",
              "set host address-space size as IA32_EFER.LMA is now", part=1 << 9),
    GUEST_SIZE=_row("ENTRY_CONTROLS EXIT_CONTROLS", "IA-32e mode guest is 0 if host address-space size is 0 or the processor "
                    "is not in IA-32e mode", "clear IA-32e mode guest, or run the host in IA-32e mode", zero=1 << 9),
    PCIDE=_row("HOST_CR4 EXIT_CONTROLS", "32-bit host: CR4.PCIDE is 0", "clear bit 17 of HOST_CR4", zero=CR4.PCIDE),
    RIP_HIGH=_row("HOST_RIP EXIT_CONTROLS", "32-bit host: bits 63:32 of RIP are 0", "put the exit handler below 4 GBytes", zero=HIGH_32),
    PAE=_row("HOST_CR4 EXIT_CONTROLS", "64-bit host: CR4.PAE is 1", "set bit 5 of HOST_CR4", one=CR4.PAE),
    RIP=_row("HOST_RIP HOST_CR4 EXIT_CONTROLS", "64-bit host: RIP is canonical for the paging mode that LA57 in HOST_CR4 chooses",
             "make bits 63:47 of HOST_RIP equal, with LA57 bits 63:56", part=ONES_64),
)))

# ---- guest state except segments: exit reason 33 -----------------------------------------------------------
_EVENT = " ENTRY_INTERRUPTION_INFO"
_GUEST_64 = "IA-32e mode guest: "
GUEST = _checks(2, "guest", ('SDM 3C, "Checks on Guest Control Registers, Debug Registers, and MSRs"', dict(
    CR0=_row("GUEST_CR0 SECONDARY_CONTROLS", "CR0 is one that VMX operation supports; unrestricted guest frees PE and PG",
             "set NE, PE and PG; clear bits 63:32", zero=~CR0_RULE.may, one=CR0_RULE.must),
    CR0_PAGING=_row("GUEST_CR0", "CR0.PG = 1 needs CR0.PE = 1", "set PE or clear PG", one=CR0.PE),
    CR4=_row("GUEST_CR4", "CR4 is one that VMX operation supports", "set VMXE; clear bits this processor lacks",
             zero=~CR4_RULE.may, one=CR4_RULE.must),
    DEBUGCTL=_row("GUEST_DEBUGCTL ENTRY_CONTROLS", "load debug controls: reserved bits of IA32_DEBUGCTL are 0",
                  "GUEST_DEBUGCTL = 0", zero=~DEBUGCTL_MAY),
    IA32E_PG=_row("GUEST_CR0 ENTRY_CONTROLS", _GUEST_64 + "CR0.PG is 1", "set PG, or clear IA-32e mode guest", one=CR0.PG),
    IA32E_PAE=_row("GUEST_CR4 ENTRY_CONTROLS", _GUEST_64 + "CR4.PAE is 1", "set PAE, or clear IA-32e mode guest", one=CR4.PAE),
    PCIDE=_row("GUEST_CR4 ENTRY_CONTROLS", "no IA-32e mode guest: CR4.PCIDE is 0", "clear bit 17 of GUEST_CR4", zero=CR4.PCIDE),
    CR3=_row("GUEST_CR3", "bits beyond the physical-address width are 0", "clear the high bits of GUEST_CR3", zero=BEYOND),
    DR7=_row("GUEST_DR7 ENTRY_CONTROLS", "load debug controls: bits 63:32 of DR7 are 0", "GUEST_DR7 = 0x400", zero=HIGH_32),
    SYSENTER_ESP=_canonical("GUEST_SYSENTER_ESP"), SYSENTER_EIP=_canonical("GUEST_SYSENTER_EIP"),
    PAT=_pat("GUEST", "ENTRY_CONTROLS"),
    EFER_RESERVED=_row("GUEST_EFER ENTRY_CONTROLS", "load IA32_EFER: reserved bits are 0", "clear them", zero=~EFER_MAY),
    EFER_LMA=_row("GUEST_EFER ENTRY_CONTROLS", "load IA32_EFER: LMA equals IA-32e mode guest", "set LMA as IA-32e mode guest",
                  part=EFER.LMA),
    EFER_LME=_row("GUEST_EFER GUEST_CR0 ENTRY_CONTROLS", "load IA32_EFER, CR0.PG = 1: LME equals LMA", "set LME as LMA",
                  part=EFER.LMA | EFER.LME),
)), ('SDM 3C, "Checks on Guest Descriptor-Table Registers"', dict(
    GDTR_BASE=_canonical("GUEST_GDTR_BASE"), IDTR_BASE=_canonical("GUEST_IDTR_BASE"),
    GDTR_LIMIT=_row("GUEST_GDTR_LIMIT", "bits 31:16 are 0", "GUEST_GDTR_LIMIT &= 0xFFFF", zero=0xFFFF_0000),
    IDTR_LIMIT=_row("GUEST_IDTR_LIMIT", "bits 31:16 are 0", "GUEST_IDTR_LIMIT &= 0xFFFF", zero=0xFFFF_0000),
)), ('SDM 3C, "Checks on Guest RIP, RFLAGS, and SSP"', dict(
    RIP_HIGH=_row("GUEST_RIP ENTRY_CONTROLS GUEST_CS_ACCESS_RIGHTS", "no IA-32e mode guest, or CS.L = 0: bits 63:32 of RIP are 0",
                  "clear bits 63:32 of GUEST_RIP, or make the guest a 64-bit one", zero=HIGH_32),
    RIP=_row("GUEST_RIP ENTRY_CONTROLS GUEST_CS_ACCESS_RIGHTS", f"64-bit guest: bits 63:{LINEAR_BITS} of RIP are equal",
             f"make bits 63:{LINEAR_BITS} of GUEST_RIP equal", part=ONES_64 ^ (1 << LINEAR_BITS) - 1),
    RFLAGS=_row("GUEST_RFLAGS", "bits 63:22, 15, 5 and 3 are 0 and bit 1 is 1", "GUEST_RFLAGS = 2",
                zero=~every(RFLAGS), one=RFLAGS.ONE),
    RFLAGS_VM=_row("GUEST_RFLAGS ENTRY_CONTROLS GUEST_CR0", "IA-32e mode guest or CR0.PE = 0: RFLAGS.VM is 0",
                   "clear bit 17 of GUEST_RFLAGS", zero=RFLAGS.VM),
    RFLAGS_IF=_row("GUEST_RFLAGS" + _EVENT, "injecting an external interrupt: RFLAGS.IF is 1",
                   "wait for an interrupt window before injecting", one=RFLAGS.IF),
)), ('SDM 3C, "Checks on Guest Non-Register State"', dict(
    ACTIVITY=_row("GUEST_ACTIVITY", "the activity state is 0 to 3", "GUEST_ACTIVITY = 0", part=0xFFFF_FFFF),
    ACTIVITY_HLT_DPL=_row("GUEST_ACTIVITY GUEST_SS_ACCESS_RIGHTS", "activity HLT: DPL of SS is 0", "GUEST_ACTIVITY = 0", part=3),
    ACTIVITY_BLOCKING=_row("GUEST_ACTIVITY GUEST_INTERRUPTIBILITY", "blocking by STI or MOV SS: the activity state is active",
                           "GUEST_ACTIVITY = 0, or clear bits 1:0 of GUEST_INTERRUPTIBILITY", part=3),
    ACTIVITY_EVENT=_row("GUEST_ACTIVITY" + _EVENT,
                        "the injected event is not blocked in the activity state: HLT lets external interrupts, NMI, #DB, #MC "
                        "and MTF pass, shutdown NMI and #MC, wait-for-SIPI nothing", "GUEST_ACTIVITY = 0 when injecting", part=3),
    BLOCKING_RESERVED=_row("GUEST_INTERRUPTIBILITY", "bits 31:5 are 0", "clear them", zero=0xFFFF_FFE0),
    BLOCKING_BOTH=_row("GUEST_INTERRUPTIBILITY", "blocking by STI and by MOV SS are not both 1", "clear one", part=3),
    BLOCKING_STI_IF=_row("GUEST_INTERRUPTIBILITY GUEST_RFLAGS", "blocking by STI needs RFLAGS.IF = 1", "clear bit 0", zero=BLOCKING.STI),
    BLOCKING_EXTERNAL=_row("GUEST_INTERRUPTIBILITY" + _EVENT,
                           "injecting an external interrupt: no blocking by STI or MOV SS", "clear bits 1:0, or wait", zero=3),
    BLOCKING_NMI_MOV_SS=_row("GUEST_INTERRUPTIBILITY" + _EVENT, "injecting an NMI: no blocking by MOV SS", "clear bit 1, or wait",
                             zero=BLOCKING.MOV_SS),
    BLOCKING_SMI=_row("GUEST_INTERRUPTIBILITY", "outside SMM: no blocking by SMI", "clear bit 2", zero=BLOCKING.SMI),
    BLOCKING_NMI_STI=_row("GUEST_INTERRUPTIBILITY" + _EVENT,
                          "injecting an NMI: no blocking by STI (a processor may require it, and this one does)",
                          "clear bit 0, or wait", zero=BLOCKING.STI),
    BLOCKING_VIRTUAL_NMI=_row(f"GUEST_INTERRUPTIBILITY PIN_BASED_CONTROLS{_EVENT}",
                              "virtual NMIs, injecting an NMI: no blocking by NMI", "wait for an NMI window", zero=BLOCKING.NMI),
    BLOCKING_ENCLAVE=_row("GUEST_INTERRUPTIBILITY", "no SGX: enclave interruption is 0", "clear bit 4", zero=BLOCKING.ENCLAVE),
    PENDING_RESERVED=_row("GUEST_PENDING_DEBUG", "bits 11:4, 13, 15 and 63:17 are 0", "clear them", zero=~every(PENDING)),
    PENDING_BS=_row("GUEST_PENDING_DEBUG GUEST_RFLAGS GUEST_DEBUGCTL GUEST_INTERRUPTIBILITY GUEST_ACTIVITY",
                    "blocking by STI or MOV SS, or activity HLT: BS is 1 exactly if RFLAGS.TF = 1 and IA32_DEBUGCTL.BTF = 0",
                    "set bit 14 when the guest single-steps, else clear it", part=PENDING.BS),
    PENDING_RTM=_row("GUEST_PENDING_DEBUG", "no RTM: bit 16 is 0", "clear bit 16", zero=PENDING.RTM),
    LINK_ADDRESS=_row("VMCS_LINK_POINTER", "unless all ones: page-aligned and inside the physical-address width",
                      "VMCS_LINK_POINTER = 0xFFFFFFFFFFFFFFFF", zero=NOT_PAGE),
    LINK_REVISION=_row("VMCS_LINK_POINTER", "unless all ones: the VMCS there has this processor's revision identifier and bit 31 "
                       "(shadow VMCS) equal to VMCS shadowing", "VMCS_LINK_POINTER = 0xFFFFFFFFFFFFFFFF", part=ONES_64),
    LINK_CURRENT=_row("VMCS_LINK_POINTER", "it is not the current VMCS pointer", "VMCS_LINK_POINTER = 0xFFFFFFFFFFFFFFFF", part=ONES_64),
)), ('SDM 3C, "Checks on Guest Page-Directory-Pointer-Table Entries"', dict(
    **{f"PDPTE{n}": _row(f"GUEST_PDPTE{n} GUEST_CR0 GUEST_CR3 GUEST_CR4",
                         f"PAE paging: PDPTE{n}, if present, has no reserved bit (2:1, 8:5, beyond the physical-address width); "
                         "it comes from the field with enable EPT, else from the table at CR3",
                         "clear the reserved bits of the entry", zero=BEYOND | int(PDPTE_PAE_RESERVED)) for n in range(4)},
)))

# ---- guest segments: exit reason 33; eight rows for each of ES CS SS DS FS GS LDTR TR, in this order -----------
SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR")
RIGHTS_RESERVED = 0xFFFF_FFFF ^ every(AR)
_USABLE = {"CS": "", "TR": ""}
_TYPES = {"CS": "9, 11, 13 or 15, or 3 with unrestricted guest", "SS": "3 or 7", "TR": "11, or 3 if not IA-32e mode guest",
          "LDTR": "2"}
_DPLS = {"CS": "0 for type 3, DPL of SS for types 9 and 11, at most DPL of SS for types 13 and 15",
         "SS": "RPL of SS unless unrestricted guest, and 0 if the type of CS is 3 or CR0.PE = 0"}
_SELECTORS = {"TR": "TI (bit 2) is 0", "LDTR": "TI (bit 2) is 0", "SS": "not virtual-8086 mode nor unrestricted guest: RPL equals RPL of CS"}


def _segment(s):
    rights, limit = f"GUEST_{s}_ACCESS_RIGHTS", f"GUEST_{s}_LIMIT"
    usable, memory = _USABLE.get(s, "usable: "), s not in ("LDTR", "TR")
    rows = {}
    if s in _SELECTORS:
        other = " GUEST_CS_SELECTOR" if s == "SS" else f" {rights}"
        rows["SELECTOR"] = _row(f"GUEST_{s}_SELECTOR{other}", ("usable: " if s == "LDTR" else "") + _SELECTORS[s],
                                "correct the selector", zero=0 if s == "SS" else 4, part=3)
    base = "bits 63:32 are 0" if s in ("ES", "CS", "SS", "DS") else "canonical for this processor"
    rows["BASE"] = _row(f"GUEST_{s}_BASE {rights}", ("usable: " if s in ("ES", "SS", "DS", "LDTR") else "") + f"the base: {base}",
                        "correct the base", zero=HIGH_32 if s in ("ES", "CS", "SS", "DS") else 0, part=ONES_64)
    rows["TYPE"] = _row(rights, f"{usable}the type is " + _TYPES.get(s, "accessed (bit 0), and readable (bit 1) if code (bit 3)"),
                        "set bits 3:0", part=AR.TYPE)
    rows["S"] = _row(rights, f"{usable}S (bit 4) is {int(memory)}", "correct bit 4", one=AR.S if memory else 0, zero=0 if memory else AR.S)
    if memory:
        others = {"CS": "GUEST_SS_ACCESS_RIGHTS SECONDARY_CONTROLS",
                  "SS": "GUEST_SS_SELECTOR GUEST_CS_ACCESS_RIGHTS GUEST_CR0 SECONDARY_CONTROLS"}
        rows["DPL"] = _row(f"{rights} " + others.get(s, f"GUEST_{s}_SELECTOR SECONDARY_CONTROLS"), ("DPL is " + _DPLS[s]) if s in _DPLS else
                           "usable, not unrestricted guest, type at most 11: DPL is at least RPL of the selector", "correct bits 6:5",
                           part=AR.DPL)
    rows["P"] = _row(rights, f"{usable}P (bit 7) is 1", "set bit 7", one=AR.P)
    rows["RESERVED"] = _row(rights, f"{usable}bits 11:8 and 31:17 are 0", "clear them", zero=RIGHTS_RESERVED)
    rows["G"] = _row(f"{rights} {limit}", f"{usable}G (bit 15) is 0 if a bit of limit 11:0 is 0, and 1 if a bit of limit 31:20 is 1",
                     "make G and limit agree", part=AR.G)
    if s == "CS":
        rows["DB"] = _row(f"{rights} ENTRY_CONTROLS", "IA-32e mode guest and L = 1: D/B is 0", "clear bit 14", zero=AR.DB)
    if s == "TR":
        rows["USABLE"] = _row(rights, "TR is usable (bit 16 is 0)", "clear bit 16", zero=AR.UNUSABLE)
    return {f"{s}_{name}": row for name, row in rows.items()}


_SEGMENT = 'SDM 3C, "Checks on Guest Segment Registers"'
SEGMENT = _checks(3, "guest_segment", (_SEGMENT, {name: row for s in SEGMENTS for name, row in _segment(s).items()}))

_V86 = "virtual-8086 mode: "
V86 = _checks(4, "guest_v86", (_SEGMENT, {name: row for s in SEGMENTS[:6] for name, row in {
    f"{s}_V86_BASE": _row(f"GUEST_{s}_BASE GUEST_{s}_SELECTOR", _V86 + "base = selector * 16", f"GUEST_{s}_BASE = selector << 4", part=ONES_64),
    f"{s}_V86_LIMIT": _row(f"GUEST_{s}_LIMIT", _V86 + "limit = FFFFH", f"GUEST_{s}_LIMIT = 0xFFFF", part=0xFFFF_FFFF),
    f"{s}_V86_RIGHTS": _row(f"GUEST_{s}_ACCESS_RIGHTS", _V86 + "access rights = F3H", f"GUEST_{s}_ACCESS_RIGHTS = 0xF3",
                            part=0xFFFF_FFFF)}.items()}))

# ---- checks that are not written: (what, why) -----------------------------------------------------------------
_ABSENT = "the profile does not allow the control to be 1, so that the check of reserved control bits fails first"
MISSING = tuple((what, _ABSENT) for what in (
    "tertiary processor-based controls, secondary VM-exit controls: reserved bits",
    "virtualize APIC accesses: APIC-access address", "virtualize x2APIC mode, APIC-register virtualization, virtual-interrupt "
    "delivery: need TPR shadow, exclude each other", "virtual-interrupt delivery needs external-interrupt exiting",
    "process posted interrupts: needs, vector, descriptor address", "mode-based execute control, sub-page write permissions, PT with "
    "guest-physical addresses: need EPT", "PML address", "sub-page-permission-table pointer", "VM-function controls, EPTP-list address",
    "VMREAD-bitmap and VMWRITE-bitmap addresses", "virtualization-exception information address", "PID-pointer table address",
    "entry to SMM, deactivate dual-monitor treatment: both 0 outside SMM, not both 1, activity state, blocking by SMI",
    "load IA32_PERF_GLOBAL_CTRL of host and guest", "load IA32_BNDCFGS", "load IA32_RTIT_CTL", "load guest IA32_LBR_CTL", "load UINV",
    "load CET state of host and guest; CR4.CET needs CR0.WP", "load PKRS of host and guest", "load FRED state; CR4.FRED",
    "load IA32_SPEC_CTRL")) + (
    ("executive-VMCS pointer (errors 16, 17, 18, 25)", "this processor has no dual-monitor treatment of SMIs and SMM"),
    ("pending debug: conditions of bit 16 (RTM), bus lock (bit 11)", "this processor has neither, so that both bits must be 0"))
