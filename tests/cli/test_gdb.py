"""`hvlab gdb` with the real gdb, in batch mode."""
import os
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emu.kernel_cache import PACKAGE
from tests.cli.gdb_programs import HEAD, PROGRAMS
from tests.foreign import foreign
from tests.programs import ECHO

SETTINGS = PACKAGE / "debug" / "gdb" / "init.gdb"
LISTENING = re.compile(rb"listening on 127\.0\.0\.1:(\d+)")


def hvlab(*arguments):
    """Start the command; returns the process."""
    code = "from emu.cli import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def session(tmp_path):
    """Return a function: (program, gdb commands, hvlab options...) -> (what gdb printed, exit code of hvlab, what it printed)."""
    def run(name, commands, *options, command="gdb"):
        if shutil.which("gdb") is None:
            raise foreign.Missing("this test needs the command gdb")
        image = name
        if name in PROGRAMS:
            image = tmp_path / f"{name}.s"
            image.write_text(PROGRAMS[name])
        listen = ("--listen", "0") if command == "gdb" else ("--gdb", "0")
        server = hvlab(command, image, *listen, *(() if command == "replay" else ("--memory", "16M")), *options)
        said = b""
        while not (found := LISTENING.search(said)):
            assert select.select([server.stderr], [], [], 120)[0], said
            said += server.stderr.read1()
            assert server.poll() is None, said
        script = tmp_path / "script.gdb"
        script.write_text(f"source {SETTINGS}\ntarget extended-remote 127.0.0.1:{int(found[1])}\n{commands}\n")
        done = subprocess.run(["gdb", "-nx", "-q", "-batch", "-x", script], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        try:
            out, err = server.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            raise
        return done.stdout, server.returncode, (out.decode(), (said + err).decode())

    return run


def lines(text, *patterns):
    """Fail unless lines with these patterns come in this order."""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern, re.MULTILINE).search(text, at)
        assert found, f"{pattern} is not after what came before it in:\n{text}"
        at = found.end()


@pytest.mark.slow
def test_symbols_breakpoints_registers_and_the_end(session):
    text, code, (out, err) = session("count", """
info registers rip cr0 vmx_mode
break count
break *&again if $ecx == 3
continue
continue
print $ecx
print/x *(int *)&cell
set $ecx = 8
watch *(int *)&cell
continue
delete
info registers eflags cr4
continue
continue""")
    lines(text, r"rip +0xfffffff0", r"cr0 +0x60000010 +\[ ET NW CD \]", r"vmx_mode .*bare", r"Breakpoint 1, .*test \(\)",
          r"Breakpoint 2, .*again \(\)", r"^\$1 = 3", r"^\$2 = 0x2", r"Old value = 2", r"New value = 8", r"eflags .*\[", r"cr4 .*PAE",
          r"exited with code 07")
    assert code == 1 and "a debugger connected" in err and "firmware" in out


@pytest.mark.slow
def test_conditions_are_evaluated_by_the_machine(session):
    text, code, _ = session("count", """
break *&again if $rcx == 3
continue
print $rcx
eval "condition 1 *(int *)%lu >= 5 && ($rcx & 8) == 0", (unsigned long)&cell
continue
print $rcx
info breakpoints
monitor points
condition 1 $rcx > 6 && *(long *)0x7f0000000000 == 1
continue
print $rcx
delete
continue
continue""")
    lines(text, r"^\$1 = 3", r"^\$2 = 6", r"stop only if .*\(target evals\)", r"execute .* 2 hits", r"^\$3 = 7", r"exited with code 07")
    assert code == 1


@pytest.mark.slow
def test_find_searches_all_memory_and_names_what_is_not_mapped(session):
    text, _, _ = session("count", """
find /w 0, 0xA00000, 0x7A6B5C4D
find /b 0xffffff800000, +10, 1
info registers rip
set *(int *)0x900000 = 0x7A6B5C4D
find /w 0, 0xA00000, 0x7A6B5C4D
kill""")
    lines(text, r"^Pattern not found", r"Unable to access 10 bytes of target memory at 0xffffff800000", r"rip +0xfffffff0", r"^0x900000$")
    assert "Ignoring packet error" not in text


@pytest.mark.slow
def test_step_over_entry_and_exit_and_partitions(session):
    text, code, _ = session("enter", """
break guest
continue
stepi
x/i $pc
stepi
info registers vmx_mode exit_reason
info symbol $pc
finish-exit
info symbol $pc
next-exit
vmcs exit
exits
partitions
info threads
thread 2.1
info registers rip
delete
continue
continue""")
    lines(text, r"Breakpoint 1, .*guest", r"=> .* <exits>:\s+cpuid", r"vmx_mode .*root", r"exit_reason +0xa", r"vmx_exit in section",
          r"after in section", r"EXIT_REASON +0x12 +VMCALL", r"CPUID +1", r"2 +process 2", r"1\.1 .*cpu0 root",
          r"2\.1 .*partition 1 / VMCS", r"rip +0x\w+ .*<after\+\d+>", r"exited normally")
    assert code == 0


