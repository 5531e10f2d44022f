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

GUEST = dict(tables={"hypercall": "call_page", "event": "hooks"}, ends=("check_failed", "main"), resume="expect_resume")
# What is called through a register or a table follows the contract over a label.  {code: the label}
HYPERCALLS = dict.fromkeys(("call_handle", "call_rep"), "calls")
PORTS = {"port_read": "port_read", "port_write": "port_write"}
IMAGES = {
    "hv": dict(
        tables={
            **dict.fromkeys(("call_get_register", "call_set_register"), "regs"),
            **HYPERCALLS, **PORTS, "vmexit_any": "exits", "call_get_property": "properties",
            "call_install_intercept": "intercept_types", "assert_all": "assert_edge",
            "start_context": "regs", "msr_read": "msr_read_debugctl", "synthetic_go": "synthetic_at",
            "state_fill": "state_rows", "port_reader": "vp_takes_events", "mmio_alu": "alu",
        },
        restores={"vp_return": ("rbx", "rbp")},  # they are in the processor's block
        loaded={"guest_walk": {"r14"}},  # CR0, where a write asks for it
    ),
    "firmware/boot": dict(bits=32, ends=("trampoline", "other_long", "long", "flat")),  # other modes; payload
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
        *(f"{each}: RSP is set" for each in ("vmexit_any", "vm_enter", "vmfail", "schedule", "schedule_first")),  # a stack, the VP
        *(f"{each}: RSP is set" for each in ("processor_start", "processor_rest", "start")),
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
        # putc_safe subtracts from all of RAX, and examines the low byte of what comes out.
        *(f"{each}: callers read rax after it, which Exit does not name" for each in ("putc_safe", "say", "say_number", "say_some")),
        "say_partition: callers read rax after it, which Exit does not name",
        # mmio_alu has a BSF of a size, which is not 0.
        *(f"{each}: callers read rsi after it, which Exit does not name" for each in ("apic_read", "mmio_read")),
        *(f"{each}: callers read rsi after it, which Exit does not name" for each in ("assist_settle", "level_eoi")),
    },
    # partition_putc copies all of RAX, and takes the low byte of the copy.
    "firmware/root": {f"{each}: callers read rax after it, which Exit does not name" for each in ("line_raise", "uart_line")},
    # In FRAME, which a hook gets.
    **dict.fromkeys(("firmware/guests/compute", "firmware/guests/probe"), {"stubs: does not keep r11"}),
    "firmware/loader": {  # a CMOV of the end code comes before a JNZ to the end
        "piece: does not keep rbx", "piece: callers read rbx after it, which Exit does not name",
        "read: changes rbx too", "read: callers read rbx after it, which Exit does not name",
    },
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
    known = RIGHT.get(name, set())
    assert found - known == set()
    assert found == known and flow_of(name).unclear == UNCLEAR.get(name, set()) and len(routines) > 4


@pytest.mark.parametrize("name", IMAGES)
def test_contracts_of_routines_that_are_only_jumped_to_are_whole_and_true(name):
    flow, called = flow_of(name), found_lies(name)[1]
    code = warn.routine_labels(flow.source.statements) - set(called)
    comments = {label: comment_over(flow.source, label) for label in sorted(code)}
    claims = {label: over for label, over in comments.items() if re.search(r"\b(?:Entry|Exit|Changes|Keeps)\b", over)}
    # What refers to a table is judged in the image that calls through it.
    claims = {label: over for label, over in claims.items() if not warn.SHARED.search(over)}
    effects = flow.solve(list(claims))
    found = {label: lies for label, over in claims.items() if (lies := contracts.lies(contracts.contract(over), effects[label]))}
    assert found == {} and {label for label, over in claims.items() if warn.lacking(over)} == set() and (claims or name != "hv")


ROWS = {  # macro of a table's rows: the label over which the contract stands
    "EXIT": "exits", "CALLROW": "calls", "REGROW": "regs", "STATEROW": "state_rows", "SYNROW": "synthetic_at",
    "PROPERTYROW": "properties", "TYPEROW": "intercept_types", "PORTS": "port_read",
}


@pytest.mark.parametrize("macro", ROWS)
def test_routines_of_a_table_change_no_more_than_its_contract(macro):
    flow = flow_of("hv")
    may = contracts.contract(comment_over(flow.source, ROWS[macro])).may() | ({"r12"} if macro == "CALLROW" else {"rsp"})
    mine = [each for each in flow.source.statements if each.within.startswith(f"in macro {macro},")]
    rows = [each.rest for each in mine if each.word in (".quad", ".long")]
    names = sorted({word for row in rows for word in re.findall(r"[a-z_]\w*", row) if word in flow.labels} - {ROWS[macro]})
    more = {name: effect.changes - may for name, effect in flow.solve(names).items() if effect.changes and effect.changes - may}
    kept = {f"{name}: does not keep {register}" for name, registers in more.items() for register in registers}
    assert kept <= RIGHT["hv"] and flow.unclear <= UNCLEAR["hv"] and len(names) > 2


