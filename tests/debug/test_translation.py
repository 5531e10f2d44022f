"""Translations in words: tables built here by hand, and what the manual says of each access."""
import xml.etree.ElementTree as ElementTree

import pytest

from emu.debug.history import run_to
from emu.debug.views import translation
from emu.debug.views.drawing import svg
from emu.debug.views.vmcs import Vmcs
from emu.errors import ConfigError

RUN = """
test:   call    vmx_start
        GUEST   guest
        call    vmx_run
        PASS
guest:  mov     [0x600018], rax
        hlt
"""
PML4, PDPT, PD, PT, PAGE, FRAME, CODE = 0x300000, 0x301000, 0x302000, 0x303000, 0x304000, 0x305000, 0x306000
EPML4, EPDPT, EPD, EPT = 0x310000, 0x311000, 0x312000, 0x313000
LINEAR = 0x7F12_3456_7ABC
INDEX = {4: LINEAR >> 39 & 511, 3: LINEAR >> 30 & 511, 2: LINEAR >> 21 & 511, 1: LINEAR >> 12 & 511}
TABLE = {4: PML4, 3: PDPT, 2: PD, 1: PT}
P, RW, US, A, D, XD = 1, 2, 4, 0x20, 0x40, 1 << 63
R, W, X, WB = 1, 2, 4, 6 << 3


@pytest.fixture
def nested(guest):
    """Return (machine, function that writes a guest entry, function that writes an EPT entry) before the VMLAUNCH.

    The guest maps LINEAR to PAGE by four levels, all rights; EPT maps 2 MiB from 0x200000 on by 4 KiB pages to themselves,
    but PAGE to FRAME.
    """
    machine, _ = run_to.run_to_launch(guest(RUN)[0], 1)
    vmcs = Vmcs(machine)
    vmcs.guest_cr3, vmcs.ept_pointer = PML4, EPML4 | 3 << 3 | 6

    def word(address, value):
        machine.write(address, value.to_bytes(8, "little"))

    def entry(level, value):
        word(TABLE[level] + 8 * INDEX[level], value)

    def ept(page, value):
        word(EPT + (page >> 12 & 511) * 8, value)

    for level, below in ((4, PDPT), (3, PD), (2, PT), (1, PAGE)):
        entry(level, below | P | RW | US)
    word(EPML4, EPDPT | R | W | X)
    word(EPDPT, EPD | R | W | X)
    word(EPD + 8, EPT | R | W | X)
    for page in range(0x200000, 0x400000, 0x1000):
        ept(page, page | WB | R | W | X)
    ept(PAGE, FRAME | WB | R | W | X)
    return machine, entry, ept


def ask(machine, access="read", user=False, linear=LINEAR):
    return translation.translate(machine, linear, 0, access, user, "guest")


def test_both_stages_are_walked(nested):
    found = ask(nested[0])
    assert (found.guest, found.host, found.page, found.stop) == (PAGE | 0xABC, FRAME | 0xABC, "4 KiB", "")
    assert [(group.title, group.address, len(group.ept)) for group in found.groups] == [
        ("PML4E", PML4 + 8 * INDEX[4], 4), ("PDPTE", PDPT + 8 * INDEX[3], 4), ("PDE", PD + 8 * INDEX[2], 4),
        ("PTE", PT + 8 * INDEX[1], 4), ("access", PAGE | 0xABC, 4)]
    assert [row.name for row in found.groups[0].ept] == ["EPML4E", "EPDPTE", "EPDE", "EPTE"]
    assert [group.entry.value for group in found.groups[:4]] == [below | 7 for below in (PDPT, PD, PT, PAGE)]


# SDM 3A, "Determination of Access Rights", "Page-Fault Exceptions": entry of a level, access, which entry stops it, error code.
FAULTS = [
    (1, PAGE | P | US, "write", False, "PTE (level 1): RW = 0, read-only (CR0.WP = 1)", 0x3),
    (1, PAGE | P | US, "write", True, "PTE (level 1): RW = 0, read-only", 0x7),
    (2, PT | P | RW, "read", True, "PDE (level 2): US = 0, a supervisor page", 0x5),
    (3, PD | P | RW | US | XD, "fetch", False, "PDPTE (level 3): XD = 1, not executable", 0x11),
    (3, PD | P | RW | US | XD, "fetch", True, "PDPTE (level 3): XD = 1, not executable", 0x15),
    (2, 0, "write", False, "PDE (level 2): not present", 0x2),
    (4, PDPT | RW | US, "read", True, "PML4E (level 4): not present", 0x4),
    (1, PAGE | P | RW | US | 1 << 45, "read", False, "PTE (level 1): present with a reserved bit set", 0x9),
]


