"""The VMCS for people: what a check says is what the processor then does."""
import pytest

from emu.debug.history import run_to
from emu.debug.views.vmcs import Vmcs, check, difference
from emu.errors import ConfigError
from tests.programs import THREE

ONCE = """
test:   call    vmx_start
        GUEST   guest
        call    vmx_run
        mov     [0x20F000], rax
        PASS
guest:  hlt
"""


@pytest.fixture
def launch(guest):
    """Return (machine, view of its VMCS) before the only VMLAUNCH."""
    machine, _ = run_to.run_to_launch(guest(ONCE)[0], 1)
    return machine, Vmcs(machine)


def after(machine):
    """Run on; return (VM-instruction error, exit reason) as the processor wrote them."""
    machine.run()
    view = Vmcs(machine)
    return view.vm_instruction_error, view.exit_reason


def test_good_vmcs_passes_and_enters(launch):
    machine, vmcs = launch
    verdict = check(machine)
    assert verdict.passes and verdict.lines() == [f"VMCS {vmcs.pointer:#x}: VM entry passes every check"]
    assert after(machine) == (0, 12)


# SDM 3C, "VM-Execution Control Fields", "Checks on Host ...", "Checks on Guest ...": one field each, and how entry must fail.
WRONG = [
    ("cr3_target_count", 5, 7, 0, ["control.cr3_target_count"]), ("pin_based_controls", 0, 7, 0, ["control.pin"]),
    ("ept_pointer", 0x29001D, 7, 0, ["control.eptp_memory_type"]), ("host_cr3", 1 << 45, 8, 0, ["host.cr3"]),
    ("host_cs_selector", 0, 8, 0, ["host.cs_null"]), ("host_rip", 1 << 47, 8, 0, ["host.rip"]),
    ("guest_activity", 4, 0, 33, ["guest.activity"]), ("guest_rflags", 0, 0, 33, ["guest.rflags"]),
    ("vmcs_link_pointer", 0x1001, 0, 33, ["guest.link_address"]),
]


@pytest.mark.parametrize("field, value, error, reason, ids", WRONG, ids=lambda value: str(value))
def test_failing_check_is_named_and_the_processor_agrees(launch, field, value, error, reason, ids):
    machine, vmcs = launch
    setattr(vmcs, field, value)
    verdict = check(machine)
    assert (verdict.error, verdict.reason, [failure.id for failure in verdict.failures][:1]) == (error, reason, ids)
    failure = verdict.failures[0]
    assert failure.fields[0][0] == field.upper() and failure.fields[0][2] == value
    assert failure.repair and failure.section.startswith("SDM 3C")
    assert after(machine) == ((error, 0) if error else (0, 1 << 31 | reason))


def test_all_classes_are_reported_and_the_first_decides(launch):
    machine, vmcs = launch
    vmcs.cr3_target_count, vmcs.host_cr3, vmcs.guest_activity = 5, 1 << 45, 9
    verdict = check(machine)
    assert verdict.error == 7
    assert [failure.id for failure in verdict.failures] == ["control.cr3_target_count", "host.cr3", "guest.activity"]


# SDM 3C, "Loading MSRs": (index, value, what the rule says) of an entry that fails.
LISTS = [
    (0xC0000100, 0, "IA32_FS_BASE or IA32_GS_BASE"), (0x808, 0, "x2APIC register"), (0x9B, 0, "SMM_MONITOR_CTL"),
    (1 << 32 | 0x10, 0, "bits 63:32"), (0x480, 0, "read-only"), (0x12345, 0, "no such MSR"), (0xC0000080, 0, "reserved, or may not change"),
    (0x277, 2, "reserved, or may not change"),
]


@pytest.mark.parametrize("index, value, rule", LISTS)
def test_entry_of_the_msr_list_that_fails_is_named(launch, index, value, rule):
    machine, vmcs = launch
    vmcs.entry_msr_load_address, vmcs.entry_msr_load_count = 0x300000, 3
    words = (0xC0000082, 0x1000, index, value, 0x12346, 0)
    machine.write(0x300000, b"".join(word.to_bytes(8, "little") for word in words))
    before = machine.digest()
    verdict = check(machine)
    assert machine.digest() == before and int(machine.env(0).lstar) != 0x1000
    assert (verdict.reason, verdict.msr.number, verdict.msr.index, verdict.msr.address) == (34, 2, index, 0x300010)
    assert rule in verdict.msr.rule
    assert after(machine) == (0, 1 << 31 | 34)
    assert Vmcs(machine).exit_qualification == 2


def test_msr_list_that_is_right_passes(launch):
    machine, vmcs = launch
    vmcs.entry_msr_load_address, vmcs.entry_msr_load_count = 0x300000, 1
    machine.write(0x300000, (0xC0000082).to_bytes(8, "little") + (0x1000).to_bytes(8, "little"))
    assert check(machine).passes
    assert after(machine) == (0, 12)


def test_launch_state_is_judged_for_the_instruction_that_is_named(launch):
    machine, vmcs = launch
    assert not vmcs.launched
    assert (check(machine, first=True).error, check(machine, first=False).error) == (0, 5)
    machine.run()
    assert vmcs.launched and (check(machine, first=True).error, check(machine, first=False).error) == (4, 0)


def test_check_changes_nothing(launch):
    machine, vmcs = launch
    before = machine.digest(), vmcs.copy()
    check(machine)
    assert (machine.digest(), vmcs.copy()) == before


def test_difference_reports_fields_and_flags(guest):
    machines = {n: Vmcs(machine).copy() for n, machine, _ in run_to.run_to_exits(guest(THREE)[0], [1, 2])}
    changes = {change.name: change for change in difference(machines[1], machines[2])}
    assert set(changes) == {"EXIT_REASON", "EXIT_INSTRUCTION_LENGTH", "GUEST_RIP"}
    assert changes["EXIT_REASON"].text == "CPUID -> VMCALL"
    after = dict(machines[2], GUEST_RFLAGS=0x202, GUEST_CS_ACCESS_RIGHTS=machines[2]["GUEST_CS_ACCESS_RIGHTS"] ^ 0x60)
    texts = {change.name: change.text for change in difference(dict(machines[2], GUEST_RFLAGS=0x402), after)}
    assert texts == {"GUEST_RFLAGS": "+IF -DF", "GUEST_CS_ACCESS_RIGHTS": "DPL 0x0 -> 0x3"}


def test_no_current_vmcs_is_said(guest):
    machine = guest(ONCE)[0]()
    with pytest.raises(ConfigError, match="^processor 0 has no current VMCS: it is outside VMX operation$"):
        Vmcs(machine)
    with pytest.raises(ConfigError, match="^the machine has processors 0 to 0, not 3$"):
        Vmcs(machine, 3)


def test_running_guest_is_not_checked(guest):
    make, _ = guest(ONCE.replace("guest:  hlt", "guest:  jmp guest"))
    machine = run_to.run_to_cycle(make, 200_000)
    with pytest.raises(ConfigError, match="^processor 0 runs the guest of its VMCS now: stop it at an exit or at a VM entry"):
        check(machine)


def test_field_is_explained_by_a_short_name(launch):
    found = launch[1].explain("guest_activ")
    assert (found.name, found.parts[0].rows[0].name) == ("GUEST_ACTIVITY", "ACTIVE")