def test_every_image_that_is_built_in_is_judged():
    root = Path(partition.folder("hv")).parent
    assert set(IMAGES) == {"hv", *(str(path.parent.relative_to(root)) for path in (root / "firmware").rglob("build.list"))}


LIBRARIES = ("lib", "breaklib", "fivelib", "modelib", "smplib", "vmxlib")  # of tests/guests
USES = "ON VECTOR_DB, seen", "call five_tables", "call smp_wake", "call vmx_start", "call vmx_run", "call vmx_guest", "jmp test"


def test_contracts_of_the_libraries_of_the_guest_programs_are_true(tmp_path):
    folder = Path(__file__).resolve().parents[1] / "guests"
    includes = [f'.include "{folder / name}.s"' for name in LIBRARIES]
    (tmp_path / "t.s").write_text("\n".join([*includes, "test:", *USES, ""]))
    ends = ("unexpected", "to_fail", "smp_enter", "test")
    flow = Flow(tmp_path / "t.s", tables={"event": ("hooks", VOLATILE)}, ends=ends, resume="expect_resume")
    claims = {each.label: contracts.contract(each.comment) for each in warn.routines(flow.source.statements, flow.source.texts)}
    effects = flow.solve(list(claims))
    found = {f"{label}: {lie}" for label, claimed in claims.items() for lie in contracts.lies(claimed, effects[label])}
    assert found == {"stubs: does not keep r15"}  # in FRAME, which a hook gets
    assert len(claims) > 20 and flow.unclear == set()


# ---- claims ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "comment, lies",
    [
        ("# a - Entry: rdi = place.  Exit: eax.  Changes rcx.", []),
        ("# a - Entry: edi.  Keeps rbx, rbp, r8-r15, rdi.", []),
        ("# a - Entry: rdi.  Changes all but rbx.", []),
        ("# a - Entry: rdi.\n# Changes al, ecx.  rbx does not concern it.", []),
        ("# a - Entry: rdi.  Changes rax.", ["changes rcx too"]),
        ("# a - Entry: rdi.  Exit: rax.  Changes nothing else.", ["changes rcx too"]),
        ("# a - Entry: rdi.  Keeps every register.", ["does not keep rax, rcx"]),
        ("# a - Changes rax, rcx.", ["reads rdi, which Entry does not name"]),
        ("# a - Entry: rdi.", ["says neither what it changes nor what it keeps"]),
    ],
)
def test_contract_against_effect(comment, lies):
    assert contracts.lies(contracts.contract(comment), Effect(frozenset({"rax", "rcx"}), frozenset({"rdi"}))) == lies


@pytest.mark.parametrize(
    "comment, results, lies",
    [
        ("# a - Exit: eax.  Changes rcx.", {"rax"}, []),
        ("# a - Exit: rax = what rbx had, or carry set.  Changes rcx.", {"rax", "flags"}, ["does not set rbx, which Exit names"]),
        ("# a - Exit: edx.  Changes rax, rcx.", set(), ["does not set rdx, which Exit names"]),
        ("# a - Exit: eax.  Changes rcx.", {"rcx"}, ["callers read rcx after it, which Exit does not name"]),
        ("# a - Exit: nothing.  Changes rax, rcx.", {"flags"}, ["callers read flags after it, which Exit does not name"]),
        ("# a - Exit: zero flag.  Changes rax, rcx.", {"flags"}, []),
        ("# a - Exit: the sign of it.  Changes rax, rcx.", {"flags"}, []),
        ("# a - Exit: nothing.  Changes rax, rcx.", {"rdx"}, []),
        ("# a - Exit: never.", set(), ["returns, though Exit says never"]),
    ],
)
def test_exit_against_what_is_set_and_what_callers_read(comment, results, lies):
    assert contracts.lies(contracts.contract(comment), Effect(frozenset({"rax", "rcx"}), frozenset()), results) == lies


@pytest.mark.parametrize(
    "comment, lies",
    [
        ("# a - Entry: rdi.  Exit: never.", []),
        ("# a - Exit: never.", ["reads rdi, which Entry does not name"]),
        ("# a - Entry: rdi.  Exit: nothing.  Changes all.", ["never returns, which Exit does not say"]),
    ],
)
def test_a_routine_that_never_returns_says_so_and_what_it_reads(comment, lies):
    assert contracts.lies(contracts.contract(comment), Effect(None, frozenset({"rdi"}))) == lies


def test_a_routine_of_a_table_need_not_set_all_that_the_contract_names():
    shared = contracts.contract("# t - Entry: rdi.  Exit: rax of a reader, rdx of a writer.  Keeps rbx.", shared=True)
    assert contracts.lies(shared, Effect(frozenset({"rax"}), frozenset({"rdi"}))) == []
    assert contracts.lies(shared, Effect(frozenset({"rbx"}), frozenset())) == ["does not keep rbx"]