@pytest.mark.parametrize("level, value, access, user, where, code", FAULTS)
def test_page_fault_names_level_permission_and_error_code(nested, level, value, access, user, where, code):
    machine, entry, _ = nested
    entry(level, value)
    found = ask(machine, access, user)
    assert (found.stop, found.host, found.guest) == (where, None, None)
    assert found.outcome.startswith(f"#PF with error code {code:#x} (") and found.outcome.endswith(f", CR2 = {LINEAR:#x}")
    assert [group.entry.level for group in found.groups if group.entry and group.entry.stops] == [level]


# SDM 3C, "Exit Qualification for EPT Violations": page, its EPT entry, access, which entry stops it, qualification, address.
VIOLATIONS = [
    (PAGE, FRAME | WB | R | X, "write", "EPTE (level 1): W = 0, for the access itself", 0x2 | 5 << 3 | 0x180, PAGE | 0xABC),
    (PAGE, FRAME | WB | R | W, "fetch", "EPTE (level 1): X = 0, for the access itself", 0x4 | 3 << 3 | 0x180, PAGE | 0xABC),
    (PAGE, 0, "read", "EPTE (level 1): not present, for the access itself", 0x1 | 0x180, PAGE | 0xABC),
    (PD, 0, "write", "EPTE (level 1): not present, for a table of the guest", 0x1 | 0x80, PD + 8 * INDEX[2]),
    (PML4, PML4 | WB | X, "read", "EPTE (level 1): R = 0, for a table of the guest", 0x1 | 4 << 3 | 0x80, PML4 + 8 * INDEX[4]),
]


@pytest.mark.parametrize("page, value, access, where, qualification, address", VIOLATIONS)
def test_ept_violation_names_entry_and_qualification(nested, page, value, access, where, qualification, address):
    machine, _, ept = nested
    ept(page, value)
    found = ask(machine, access)
    assert found.stop == where and found.host is None
    assert found.outcome.startswith(f"exit 48 (EPT violation), qualification {qualification:#x} (")
    assert found.outcome.endswith(f"guest-physical address {address:#x}")


def test_ept_misconfiguration_is_reported(nested):
    machine, _, ept = nested
    ept(PAGE, FRAME | WB | W)
    found = ask(machine)
    assert found.stop == "EPTE (level 1): EPT misconfiguration, for the access itself"
    assert found.outcome == f"exit 49 (EPT misconfiguration), guest-physical address {PAGE | 0xABC:#x}"


@pytest.mark.parametrize("bit, access, word", [(20, "fetch", "CR4.SMEP"), (21, "read", "CR4.SMAP")])
def test_supervisor_access_to_user_page(nested, bit, access, word):
    machine, vmcs = nested[0], Vmcs(nested[0])
    vmcs.guest_cr4 |= 1 << bit
    found = ask(machine, access)
    assert found.stop.startswith(f"PTE (level 1): US = 1 at every level and {word} = 1") and "error code 0x" in found.outcome


def test_address_that_is_not_canonical(nested):
    found = ask(nested[0], linear=1 << 47)
    assert (found.stop, found.groups) == ("the address is not canonical", []) and found.outcome.startswith("#GP(0)")


@pytest.mark.parametrize("rights", [R, R | X, 0])
def test_the_processor_exits_as_explained(guest, rights):
    machine, _ = run_to.run_to_launch(guest(RUN)[0], 1)
    machine.write(0x292018, (0x600080 | WB | rights).to_bytes(8, "little"))
    before = machine.digest()
    found = translation.translate(machine, 0x600018, 0, "write", False, "guest")
    assert machine.digest() == before
    machine.run()
    vmcs = Vmcs(machine)
    assert vmcs.exit_reason == 48
    assert f"qualification {vmcs.exit_qualification:#x} (" in found.outcome
    assert found.outcome.endswith(f"guest-physical address {vmcs.guest_physical_address:#x}")


