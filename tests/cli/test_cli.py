"""The command line: what goes to which stream, exit codes, and the messages for wrong values."""
import inspect
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

import emu
from emu.cli import power, report
from emu.cli.commands import bench
from emu.cli.console import made
from emu.cli.group import COMMANDS
from emu.errors import ConfigError, Unmodelled
from emu.machine import result
from emu.spec.outcome import STOP
from tests.image import build


def Result(**changes):
    """Return a finished run with numbers that are easy to recognise."""
    return result.Result(**(dict(
        reason="EXIT_CODE", exit_code=0, cycles=2_000_000, instructions=1_000_000, wall_seconds=0.5, hypercalls=7,
        exits=[("CPUID", 3, 1_000_000)], injected=5, ept_violations=2, partitions=[]) | changes))


class Machine:
    """Stands for emu.machine.Machine: prints something on each console and ends as its arguments say."""

    def __init__(self, result=None, error=None):
        self.answer, self.error, self.calls, self.console = result or Result(), error, [], None
        self.interrupted = 0

    def load(self, image):
        self.calls.append(("load", image.kind, image.memory_bytes))

    def load_partition(self, image, enlightened=True, hv=None, copies=1, processors=1):
        self.virtual = processors
        self.calls.append(("load_partition", image.kind, image.memory_bytes))

    def load_demo(self):
        self.calls.append(("load_demo",))

    def trace_exits(self, path):
        self.calls.append(("trace_exits", str(path)))

    def close_trace(self):
        self.calls.append(("close_trace",))

    def on_console(self, callback):
        self.console = callback

    def console_input(self, data, cycle=None):
        self.calls.append(("console_input", data, cycle))

    def run(self, max_cycles=None, pause=None):
        self.calls.append(("run", max_cycles))
        for source, data in (("serial", b"hello\n"), ("debug", b"note\x1b[1m\n"), ("partition 1", b"in 1\npart")):
            self.console(source, data)
        if self.error:
            raise self.error
        return self.answer

    def digest(self):
        return "ab" * 32

    def screen(self):
        return "25 lines"


def test_stand_in_takes_what_the_machine_takes():
    methods = [name for name, value in vars(Machine).items() if inspect.isfunction(value) and not name.startswith("_")]
    assert [str(inspect.signature(getattr(Machine, name))) for name in methods] == [
        str(inspect.signature(getattr(emu.machine.Machine, name))) for name in methods]


@pytest.fixture
def hvlab(hvlab, monkeypatch):
    """Return a function: command line -> (exit code, standard output, standard error), and `machine`, to examine."""
    def call(*arguments, machine=None):
        call.machine = machine or Machine()
        call.asked = []
        monkeypatch.setattr(power, "machine", lambda *values, **more: call.asked.append(values) or call.machine)
        return hvlab(*arguments)

    return call


@pytest.fixture
def image(tmp_path):
    return build.elf(tmp_path, bits=32, flags=3)


def test_no_arguments_show_help(hvlab):
    code, out, _ = hvlab()
    assert code == 0
    assert "hvlab demo" in out and "Exit codes:" in out


def test_help_imports_nothing_heavy():
    code = """import sys
from emu.cli.group import hvlab
hvlab.main(["--help"], standalone_mode=False)
print([name for name in ("numba", "numpy", "llvmlite", "unicorn", "emu.machine", "emu.bits") if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout
    assert all(about in done.stdout for _, about in COMMANDS.values())


def test_a_warm_run_imports_no_compiler(tmp_path):
    image = tmp_path / "end.s"
    image.write_text("        .use    platform\n        .org    0x100000\nstart:  xor     eax, eax\n        out     PORT_DEBUG_EXIT, eax\n")
    code = f"""import sys