@pytest.mark.slow
def test_back_in_time(session):
    text, code, _ = session("enter", """
break after
continue
reverse-stepi
info symbol $pc
info registers vmx_mode
reverse-stepi
delete
watch *(int *)0x600018
break guest
reverse-continue
info symbol $pc
set *(int *)0x600018 = 5
delete 3
continue
reverse-continue
print *(int *)0x600018
info symbol $pc
delete
reverse-continue
continue
continue""")
    lines(text, r"Breakpoint 1, .*after", r"^vmx_run.resume. in section", r"vmx_mode .*root", r"Breakpoint 3, .*guest",
          r"^guest in section", r"Old value = 5", r"New value = 0", r"Old value = 0", r"New value = 5", r"^\$1 = 5", r"^after in section",
          r"No more reverse-execution history", r"exited normally")
    assert code == 0


@pytest.mark.slow
def test_code_of_other_widths_is_disassembled_as_such(session):
    text, _, _ = session("count", "x/2i $pc\nkill")
    lines(text, r"0xfffffff0:\s+jmp\s+0xff")


@pytest.mark.slow
def test_triple_fault_stops_with_its_explanation(session):
    text, code, _ = session("crash", "continue\ninfo registers rip\nstate\ncontinue")
    lines(text, "triple fault", "SIGSEGV", r"rip +0x", r"cpu0 +bare")
    assert code == 4


@pytest.mark.slow
def test_hv_and_its_guest_have_their_symbols(session):
    text, code, _ = session(PACKAGE.parent / "tests" / "partitions" / "vmx_hidden.s", """
break vmexit
continue
backtrace 1
info sharedlibrary
delete
continue
continue""", "--as", "partition")
    lines(text, r"Breakpoint 1, .*vmexit", r"#0 .*vmexit")
    assert code == 0


@pytest.mark.slow
def test_run_waits_for_gdb_and_repeats_on_run(session):
    text, code, _ = session("count", "break again\ncontinue\nrun\nprint $pc\ncontinue\nprint $ecx\nkill", command="run")
    lines(text, r"Breakpoint 1, .*again", r"Breakpoint 1, .*again", r"^\$2 = 1", "killed")
    assert code == 0


@pytest.mark.slow
def test_image_without_symbols(session, tmp_path):
    image = tmp_path / "loop.bin"
    image.write_bytes(b"\xb8\x34\x12\xeb\xfe")
    text, _, _ = session(image, "stepi\nprint/x $ax\nx/i $pc\nkill")
    lines(text, r"^\$1 = 0x1234", r"=> 0x7c03:\s+jmp\s+0x7c03")


@pytest.mark.slow
def test_recording_is_debugged_to_its_end(session, tmp_path):
    image, typed = tmp_path / "echo.s", tmp_path / "typed"
    image.write_text(HEAD + ECHO)
    typed.write_bytes(b"hi there.")
    made = hvlab("run", image, "--memory", "16M", "--input", typed, "--input-at", "1M", "--max-cycles", "1200k",
                 "--record", tmp_path / "a.hvr")
    made.communicate(timeout=60)
    assert made.returncode == 5
    text, _, (out, _) = session(tmp_path / "a.hvr", "break test\ncontinue\ndelete\ncontinue\nstate\nseek 400000\nstate\nkill",
                                command="replay")
    lines(text, r"Breakpoint 1, .*test", "No more reverse-execution history", r"cycle 1,200,\d+", r"cpu0 at cycle 400,\d+",
          r"cycle 400,\d+")
    assert "hi" in out and "there." not in out


@pytest.mark.slow
def test_session_of_the_page_is_what_gdb_shows():
    command = "import gdb; text = gdb.PAGE.read_text(); assert gdb.render(text) == text, gdb.render(text)"
    subprocess.run([sys.executable, "-c", command], cwd=PACKAGE.parent / "docs", env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
                   check=True, timeout=120)


def test_wrong_options_are_refused(tmp_path):
    program = tmp_path / "program.s"
    program.write_text(PROGRAMS["count"])
    for arguments, words in (
        (("gdb", program, "--listen", "0.0.0.0:1"), "listens on 127.0.0.1 only"), (("gdb", program, "--listen", "x"), "PORT"),
        (("gdb", tmp_path / "none.elf"), "No such file"), (("run", program, "--gdb", "0", "--hash"), "--gdb does not go with --hash"),
    ):
        process = hvlab(*arguments)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2 and words in err.decode(), err


def test_name_of_the_settings_file():
    process = hvlab("gdb", "--init")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and Path(out.decode().strip()) == SETTINGS and "schedule-multiple" in SETTINGS.read_text()