FLAGS = [(0x20, 0x20, None), (0, 0x20, "PDPTE"), (0x20, 0, "PTE"), (0x20, 0x60, None)]


@pytest.mark.parametrize("table, page, where", FLAGS)
@pytest.mark.parametrize("access", ["read", "write"])
def test_flags_that_cannot_be_set_stop_it_as_they_stop_the_processor(nested, table, page, where, access):
    machine, entry, ept = nested
    if access == "write" and page == A:
        where = "PTE"                                      # D is missing
    for level, value in ((4, PDPT | A), (3, PD | table), (2, PT | A), (1, PAGE | page)):
        entry(level, value | P | RW | US)
    for held in (PML4, PDPT, PD, PT):
        ept(held, held | WB | R | X)
    found = ask(machine, access)
    machine.write(PT + 8 * (INDEX[1] + 1), (CODE | P | RW | US | A).to_bytes(8, "little"))
    machine.write(CODE, b"\x48\x8b\x03\xf4" if access == "read" else b"\x48\x89\x03\xf4")      # mov rax, [rbx] or mov [rbx], rax; hlt
    vmcs, machine.env().regs[3] = Vmcs(machine), LINEAR
    vmcs.guest_rip = (LINEAR & ~0xFFF) + 0x1000
    machine.run()
    if where is None:
        assert found.reaches and vmcs.exit_reason == 12
        return
    assert found.stop.startswith("EPTE (level 1): W = 0, for a table of the guest: the processor has to set ") and where in found.stop
    assert vmcs.exit_reason == 48 and f"qualification {vmcs.exit_qualification:#x} (" in found.outcome
    assert found.outcome.endswith(f"guest-physical address {vmcs.guest_physical_address:#x}")


def test_root_world_while_a_guest_runs(guest):
    make, program = guest(RUN.replace("guest:  mov     [0x600018], rax", "guest:  jmp guest"))
    machine = run_to.run_to_cycle(make, 200_000)
    assert int(machine.cpu[0].vmx_mode) == 2
    for world, eptp in (("root", False), (None, True), ("guest", True)):
        found = translation.translate(machine, program.symbols["guest"], 0, "fetch", False, world)
        assert (found.host, found.world, found.eptp is not None) == (program.symbols["guest"], world or "guest", eptp)


def test_no_guest_outside_vmx(guest):
    with pytest.raises(ConfigError, match="^processor 0 is outside VMX operation: it has no guest$"):
        translation.translate(guest(RUN)[0](), 0, world="guest")


# ---- the drawing ----------------------------------------------------------------------------------------------------
def drawn(found):
    """Return (texts, boxes with a red border) of the drawing."""
    root = ElementTree.fromstring(svg(found))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")], \
        [each for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("stroke") == "#c00000"]


def test_drawing_names_each_level_and_the_end(nested):
    texts, red = drawn(ask(nested[0]))
    for name in ("PML4E, level 4", "PDPTE, level 3", "PDE, level 2", "PTE, level 1"):
        assert texts.count(name) == 1
    for name in ("EPML4E, level 4", "EPDPTE, level 3", "EPDE, level 2", "EPTE, level 1"):
        assert texts.count(name) == 5
    assert f"{FRAME | 0xABC:#x}" in texts and f"guest-physical {PAGE | 0xABC:#x}" in texts and red == []


def test_drawing_is_red_where_it_stops(nested):
    machine, entry, _ = nested
    entry(2, 0)
    texts, red = drawn(ask(machine))
    assert len(red) == 1 and "PDE, level 2 — stops here" in texts and "stops at PDE (level 2): not present" in texts


def test_drawing_keeps_its_texts_inside(nested):
    root = ElementTree.fromstring(svg(ask(nested[0])))
    width, height = int(root.get("width")), int(root.get("height"))
    for each in root.iter("{http://www.w3.org/2000/svg}text"):
        assert int(each.get("x")) + 7.3 * len(each.text) * int(each.get("font-size", 12)) / 12 < width and int(each.get("y")) < height
    for each in list(root.iter("{http://www.w3.org/2000/svg}rect"))[1:]:
        assert int(each.get("x")) + int(each.get("width")) < width and int(each.get("y")) + int(each.get("height")) < height
