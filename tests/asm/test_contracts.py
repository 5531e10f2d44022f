"""The contract over each called routine of hypervisor and firmware is true: what it changes, keeps and needs at its entry."""
import re
from functools import cache
from pathlib import Path

import pytest

from emu.asm import warn
from emu.machine import partition
from tests.asm import contracts
from tests.asm.flow import VOLATILE, Effect, Flow
from tests.asm.flow import results as results_of

GUEST = dict(tables={"hypercall": "call_page", "event": "hooks"}, ends=("check_failed",), resume="expect_resume")
# What is called through a register or a table follows the contract over a label.  {code: the label}
HYPERCALLS = dict.fromkeys(("call_handle", "call_rep"), "calls")
PORTS = {"port_read": "port_read", "port_write": "port_write"}
IMAGES = {
    "hv": dict(
        tables={
            **dict.fromkeys(("call_get_register", "call_set_register"), "regs"),
            **HYPERCALLS, **PORTS, "vmexit_any": "exits", "call_get_property": "properties", "call_install_intercept": "intercept_types",
            "assert_all": "assert_edge", "start_context": "regs", "msr_read": "msr_read_debugctl", "synthetic_go": "synthetic_at",
            "state_fill": "state_rows", "port_reader": "vp_takes_events", "mmio_alu": "alu",
        },
        restores={"vp_return": ("rbx", "rbp")},  # they are in the processor's block
        loaded={"guest_walk": {"r14"}},  # CR0, where a write asks for it
    ),
    "firmware/boot": dict(bits=32, ends=("trampoline", "other_long", "long")),  # code of other modes
    "firmware/loader": dict(ends=("stop", "kernel")),
    "firmware/root": dict(tables={"winhv_call": "winhv_call", "mailbox_serve": "ops", **PORTS}, ends=("give_up",)),
    "firmware/guests/compute": GUEST,
    "firmware/guests/probe": GUEST,
}
# The pages of a created partition come from its pool, so that page_take is pool_take there.
CREATED = {"page_take": "pool_take"}
# What cannot be followed, and is right.
UNCLEAR = {
    "hv": {
        "say_number: the stack has two depths",  # digits are pushed and popped in two loops
        "panic_trap: the stack has two depths",  # it prints and does not come back
        *(f"{each}: RSP is set" for each in ("vmexit_any", "vm_enter", "vmfail", "schedule", "schedule_first")),  # a stack, or the VP
        *(f"{each}: RSP is set" for each in ("processor_start", "processor_rest", "processor_in_gdt")),
    },
    "firmware/boot": {"other_main: RSP is set"},
}
RIGHT = {
    "hv": {
        "call_create_vp: does not keep r12",  # the comment at calls has the exception
        "io_load: does not keep r13",  # bytes go into a word that was pushed for them
        "io_load: callers read r13 after it, which Exit does not name",
        "io_store: reads r13, which Entry does not name",
        *(f"{each}: does not keep rbp" for each in ("reg_synthetic", "reg_synthetic_write")),  # loaded with what it held
    },
    **dict.fromkeys(("firmware/guests/compute", "firmware/guests/probe"), {"stubs: does not keep r11"}),  # in FRAME, which a hook gets
    "firmware/loader": {  # a CMOV of the end code comes before a JNZ to the end
        "piece: does not keep rbx", "piece: callers read rbx after it, which Exit does not name",
        "read: changes rbx too", "read: callers read rbx after it, which Exit does not name",
    },
}
FAULTS = {  # true findings, to be repaired in the code
    "hv": {  # the number of the element, RDX, is gone after these in HvCallFlushVirtualAddressList and its Ex form, which read it then
        f"{name}: callers read rdx after it, which Exit does not name" for name in ("flush_flags", "flush_header", "flush_header_ex")
    },
    "firmware/root": {"port_read: callers read rsi after it, which Exit does not name"},  # messages_serve: bytes of an access
}


def comment_over(source, name):
    """Return the comment over a label of a source, its own references left in."""
    begin = {(statement.file, statement.line) for statement in source.statements for label in statement.labels if warn.named(label)}
    return next(warn.comment(each, source.texts, begin) for each in source.statements if name in each.labels)


@cache
def flow_of(name, created=False):
    image = dict(IMAGES[name])
    flow = Flow(partition.folder(name), **image | dict(tables={}), instead=CREATED if created else {})
    for code, table in image.get("tables", {}).items():
        flow.tables[code] = table, contracts.contract(comment_over(flow.source, table)).may()
    return flow


def found_lies(name):
    """Return ({what is not true of the contracts of an image}, {its routines: their comments})."""
    flow, created = flow_of(name), flow_of(name, created=name == "hv")
    called = list(warn.routines(flow.source.statements, flow.source.texts))
    routines = {each.label: each.comment for each in called}
    claims = {each.label: contracts.contract(each.comment, each.shared) for each in called}
    mine = {routine: created if claimed.created else flow for routine, claimed in claims.items()}
    effects = {created: created.solve(list(routines))}
    flow.known = {flow.labels[routine]: effects[created][routine] for routine in routines if mine[routine] is not flow}
    effects[flow] = flow.solve(list(routines))
    results = results_of(mine)
    found = set()
    for routine, claimed in claims.items():
        read = results.get(routine, set())
        found |= {f"{routine}: {lie}" for lie in contracts.lies(claimed, effects[mine[routine]][routine], read)}
    for table in {table for table, _ in flow.tables.values()} - set(routines):
        claimed = contracts.contract(comment_over(flow.source, table))
        if missing := results.get(table, set()) - claimed.exit:
            found.add(f"{table}: callers read {', '.join(sorted(missing))} after it, which Exit does not name")
    return found, routines


