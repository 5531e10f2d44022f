"""Write docs/debugging.md, time_travel.md, trace.md and python.md anew: below each command stands what it prints, taken from a run."""
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = tuple(ROOT / "docs" / name for name in ("debugging.md", "time_travel.md", "trace.md", "python.md"))
DRAWING = "docs/xlate.svg"
MADE = (".hvr", ".hvz", ".hvt", ".html", ".json")           # files that a page's commands make and read, in a folder that goes
NO_ERRORS = " 2>/dev/null"
BLOCK = re.compile(r"(?<=```console\n)(.*?)(?=```\n)", re.DOTALL)
PYTHON = re.compile(r"(?<=```python\n)(.*?)(```\n\n```text\n)(.*?)(?=```)", re.DOTALL)


def printed(command, folder, drawing=DRAWING):
    """Return what a command line prints, both streams, with `drawing` in the place of the page's drawing, made files in `folder`."""
    words = shlex.split(command.removesuffix(NO_ERRORS))[1:]
    arguments = [str(drawing) if word == DRAWING else str(Path(folder) / word) if word.endswith(MADE) else word for word in words]
    code = "from emu.cli import main; main()"
    errors = subprocess.DEVNULL if command.endswith(NO_ERRORS) else subprocess.STDOUT
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT,
                          env=os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}, timeout=300, check=False)
    text = done.stdout.lstrip("\n").replace(f"{folder}/", "")                           # a first start compiles kernels and says so
    return text if not text or text.endswith("\n") else text + "\n"


def commands(text):
    """Return the command lines of a page."""
    return [line[2:] for block in BLOCK.findall(text) for line in block.splitlines() if line.startswith("$ ")]


def render(text, folder, drawing=DRAWING):
    """Return the page with the output of every command below it."""
    def block(found):
        return "".join(f"$ {command}\n{printed(command, folder, drawing)}" for command in
                       (line[2:] for line in found[1].splitlines() if line.startswith("$ ")))
    return BLOCK.sub(block, text)


def python_output(text, names):
    """Return (what the Python block of the page prints with `names`, what the page says)."""
    code, _, said = PYTHON.search(text).groups()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "page", "exec"), names)
    return out.getvalue(), said


if __name__ == "__main__":
    for page in PAGES:
        with tempfile.TemporaryDirectory() as made:
            page.write_text(render(page.read_text(), made))