from emu.cli.group import hvlab
code = hvlab.main(["run", {str(image)!r}, "--memory", "16M"], standalone_mode=False)
print(code, [name for name in ("numba", "llvmlite", "emu.compiler") if name in sys.modules])"""
    for _ in range(2):                                     # the first may have to compile
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout.splitlines()[-1] == "0 []", done.stdout


def test_every_module_of_a_command_is_in_the_table():
    folder = Path(bench.__file__).parent
    assert sorted(file for file, _ in COMMANDS.values()) == sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(hvlab, command):
    code, out, err = hvlab(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: hvlab {command}")


def test_run_puts_the_guest_on_standard_output_and_the_rest_on_standard_error(hvlab, image):
    code, out, err = hvlab("run", image)
    assert (code, out) == (0, "hello\n")
    assert "debug | note\\x1b[1m\n" in err
    assert re.search(r"CPUID +3 +1,000,000 +50\.00%", err)
    assert err.endswith("hvlab: the guest ended the run: passed\n")


def test_run_as_partition_shows_the_partition(hvlab, image):
    code, out, err = hvlab("run", image, "--as", "partition", "--memory", "32M")
    assert (code, out) == (0, "in 1\npart")
    assert "serial | hello" in err
    assert hvlab.machine.calls[0] == ("load_partition", "multiboot", 32 << 20)
    assert hvlab.asked == [((32 << 20) + (64 << 20), 1)]


def test_run_hands_on_its_options(hvlab, image, tmp_path):
    trace = tmp_path / "exits"
    hvlab("run", image, "--smp", 4, "--memory", "64M", "--max-cycles", "2G", "--trace-exits", trace)
    assert hvlab.asked == [(64 << 20, 4)]
    assert hvlab.machine.calls == [("load", "multiboot", 64 << 20), ("trace_exits", str(trace)), ("run", 2 * 10**9),
                                    ("close_trace",)]


def test_hash_and_screen_are_data(hvlab, image):
    _, out, _ = hvlab("run", image, "--hash", "--screen")
    assert out == "hello\n25 lines\nsha256:" + "ab" * 32 + "\n"


def test_json_is_alone_on_standard_output(hvlab, image):
    code, out, err = hvlab("run", image, "--json", "--hash", machine=Machine(Result(exit_code=3)))
    found = json.loads(out)
    assert code == 1
    assert found["schema"] == "hvlab.run.1"
    assert (found["reason"], found["exit_code"], found["command_exit_code"]) == ("EXIT_CODE", 3, 1)
    assert found["exits"] == [{"reason": "CPUID", "count": 3, "cycles": 1_000_000}]
    assert (found["digest"], found["kind"], found["place"]) == ("sha256:" + "ab" * 32, "multiboot", "bare")
    assert "screen" not in found
    assert "serial | hello" in err


@pytest.mark.parametrize("reason, guest, code", [
    ("EXIT_CODE", 0, 0), ("EXIT_CODE", 5, 1), ("POWER_OFF", 0, 0), ("RESET", 0, 7), ("ENTRY_FAILED", 0, 3),
    ("TRIPLE_FAULT", 0, 4), ("VMX_ABORT", 0, 4), ("BUDGET", 0, 5), ("IDLE", 0, 5), ("INTERNAL", 0, 6)])
def test_exit_codes(hvlab, image, reason, guest, code):
    assert hvlab("run", image, machine=Machine(Result(reason=reason, exit_code=guest)))[0] == code


def test_reset_that_the_options_call_good_is_no_failure(hvlab, image):
    code, _, err = hvlab("run", image, "--on-reset", "stop", machine=Machine(Result(reason="RESET", on_reset="stop")))
    assert code == 0 and err.endswith("hvlab: the guest reset the machine\n")


def test_initial_ram_disk_is_for_linux(hvlab, image, tmp_path):
    (tmp_path / "initrd").write_bytes(b"disk")
    code, _, err = hvlab("run", image, "--initrd", tmp_path / "initrd")
    assert code == 2
    assert "--initrd is the initial RAM disk of a Linux image, this is multiboot: modules come by --module" in err


def test_initial_ram_disk_is_a_module_of_linux(hvlab, tmp_path):
    (tmp_path / "initrd").write_bytes(b"disk")
    kernel = build.linux(tmp_path)
    assert hvlab("run", kernel, "--initrd", tmp_path / "initrd", "--memory", "64M")[0] == 0
    assert hvlab.machine.calls[0] == ("load", "linux", 64 << 20)


def test_partition_gets_the_processors_that_were_asked_for(hvlab, image):
    assert hvlab("run", image, "--as", "partition", "--smp", 2, "--memory", "32M")[0] == 0
    assert hvlab.machine.virtual == 2


def test_every_reason_to_stop_has_a_sentence():
    for reason in STOP._fields:
        assert report.ending(Result(reason=reason))


def test_what_is_not_modelled_ends_with_6_and_a_sentence(hvlab, image):
    code, _, err = hvlab("run", image, machine=Machine(error=Unmodelled("task gate", 0x1000)))
    assert code == 6
    assert err.endswith("hvlab: not modelled: task gate at RIP 0x1000\n")


def test_interrupt_ends_with_130_and_loses_no_output(hvlab, image):
    code, out, err = hvlab("run", image, "--as", "partition", machine=Machine(error=KeyboardInterrupt()))
    assert (code, out) == (130, "in 1\npart")
    assert err.endswith("hvlab: interrupted\n")


def test_an_error_of_our_own_ends_with_6(hvlab, image):
    code, _, err = hvlab("run", image, machine=Machine(error=RuntimeError("boom")))
    assert code == 6
    assert "RuntimeError: boom" in err
    assert "an error of hvlab itself" in err


@pytest.mark.parametrize("options, message", [
    (["--memory", "0"], "memory must be a positive multiple of 4096 bytes, not 0"),
    (["--memory", "4097"], "memory must be a positive multiple of 4096 bytes, not 4097"),
    (["--memory", "256"], "memory must be a positive multiple of 4096 bytes, not 256; did you mean 256M?"),
    (["--memory", "much"], "'much' is not a number with an optional suffix K, M or G"),
    (["--memory", "-1"], "'-1' is not a number with an optional suffix K, M or G"),
    (["--max-cycles", "0"], "must be at least 1, not 0"),
    (["--max-cycles", "1.5G"], "'1.5G' is not a number with an optional suffix K, M or G"),
    (["--smp", "0"], "0 is not in the range 1<=x<=8."),
    (["--smp", "9"], "9 is not in the range 1<=x<=8."),
    (["--as", "root"], "'root' is not one of 'bare', 'partition'."),
    (["--colour"], "--colour"),
])
def test_wrong_values_end_with_2(hvlab, image, options, message):
    code, out, err = hvlab("run", image, *options)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("arguments, message", [
    (["run"], "Missing argument 'IMAGE'."),
    (["run", "/nowhere/kernel.elf"], "hvlab: /nowhere/kernel.elf: cannot be read (No such file or directory)\n"),
    (["fly"], "No such command 'fly'."),
    (["asm", "/nowhere/a.s"], "hvlab: /nowhere/a.s: no such file or directory\n"),
])
def test_wrong_command_lines_end_with_2(hvlab, arguments, message):
    code, out, err = hvlab(*arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_module_that_is_not_there_ends_with_2(hvlab, image):
    code, _, err = hvlab("run", image, "--module", "none,args")
    assert (code, err) == (2, "hvlab: module none: no such file\n")


def test_configuration_that_the_machine_refuses_ends_with_2(hvlab, image, monkeypatch):
    code, _, err = hvlab("run", image, machine=Machine(error=ConfigError("memory_bytes must be less")))
    assert (code, err.splitlines()[-1]) == (2, "hvlab: memory_bytes must be less")


def test_demo_prefixes_each_line_with_its_source(hvlab):
    code, out, err = hvlab("demo")
    assert code == 0
    assert "firmware | hello\n" in out and "partition 1 | in 1\n" in out and "partition 1 | part\n" in out
    assert "VM exits" in out and "hypercalls" in out
    assert err == "hvlab: the guest ended the run: passed\n"
    assert hvlab.machine.calls == [("load_demo",), ("run", 20 * 10**9)]


def test_demo_json(hvlab):
    _, out, err = hvlab("demo", "--json")
    assert json.loads(out)["schema"] == "hvlab.demo.1"
    assert "partition 1 | in 1" in err


def test_no_colour_without_a_terminal_or_with_no_color(hvlab, image):
    _, out, err = hvlab("demo")
    assert "\x1b" not in out + err


def test_asm_lists_a_program(hvlab, tmp_path):
    source = tmp_path / "a.s"
    source.write_text(".org 0x100000\nstart:  mov eax, COUNT\n        hlt\n")
    target = tmp_path / "a.bin"
    code, out, err = hvlab("asm", source, "--list", "-D", "COUNT=5", "-o", target)
    assert code == 0
    assert re.search(r"00100000 +b8 05 00 00 00 +2 +start:  mov eax, COUNT\n", out)
    assert err == f"{source}: 6 bytes at 0x100000\n"
    assert target.read_bytes() == bytes.fromhex("b805000000f4")


def test_asm_names_file_and_line_of_an_error(hvlab, tmp_path):
    source = tmp_path / "a.s"
    source.write_text("nop\n mov rax, [NOWHERE]\n")
    code, out, err = hvlab("asm", source, "--list")
    assert (code, out) == (2, "")
    assert "a.s:2" in err and "NOWHERE" in err


def test_asm_definition_without_a_number(hvlab, tmp_path):
    source = tmp_path / "a.s"
    source.write_text("nop\n")
    code, _, err = hvlab("asm", source, "-D", "COUNT")
    assert code == 2
    assert "'COUNT' is not NAME=NUMBER" in err


def test_bench_measures_the_questions_of_its_folder(hvlab, tmp_path, monkeypatch):
    (tmp_path / "speed.py").write_text(
        'QUESTION = "How fast?"\ndef measure():\n    yield "alu", 1500.0, "MIPS", 1000.0, 700.0\n')
    (tmp_path / "helper.py").write_text("X = 1\n")
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    code, out, err = hvlab("bench")
    assert (code, err) == (0, "hvlab: speed: How fast?\n")
    assert re.search(r"alu +\S+ +1,500 \S+ MIPS \S+ +1,000 \S+ +1\.50x", out)
    assert json.loads(hvlab("bench", "speed", "--json")[1]) == {"schema": "hvlab.bench.1", "rows": [
        {"name": "alu", "value": 1500.0, "unit": "MIPS", "baseline": 1000.0, "goal": 700.0, "question": "speed"}]}
    assert hvlab("bench", "--list")[1] == "speed            How fast?\n"
    code, _, err = hvlab("bench", "flight")
    assert code == 2
    assert "no benchmark 'flight': must be one of speed" in err


def test_bench_without_its_folder(hvlab, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "FOLDER", tmp_path / "perf")
    code, _, err = hvlab("bench")
    assert code == 2
    assert "no such folder: the questions of the benchmark are neither" in err


def test_no_console_takes_text_for_markup():
    """Names, notes and paths are of others: every console comes from emu/cli/console.py, and the columns of progress bars say so too."""
    folder = Path(emu.__file__).parent
    for path in [path for part in ("cli", "tui", "manage") for path in (folder / part).rglob("*.py")]:
        text = path.read_text()
        assert path.name == "console.py" or not re.search(r"\bConsole\(|from_markup|markup=True", text), path
        assert all("markup=False" in each for each in re.findall(r"TextColumn\(.*", text)), path
    console = made(file=io.StringIO(), width=60)
    table = Table("[/x]", title="[/y]")
    table.add_row("[red]a[/] :smile:")
    console.print(table, "[/z]")
    assert all(each in console.file.getvalue() for each in ("[/x]", "[/y]", "[red]a[/] :smile:", "[/z]"))
