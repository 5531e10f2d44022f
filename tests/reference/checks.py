"""VM-entry checks once more, in plain integers: a list of (id, fails) from a dictionary of fields, no shared tables.

Follows SDM volume 3C, "VM Entries", for a processor with MAXPHYADDR 39, 57-bit linear addresses and the
controls that the default profile offers.
"""
N = 39
CONTROLS = {                                                    # field: (must be 1, may be 1)
    "pin": ("pin_based_controls", 0x16, 0x7F), "primary": ("primary_controls", 0x04006172, 0xFFF9FFFE),
    "exit": ("exit_controls", 0x36DFB, 0x7FEFFF), "entry": ("entry_controls", 0x11FB, 0xD3FF)}
SECONDARY_MAY = sum(1 << n for n in (1, 2, 3, 5, 6, 7, 11, 12, 16, 25))
CR0 = (0x80000021, 0xFFFFFFFF)
CR4 = (0x2000, sum(1 << n for n in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 20, 21)))
EFER_BITS = 1 | 1 << 8 | 1 << 10 | 1 << 11
NONE = 2**64 - 1


def on(value, bit):
    """Return whether `bit` of `value` is 1."""
    return value >> bit & 1 == 1


def settled(value, rule):
    """Return whether a value has all bits it must and only bits it may have."""
    return value & rule[0] == rule[0] and value & ~rule[1] == 0


def inside(address, align):
    """Return whether a physical address is aligned and exists."""
    return address % align == 0 and address < 1 << N


def canonical(address, width=57):
    """Return whether a linear address of `width` bits is canonical."""
    half = 1 << width - 1
    return address < half or address >= 2**64 - half


def pat(value):
    """Return whether an IA32_PAT value is possible."""
    return all(value >> 8 * n & 0xFF in (0, 1, 4, 5, 6, 7) for n in range(8))


def word(memory, address, size):
    """Return `size` bytes at a physical address of a byte string; all ones outside."""
    return int.from_bytes(bytes(memory[a] if a < len(memory) else 0xFF for a in range(address, address + size)),
                          "little")


