"""The contract over each called routine of hypervisor and firmware is true: what it changes, keeps and needs at its entry."""
import re
from functools import cache
from pathlib import Path

import pytest

from emu.asm import warn
from emu.machine import partition
from tests.asm import contracts
from tests.asm.contracts import VOLATILE, Effect, Flow

GUEST = dict(indirect={"hypercall": {"rax"}}, ends=("check_failed",))
# What is called through a register or a table may change so much: comments at the tables say it, and a test below of three.
IMAGES = {
    "hv": dict(
        indirect={
            **dict.fromkeys(("call_handle", "call_rep", "call_get_register", "call_set_register", "call_get_property"), VOLATILE),
            **dict.fromkeys(("call_install_intercept", "assert_all", "port_read", "port_write", "start_context"), VOLATILE),
            **dict.fromkeys(("msr_read", "synthetic_go"), VOLATILE),
            "state_fill": {"rax", "rcx", "rdx"}, "port_reader": {"rcx"}, "mmio_alu": {"rax"},
        },
        restores={"vp_return": ("rbx", "rbp")},  # they are in the processor's block
    ),
    "firmware/boot": dict(bits=32),
    "firmware/loader": dict(ends=("stop",)),
    "firmware/root": dict(
        indirect={"winhv_call": {"rax"}, **dict.fromkeys(("mailbox_serve", "port_read", "port_write"), VOLATILE)}),
    "firmware/guests/compute": GUEST,
    "firmware/guests/probe": GUEST,
}
# The pages of a created partition come from its pool, so that page_take is pool_take there.
CREATED = {"page_take": "pool_take"}
# What cannot be followed, and is right: digits are pushed and popped in two loops; bytes go into a word that was pushed for them; a CMOV
# of the end code comes before a JNZ to the end.
UNCLEAR = {"hv": {"say_number: the stack has two depths"}}
RIGHT = {"hv": {"io_load: does not keep r13"}, "firmware/loader": {"piece: does not keep rbx", "read: changes rbx too"}}


@cache
def flow_of(name, created=False):
    return Flow(partition.folder(name), **IMAGES[name], instead=CREATED if created else {})


@pytest.mark.parametrize("name", IMAGES)
def test_contracts_are_true(name):
    flow, created = flow_of(name), flow_of(name, created=name == "hv")
    comments = {label: over for _, label, over in warn.routines(flow.source.statements, flow.source.texts)}
    effects, of_created = flow.solve(list(comments)), created.solve(list(comments))
    found = set()
    for routine, comment in comments.items():
        claimed = contracts.contract(comment)
        effect = (of_created if claimed.created else effects)[routine]
        found |= {f"{routine}: {lie}" for lie in contracts.lies(claimed, effect)}
    assert found - RIGHT.get(name, set()) == set()
    assert found == RIGHT.get(name, set()) and flow.unclear == UNCLEAR.get(name, set()) and len(comments) > 4


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
