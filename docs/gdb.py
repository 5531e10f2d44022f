"""Rewrite the session in docs/gdb.md, by running the real gdb."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "gdb.md"
SESSION = re.compile(r"(?<=exit handler:\n\n```console\n)(.*?)(?=```\n)", re.DOTALL)
COMMANDS = ("break vmexit", "continue", "vmcs exit", "print $vmx_mode", "info registers rip proc_controls", "finish-exit",
            "print $vmx_mode", "next-exit", "print $exit_reason", "partitions", "info threads", "exits")


def session():
    """Return what gdb shows."""
    command = [sys.executable, "-c", "from emu.cli import main; main()", "gdb", "tests/partitions/vmx_hidden.s", "--as", "partition",
               "--memory", "16M", "--listen", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT) as server:
        said = b""
        while not (found := re.search(rb"127\.0\.0\.1:(\d+)", said)):
            said += server.stderr.read1()
        script = ["-ex", "source emu/debug/gdb/init.gdb", "-ex", f"target extended-remote 127.0.0.1:{int(found[1])}"]
        for line in COMMANDS:
            script += ["-ex", f"echo (gdb) {line}\\n", "-ex", line]
        out = subprocess.run(["gdb", "-nx", "-q", "-batch", *script, "-ex", "kill"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, cwd=ROOT, check=True).stdout
        server.wait(60)
    out = out.replace(f"{ROOT}/", "")
    out = re.sub(r"127\.0\.0\.1:\d+ *", "127.0.0.1:1234 ", out[out.index("(gdb) break"):])
    noise = "[Switching", "Reading", "warning", "#0"
    kept = [line.rstrip() for line in out.splitlines() if not line.startswith(noise)]
    return "\n".join(line for line in kept[:-1] if line) + "\n"


def render(text):
    """Return the page with the session in its place."""
    return SESSION.sub(lambda _: session(), text)


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
