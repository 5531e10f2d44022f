"""How a run ends that partitions end: as the bare machine would, in words, and of several partitions by the worst."""
import json
from pathlib import Path

import pytest

from emu.cli import report
from emu.errors import ConfigError
from emu.image import of_assembly
from emu.lab import Lab
from emu.machine import Config, Machine, endings, partition
from emu.spec.partition_table import CODE
from tests.partitions.partitions import MEMORY, run, text
from tests.partitions.partitions import partition as made

RESET = "mov al, 6\n mov dx, PORT_RESET_CONTROL\n out dx, al\n hlt"
TRIPLE, HALTED, RESETS, ACCESS = 0xE000_0001, 0xE000_0002, 0xE000_0003, 0xE000_0004


def of(codes, on_reset="fail", exit_code=None):
    rows = [partition.PartitionResult(name=f"p{n}", state="ended", code=code, ending=partition.in_words(code), exits=0, hypercalls=0,
                                      injected=0, ept_violations=0, cycles=0) for n, code in enumerate(codes)]
    return endings.of(rows, next((code for code in codes if code), 0) if exit_code is None else exit_code, on_reset)


def test_codes_are_those_of_the_hypervisor():
    assert list(partition.ENDS) == [int(code) for code in CODE if code != endings.PANIC]


@pytest.mark.parametrize("source, reason, code, sentence, said", [
    (RESET, "RESET", 7, "reset", []),
    ("cli\n hlt", "IDLE", 5, "halted with nothing to wake it",
     ["virtual processor 0 of partition one halted with interrupts off (RFLAGS.IF = 0) before",
      "  it would wake by an NMI or INIT only: interrupts are off"]),
    ("sti\n1: hlt\n jmp 1b", "IDLE", 5, "halted with nothing to wake it",
     ["virtual processor 0 of partition one halted with interrupts on before RIP",
      "  it would wake by an interrupt, an NMI or INIT; its local APIC"]),
    ("lidt [rel none]\n ud2\nnone: .word 0\n .quad 0", "TRIPLE_FAULT", 4, "triple fault", ["triple fault of the guest of VMCS"])])
def test_partition_ends_the_run_as_the_bare_machine(tmp_path, source, reason, code, sentence, said):
    _, result, _ = run([made("one", text(tmp_path, source))])
    assert (result.reason, result.exit_code, report.exit_code(result)) == (reason, 0, code)
    assert result.ended == f"the hypervisor ended partition one: {sentence}" and result.partitions[0].ending == sentence
    assert len(result.explanation) >= len(said)
    for line, words in zip(result.explanation, said, strict=False):
        assert line.startswith(words)
    assert bool(result.explanation) == bool(said)
    body = json.loads(report.as_json("s", result))
    assert (body["reason"], body["command_exit_code"], body["ending"]) == (reason, code, result.ended)


def test_gates_of_a_guest_are_read_through_its_tables_and_ept(tmp_path):
    gate = "idt: .zero 96\n .quad 0x00000E0000771234, 0"      # vector 6: an interrupt gate to 0x77:0x1234 that is not present
    _, result, _ = run([made("one", text(tmp_path, f"lidt [rel none]\n ud2\nnone: .word 0xFFF\n .quad idt\n{gate}"))])
    lines = [line.strip() for line in result.explanation if "IDT entry 6" in line]
    assert len(lines) == 1 and lines[0].endswith(": interrupt gate to 0x77:0x1234, DPL 0, not present"), result.explanation


def test_processors_of_a_partition_that_never_started_are_named(tmp_path):
    _, result, _ = run([made("two", text(tmp_path, "cli\n hlt"), processors=2)])
    assert "virtual processor 1 of partition two waits for INIT and a start-up interrupt that nobody sends" in result.explanation


def test_reset_of_a_partition_may_be_a_good_end_and_never_a_new_start(tmp_path):
    image = of_assembly(text(tmp_path, RESET), MEMORY)
    machine = Machine(Config(memory_bytes=MEMORY + (64 << 20), on_reset="stop"))
    machine.load_partition(image)
    assert report.exit_code(machine.run()) == 0
    machine = Machine(Config(memory_bytes=MEMORY + (64 << 20), on_reset="reboot"))
    with pytest.raises(ConfigError, match="a partition of the hypervisor ends when its guest resets it"):
        machine.load_partition(image)


def test_debugger_and_laboratory_see_the_same_end(tmp_path):
    text(tmp_path, RESET)
    with Lab.open(Path(tmp_path / "guest.s"), place="partition", memory=MEMORY) as lab:
        assert lab.run().result.reason == "RESET"


@pytest.mark.parametrize("codes, on_reset, reason, words", [
    ([0, 0], "fail", "EXIT_CODE", ""),
    ([0, HALTED, 3], "fail", "EXIT_CODE", "the worst of 3 partitions decides: partition p2 failed with exit code 3"),
    ([3, RESETS, HALTED], "fail", "RESET", "the worst of 3 partitions decides: the hypervisor ended partition p1: reset"),
    ([RESETS, HALTED], "stop", "IDLE",
     "the worst of 2 partitions decides: the hypervisor ended partition p1: halted with nothing to wake it"),
    ([RESETS, 0], "stop", "RESET", "the worst of 2 partitions decides: the hypervisor ended partition p0: reset"),
    ([RESETS, ACCESS], "fail", "EXIT_CODE",
     "the worst of 2 partitions decides: the hypervisor ended partition p1: an access that cannot be emulated"),
    ([ACCESS, TRIPLE, TRIPLE], "fail", "TRIPLE_FAULT",
     "the worst of 3 partitions decides: the hypervisor ended partition p1: triple fault"),
    ([7], "fail", "EXIT_CODE", ""),
    ([0], "fail", "EXIT_CODE", "")])
def test_worst_of_several_partitions_decides(codes, on_reset, reason, words):
    found = of(codes, on_reset)
    assert (found.reason, found.text) == (reason, words)


def test_panic_of_the_hypervisor_is_named():
    row = partition.PartitionResult(name="p", state="runs", code=0, ending="runs", exits=0, hypercalls=0, injected=0, ept_violations=0,
                                    cycles=0)
    assert endings.of([row], endings.PANIC, "fail").text == "the hypervisor panicked: its messages say why"
    assert endings.of([], 3, "fail") is None


@pytest.mark.parametrize("source, violations", [
    ("1: xor eax, eax\n cpuid\n jmp 1b", 0), ("mov edi, 0xFEE00020\n1: mov eax, [rdi]\n jmp 1b", 1)])
def test_partition_that_still_runs_is_counted_so_far(tmp_path, source, violations):
    image = text(tmp_path, source)
    machine, result, _ = run([made("one", image), made("two", image)], cycles=20_000_000)
    one, two = result.partitions
    assert result.reason == "BUDGET" and one.state == two.state == "runs" and min(one.exits, two.exits) > 1000
    under_way = sum(count for _, count, _ in result.exits) - one.exits - two.exits       # hv/ counts in its handler
    assert under_way in (0, 1)
    assert 0 <= violations * result.ept_violations - one.ept_violations - two.ept_violations <= 1
    assert 19_000_000 < two.cycles <= one.cycles <= machine.clock
