"""The mutants themselves: the seed fixes them, each is one wrong line, results are gone on with, the tests can be given another hv/."""
from itertools import islice

import pytest

from emu.machine import partition
from tests.mutation import assembly, other_hv

SOURCES = partition.folder("hv")


def after(text):
    """Return {kind: [line, ...]} of the mutants of one line."""
    found = {}
    for mutant in assembly.mutants_of("x.s", 1, text):
        found.setdefault(mutant.kind, []).append(mutant.after.strip())
    return found


def test_seed_fixes_mutants_and_each_changes_one_line():
    first, again, other = (list(islice(assembly.mutants(SOURCES, seed), 200)) for seed in (1, 1, 2))
    assert first == again != other
    assert len({(mutant.file, mutant.line) for mutant in first}) == 200
    assert {mutant.kind for mutant in first} == set(assembly.KINDS)
    for mutant in first:
        line = (SOURCES / mutant.file).read_text().split("\n")[mutant.line - 1]
        assert mutant.before == line != mutant.after and "\n" not in mutant.after


@pytest.mark.parametrize(("line", "expected"), [
    ("1:  jae 2b", {"inverted": ["1:  jb 2b"], "edge": ["1:  ja 2b"]}),
    ("    cmovz rax, rdx  # why", {"inverted": ["cmovnz rax, rdx  # why"]}),
    ("    setbe al", {"inverted": ["seta al"], "edge": ["setb al"]}),
    ("    jmp start", {}),
    ("    call qword ptr [rax + 8]", {"call": ["nop"]}),
    ("    mov [rbx + VP_NMI], eax", {"store": ["nop"]}),
    ("    mov eax, [rbx + VP_NMI]", {}),
    ("    mov al, 0xFF", {"constant": ["mov al, 0x100", "mov al, 0xfe"]}),
    ("    cmp eax, 0", {"constant": ["cmp eax, 1"]}),
    ("    cmp eax, CODE_EXIT", {"constant": ["cmp eax, (CODE_EXIT) + 1", "cmp eax, (CODE_EXIT) - 1"]}),
    ("    test eax, A | put(B, 1)", {"mask": ["test eax, put(B, 1)", "test eax, A"]}),
    ("    lock and dword ptr [rsi], eax", {"logic": ["lock or dword ptr [rsi], eax"], "store": ["nop"]}),
    ("    add eax, ecx", {"sum": ["sub eax, ecx"]}),
    ("    VMPUT VMCS_GUEST_RIP, rax", {"store": ["nop"]}),
    ('    .asciz "mov eax, 1"', {}), ("# call nobody", {}), ("", {}), ("    .quad handler, 5", {}),
])
def test_line_has_the_mutants_of_its_kind(line, expected):
    assert after(line) == expected


def test_mutant_that_does_not_assemble_or_changes_no_byte_does_not_count(tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "build.list").write_text("one.s\n")
    (sources / "one.s").write_text("        .org 0x1000\nstart:  mov al, 255\n        .equ UNUSED, 1\n")
    found = {mutant.after.split()[-1]: mutant for number, text in enumerate((sources / "one.s").read_text().split("\n"), 1)
             for mutant in assembly.mutants_of("one.s", number, text)}
    assert assembly.build(sources, found["254"], tmp_path / "hv")
    assert (tmp_path / "hv" / "one.s").read_text().count("254") == 1 and "255" in (sources / "one.s").read_text()
    assert not assembly.build(sources, found["256"], tmp_path / "hv")                  # too large
    assert not assembly.build(sources, found["2"], tmp_path / "hv")                    # nobody uses it


def test_results_are_gone_on_with_and_counted(tmp_path, monkeypatch, capsys):
    judged = []
    monkeypatch.setattr(assembly, "build", lambda sources, mutant, target: mutant.kind != "constant")
    monkeypatch.setattr(assembly, "judge", lambda target: judged.append(target) or ("a_test" if len(judged) % 2 else ""))
    results = tmp_path / "results.txt"
    assembly.work(results, SOURCES, 3, 4)
    assembly.work(results, SOURCES, 3, 6)
    assert len(judged) == 6 and len(results.read_text().splitlines()) == 6
    found = assembly.kept(results, 3)
    assert [bool(killed) for _, killed in found] == [True, False] * 3 and assembly.kept(results, 4) == []
    assert [mutant for mutant, _ in found] == list(islice((m for m in assembly.mutants(SOURCES, 3) if m.kind != "constant"), 6))
    assert assembly.table(found).endswith("3 of 6 mutants killed, 50 %") and assembly.table(found).count("LIVES") == 3


def test_tests_use_the_folder_that_they_are_given(tmp_path, monkeypatch):
    monkeypatch.setattr(partition, "folder", partition.folder)                         # put back at the end
    with pytest.raises(pytest.UsageError, match="has a build.list; this one has none"):
        other_hv.use(tmp_path)
    (tmp_path / "build.list").write_text("one.s\n")
    (tmp_path / "one.s").write_text("        .org 0x1000\nstart:  nop\n")
    try:
        other_hv.use(tmp_path)
        assert partition.hypervisor().code == b"\x90" and len(partition.assembled("firmware/boot").code) > 1
    finally:
        monkeypatch.undo()
        partition.assembled.cache_clear()