@pytest.mark.parametrize("name", IMAGES)
def test_contracts_are_true(name):
    found, routines = found_lies(name)
    known = RIGHT.get(name, set()) | FAULTS.get(name, set())
    assert found - known == set()
    assert found == known and flow_of(name).unclear == UNCLEAR.get(name, set()) and len(routines) > 4


@pytest.mark.parametrize("macro, may", [("CALLROW", VOLATILE | {"r12"}), ("PORTS", VOLATILE), ("STATEROW", {"rax", "rcx", "rdx"})])
def test_routines_of_a_table_change_no_more_than_who_calls_them_counts_on(macro, may):
    flow = flow_of("hv")
    rows = [each.rest for each in flow.source.statements if each.word == ".quad" and each.within.startswith(f"in macro {macro},")]
    names = sorted({word for row in rows for word in re.findall(r"[a-z_]\w*", row) if word in flow.labels})
    more = {name: effect.changes - may for name, effect in flow.solve(names).items() if effect.changes and effect.changes - may}
    assert more == {} and flow.unclear <= UNCLEAR["hv"] and len(names) > 4


# ---- the checker itself ----------------------------------------------------------------------------------------------


@pytest.fixture
def flow(tmp_path):
    def of(text, **how):
        (tmp_path / "t.s").write_text(text)
        return Flow(tmp_path / "t.s", **how)

    return of


@pytest.mark.parametrize(
    "body, changes, reads",
    [
        ("mov eax, 1\n ret", "rax", ""),
        ("push rbx\n mov rbx, rdi\n call b\n pop rbx\n ret", "rcx", "rdi"),
        ("push rax\n pop rcx\n ret", "rcx", ""),
        ("push rax\n push rcx\n pop rax\n pop rcx\n ret", "rax rcx", ""),
        ("xchg rax, rcx\n xchg rax, rcx\n ret", "", ""),
        ("xchg al, ah\n ret", "rax", "rax"),
        ("push rdi\n mov [rsp], ecx\n pop rdi\n ret", "rdi", "rcx"),
        ("push rdi\n mov eax, [rsp]\n pop rdi\n ret", "rax", ""),
        ("mov r8, rbx\n mov ebx, 1\n mov rbx, r8\n ret", "r8", "rbx"),
        ("test eax, eax\n jz 1f\n inc edx\n1: ret", "rdx", "rax rdx"),
        ("xor eax, eax\n cmp ecx, ecx\n ret", "rax", ""),
        ("push rdi\n sub rsp, 16\n mov rdi, rsp\n add rsp, 16\n pop rdi\n ret", "", ""),
        ("1: dec ecx\n jnz 1b\n jmp b", "rcx", "rcx"),
        ("call c\n mov ebx, 1\n ret", None, ""),
        ("rep stosq\n lodsb\n ret", "rax rcx rdi rsi", "rax rcx rdi rsi"),
        ("vmread rax, rcx\n vmwrite rdx, rax\n ret", "rax", "rcx rdx"),
        ("call qword ptr [rdi]\n ret", "r11", "rdi"),
    ],
)
def test_registers_that_a_routine_changes_and_reads(flow, body, changes, reads):
    found = flow(f"a: {body}\nb: mov ecx, 1\n ret\nc: jmp c\n", indirect={"a": {"r11"}}).solve(["a"])["a"]
    assert found == Effect(None if changes is None else frozenset(changes.split()), frozenset(reads.split()))


def test_what_cannot_be_followed_is_listed(flow):
    found = flow("a: call rax\n ret\nb: push rax\n ret\nc: jz 1f\n push rax\n1: pop rcx\n ret\nd: mov rsp, rax\n ret")
    found.solve(["a", "b", "c", "d"])
    assert found.unclear >= {
        "a: an address is called that is not known",
        "b: RET with words on the stack",
        "c: the stack has two depths",
        "d: RSP is set",
    }


@pytest.mark.parametrize(
    "comment, lies",
    [
        ("# a - Entry: rdi = place.  Exit: eax.  Changes rcx.", []),
        ("# a - Entry: edi.  Keeps rbx, rbp, r8-r15, rdi.", []),
        ("# a - Entry: rdi.  Changes all but rbx.", []),
        ("# a - Entry: rdi.\n# Changes al, ecx.  rbx is no concern of it.", []),
        ("# a - Entry: rdi.  Changes rax.", ["changes rcx too"]),
        ("# a - Entry: rdi.  Exit: rax.  Changes nothing else.", ["changes rcx too"]),
        ("# a - Entry: rdi.  Keeps every register.", ["does not keep rax, rcx"]),
        ("# a - Changes rax, rcx.", ["reads rdi, which Entry does not name"]),
        ("# a - Entry: rdi.", ["says neither what it changes nor what it keeps"]),
    ],
)
def test_contract_against_effect(comment, lies):
    assert contracts.lies(contracts.contract(comment), Effect(frozenset({"rax", "rcx"}), frozenset({"rdi"}))) == lies


def test_every_image_that_is_built_in_is_judged():
    root = Path(partition.folder("hv")).parent
    assert set(IMAGES) == {"hv", *(str(path.parent.relative_to(root)) for path in (root / "firmware").rglob("build.list"))}
