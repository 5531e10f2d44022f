"""Write docs/debugging.md anew: below each command stands what it prints, taken from a run."""
import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "debugging.md"
DRAWING = "docs/xlate.svg"
BLOCK = re.compile(r"(?<=```console\n)(.*?)(?=```\n)", re.DOTALL)


def printed(command, drawing=DRAWING):
    """Return what a command line prints, both streams, with `drawing` in the place of the page's drawing."""
    arguments = [str(drawing) if word == DRAWING else word for word in command.split()[1:]]
    code = "from emu.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
                          env=os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}, timeout=300, check=False)
    return done.stdout.lstrip("\n")                       # a first start compiles kernels and says so


def commands(text):
    """Return the command lines of a page."""
    return [line[2:] for block in BLOCK.findall(text) for line in block.splitlines() if line.startswith("$ ")]


def render(text, drawing=DRAWING):
    """Return the page with the output of every command below it."""
    def block(found):
        return "".join(f"$ {command}\n{printed(command, drawing)}" for command in
                       (line[2:] for line in found[1].splitlines() if line.startswith("$ ")))
    return BLOCK.sub(block, text)


def python_output(text, names):
    """Return (what the Python block of the page prints with `names`, what the page says)."""
    code, said = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL).groups()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, PAGE.name, "exec"), names)
    return out.getvalue(), said


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