def controls(f, memory):
    """Yield (id, fails) of the control checks."""
    for name, (field, must, may) in CONTROLS.items():
        yield name, not settled(f[field], (must, may))
    pin, proc, proc2 = f["pin_based_controls"], f["primary_controls"], f["proc2"]
    yield "secondary", not settled(proc2, (0, SECONDARY_MAY))
    yield "cr3_target_count", f["cr3_target_count"] > 4
    for name in ("io_bitmap_a", "io_bitmap_b"):
        yield name, on(proc, 25) and not inside(f[name], 4096)
    yield "msr_bitmaps", on(proc, 28) and not inside(f["msr_bitmaps"], 4096)
    apic, threshold = f["virtual_apic_address"], f["tpr_threshold"]
    yield "virtual_apic_address", on(proc, 21) and not inside(apic, 4096)
    yield "tpr_threshold_reserved", on(proc, 21) and threshold > 15
    yield "tpr_threshold_vtpr", (
        on(proc, 21) and inside(apic, 4096) and threshold % 16 > word(memory, apic + 0x80, 1) // 16)
    yield "virtual_nmis", on(pin, 5) and not on(pin, 3)
    yield "nmi_window", on(proc, 22) and not on(pin, 5)
    yield "vpid", on(proc2, 5) and f["vpid"] == 0
    yield "unrestricted_ept", on(proc2, 7) and not on(proc2, 1)
    ept = f["ept_pointer"]
    yield "eptp_memory_type", on(proc2, 1) and ept % 8 not in (0, 6)
    yield "eptp_walk_length", on(proc2, 1) and ept >> 3 & 7 != 3
    yield "eptp_reserved", on(proc2, 1) and (ept >> 7 & 31 != 0 or ept >> N != 0)
    yield "tsc_multiplier", on(proc2, 25) and f["tsc_multiplier"] == 0
    yield "save_timer", on(f["exit_controls"], 22) and not on(pin, 6)
    for which, prefix in (("exit_store", "exit_msr_store"), ("exit_load", "exit_msr_load"),
                          ("entry_load", "entry_msr_load")):
        address, count = f[prefix + "_address"], f[prefix + "_count"]
        yield which + "_address", count > 0 and not inside(address, 16)
        yield which + "_end", count > 0 and (address + 16 * count - 1) % 2**64 >= 1 << N


def injection(f):
    """Yield (id, fails) of the event-injection checks."""
    info, length = f["entry_interruption_info"], f["entry_instruction_length"]
    valid, kind, vector, coded = on(info, 31), info >> 8 & 7, info & 0xFF, on(info, 11)
    real = on(f["proc2"], 7) and not on(f["guest_cr0"], 0)
    allowed = {2: vector == 2, 3: vector <= 31, 7: vector == 0}.get(kind, True)
    yield "inject_type", valid and kind == 1
    yield "inject_vector", valid and not allowed
    yield "inject_error", valid and coded != (kind == 3 and vector in (8, 10, 11, 12, 13, 14, 17) and not real)
    yield "inject_reserved", valid and info >> 12 & 0x7FFFF != 0
    yield "inject_error_code", valid and coded and f["entry_exception_error_code"] >> 16 != 0
    yield "inject_length", valid and kind in (4, 5, 6) and length > 15


def host(f, ia32e):
    """Yield (id, fails) of the host-state checks."""
    exits, cr4, efer, rip = f["exit_controls"], f["host_cr4"], f["host_efer"], f["host_rip"]
    wide = on(exits, 9)
    yield "cr0", not settled(f["host_cr0"], CR0)
    yield "cr4", not settled(cr4, CR4)
    yield "cr3", f["host_cr3"] >> N != 0
    for name in ("sysenter_esp", "sysenter_eip", "fs_base", "gs_base", "tr_base", "gdtr_base", "idtr_base"):
        yield name, not canonical(f["host_" + name])
    yield "pat", on(exits, 19) and not pat(f["host_pat"])
    yield "efer_reserved", on(exits, 21) and efer & ~EFER_BITS != 0
    yield "efer_mode", on(exits, 21) and (on(efer, 8) != wide or on(efer, 10) != wide)
    for name in ("es", "cs", "ss", "ds", "fs", "gs", "tr"):
        yield name + "_selector", f[f"host_{name}_selector"] % 8 != 0
    yield "cs_null", f["host_cs_selector"] == 0
    yield "tr_null", f["host_tr_selector"] == 0
    yield "ss_null", not wide and f["host_ss_selector"] == 0
    yield "size", wide != ia32e
    yield "guest_size", on(f["entry_controls"], 9) and (not wide or not ia32e)
    yield "pcide", not wide and on(cr4, 17)
    yield "rip_high", not wide and rip >= 1 << 32
    yield "pae", wide and not on(cr4, 5)
    yield "rip", wide and not canonical(rip, 57 if on(cr4, 12) else 48)


def guest_registers(f):
    """Yield (id, fails) of checks on control registers, MSRs, descriptor tables, RIP and RFLAGS."""
    entry, cr0, cr4 = f["entry_controls"], f["guest_cr0"], f["guest_cr4"]
    efer, flags = f["guest_efer"], f["guest_rflags"]
    wide, rip, info = on(entry, 9), f["guest_rip"], f["entry_interruption_info"]
    yield "cr0", not settled(cr0, (0x20 if on(f["proc2"], 7) else CR0[0], CR0[1]))
    yield "cr0_paging", on(cr0, 31) and not on(cr0, 0)
    yield "cr4", not settled(cr4, CR4)
    yield "debugctl", on(entry, 2) and f["guest_debugctl"] > 3
    yield "ia32e_pg", wide and not on(cr0, 31)
    yield "ia32e_pae", wide and not on(cr4, 5)
    yield "pcide", not wide and on(cr4, 17)
    yield "cr3", f["guest_cr3"] >> N != 0
    yield "dr7", on(entry, 2) and f["guest_dr7"] >> 32 != 0
    for name in ("sysenter_esp", "sysenter_eip", "gdtr_base", "idtr_base"):
        yield name, not canonical(f["guest_" + name])
    yield "pat", on(entry, 14) and not pat(f["guest_pat"])
    yield "efer_reserved", on(entry, 15) and efer & ~EFER_BITS != 0
    yield "efer_lma", on(entry, 15) and on(efer, 10) != wide
    yield "efer_lme", on(entry, 15) and on(cr0, 31) and on(efer, 10) != on(efer, 8)
    yield "gdtr_limit", f["guest_gdtr_limit"] > 0xFFFF
    yield "idtr_limit", f["guest_idtr_limit"] > 0xFFFF
    code_64 = wide and on(f["guest_cs_access_rights"], 13)
    yield "rip_high", not code_64 and rip >= 1 << 32
    yield "rip", code_64 and rip >> 57 not in (0, 0x7F)
    yield "rflags", flags >> 22 != 0 or on(flags, 15) or on(flags, 5) or on(flags, 3) or not on(flags, 1)
    yield "rflags_vm", on(flags, 17) and (wide or not on(cr0, 0))
    yield "rflags_if", on(info, 31) and info >> 8 & 7 == 0 and not on(flags, 9)


def guest_state(f, memory, current):
    """Yield (id, fails) of checks on non-register state and PDPTEs."""
    state, blocks = f["guest_activity"], f["guest_interruptibility"]
    info, flags = f["entry_interruption_info"], f["guest_rflags"]
    kind, vector = (info >> 8 & 7, info & 0xFF) if on(info, 31) else (None, None)
    yield "activity", state > 3
    yield "activity_hlt_dpl", state == 1 and f["guest_ss_access_rights"] >> 5 & 3 != 0
    yield "activity_blocking", blocks & 3 != 0 and state != 0
    deep = kind == 2 or (kind, vector) == (3, 18)
    light = kind == 0 or (kind, vector) in ((3, 1), (7, 0))
    yield "activity_event", kind is not None and not {0: True, 1: deep or light, 2: deep, 3: False}.get(state, True)
    yield "blocking_reserved", blocks >> 5 != 0
    yield "blocking_both", blocks & 3 == 3
    yield "blocking_sti_if", on(blocks, 0) and not on(flags, 9)
    yield "blocking_external", kind == 0 and blocks & 3 != 0
    yield "blocking_nmi_mov_ss", kind == 2 and on(blocks, 1)
    yield "blocking_nmi_sti", kind == 2 and on(blocks, 0)
    yield "blocking_virtual_nmi", kind == 2 and on(blocks, 3) and on(f["pin_based_controls"], 5)
    yield "blocking_smi", on(blocks, 2)
    yield "blocking_enclave", on(blocks, 4)
    debug = f["guest_pending_debug"]
    yield "pending_reserved", any(on(debug, n) for n in range(64) if 4 <= n <= 11 or n in (13, 15) or n > 16)
    yield "pending_rtm", on(debug, 16)
    held = blocks & 3 != 0 or state == 1
    yield "pending_bs", held and on(debug, 14) != (on(flags, 8) and not on(f["guest_debugctl"], 1))
    link = f["vmcs_link_pointer"]
    there = link != NONE and inside(link, 4096)
    yield "link_address", link != NONE and not inside(link, 4096)
    yield "link_revision", there and word(memory, link, 4) != 0x68766C31
    yield "link_current", there and link == current
    pae = on(f["guest_cr0"], 31) and on(f["guest_cr4"], 5) and not on(f["entry_controls"], 9)
    for n in range(4):
        entry = f[f"guest_pdpte{n}"] if on(f["proc2"], 1) else word(memory, (f["guest_cr3"] & 0xFFFFFFE0) + 8 * n, 8)
        yield f"pdpte{n}", pae and on(entry, 0) and (entry & 0x1E6 != 0 or entry >> N != 0)


def granular(rights, limit):
    """Return whether G agrees with the limit."""
    return not (on(rights, 15) and limit % 4096 != 4095) and not (not on(rights, 15) and limit >> 20)


def memory_segment(f, s, vm, free):
    """Yield (id, fails) for one of ES CS SS DS FS GS."""
    sel, base, limit, rights = (f[f"guest_{s}_{part}"] for part in ("selector", "base", "limit", "access_rights"))
    usable = s == "cs" or not on(rights, 16)
    kind, dpl = rights % 16, rights >> 5 & 3
    other = f["guest_ss_access_rights"] >> 5 & 3
    if s in ("fs", "gs"):
        yield "base", not canonical(base)
    else:
        yield "base", usable and base >> 32 != 0
    if vm:
        yield "v86_base", base != sel * 16
        yield "v86_limit", limit != 0xFFFF
        yield "v86_rights", rights != 0xF3
        return
    if s == "cs":
        yield "type", kind not in ((3, 9, 11, 13, 15) if free else (9, 11, 13, 15))
        yield "dpl", {3: dpl != 0, 9: dpl != other, 11: dpl != other, 13: dpl > other, 15: dpl > other}.get(kind, False)
        yield "db", on(f["entry_controls"], 9) and on(rights, 13) and on(rights, 14)
    elif s == "ss":
        code = f["guest_cs_access_rights"] % 16
        yield "type", usable and kind not in (3, 7)
        yield "dpl", (not free and dpl != sel % 4) or ((code == 3 or not on(f["guest_cr0"], 0)) and dpl != 0)
        yield "selector", not free and sel % 4 != f["guest_cs_selector"] % 4
    else:
        yield "type", usable and (not on(kind, 0) or (on(kind, 3) and not on(kind, 1)))
        yield "dpl", usable and not free and kind <= 11 and dpl < sel % 4
    yield "s", usable and not on(rights, 4)
    yield "p", usable and not on(rights, 7)
    yield "reserved", usable and (rights >> 8 & 15 != 0 or rights >> 17 != 0)
    yield "g", usable and not granular(rights, limit)


def system_segment(f, s):
    """Yield (id, fails) for LDTR or TR."""
    sel, base, limit, rights = (f[f"guest_{s}_{part}"] for part in ("selector", "base", "limit", "access_rights"))
    judged = s == "tr" or not on(rights, 16)
    types = (2,) if s == "ldtr" else (11,) if on(f["entry_controls"], 9) else (3, 11)
    yield "selector", judged and on(sel, 2)
    yield "base", judged and not canonical(base)
    yield "type", judged and rights % 16 not in types
    yield "s", judged and on(rights, 4)
    yield "p", judged and not on(rights, 7)
    yield "reserved", judged and (rights >> 8 & 15 != 0 or rights >> 17 != 0)
    yield "g", judged and not granular(rights, limit)
    if s == "tr":
        yield "usable", on(rights, 16)


def failing(fields, memory=b"", current=0, ia32e=True):
    """Return {class: set of failing ids}, classes control, host and guest.

    fields: field name in lower case -> value; memory: physical memory from 0; current: the VMCS pointer;
    ia32e: whether the processor is in IA-32e mode.
    """
    f = dict(fields)
    f["proc2"] = f["secondary_controls"] if on(f["primary_controls"], 31) else 0
    rows = {"control": [*controls(f, memory), *injection(f)], "host": list(host(f, ia32e)),
            "guest": [*guest_registers(f), *guest_state(f, memory, current)]}
    vm, free = on(f["guest_rflags"], 17), on(f["proc2"], 7)
    for s in ("es", "cs", "ss", "ds", "fs", "gs"):
        rows["guest"] += [(f"{s}_{name}", bad) for name, bad in memory_segment(f, s, vm, free)]
    for s in ("ldtr", "tr"):
        rows["guest"] += [(f"{s}_{name}", bad) for name, bad in system_segment(f, s)]
    return {kind: {f"{kind}.{name}" for name, bad in found if bad} for kind, found in rows.items()}


def verdict(found):
    """Return (result, failing ids, qualification) of VM entry for what `failing` found."""
    if found["control"]:
        return 7, found["control"], None
    if found["host"]:
        return 8, found["host"], None
    bad = found["guest"]
    if not bad:
        return 0, set(), None
    link = {i for i in bad if i.startswith("guest.link_")}
    pdpte = {i for i in bad if i.startswith("guest.pdpte")}
    if bad - link - pdpte - {"guest.blocking_nmi_sti"}:
        return 1 << 31 | 33, bad, 0
    return 1 << 31 | 33, bad, 4 if link else 2 if pdpte else 3
