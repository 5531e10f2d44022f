"""Rewrite the pages of docs/ that show commands: below each command is what it prints, taken from a run."""
import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = tuple(ROOT / "docs" / name for name in ("debugging.md", "time_travel.md", "trace.md", "python.md", "sessions.md"))
DRAWING = "docs/xlate.svg"
MADE = (".hvr", ".hvz", ".hvt", ".html", ".json")           # files that a page's commands make and read, in a folder that goes
NO_ERRORS = " 2>/dev/null"
BLOCK = re.compile(r"(?<=```console\n)(.*?)(?=```\n)", re.DOTALL)
PYTHON = re.compile(r"(?<=```python\n)(.*?)(```\n\n```text\n)(.*?)(?=```)", re.DOTALL)


def planted(folder, name):
    """Return the folder of a copy of hv/ with a bug of docs/bugs.toml, made when it is not there."""
    place, bug = Path(folder) / "bugs" / name, tomllib.loads((ROOT / "docs" / "bugs.toml").read_text())[name]
    if not place.is_dir():
        shutil.copytree(ROOT / "hv", place)
        file = place / bug["file"]
        text = file.read_text()
        if text.count(bug["old"]) != 1:
            raise ValueError(f"the bug {name!r} of docs/bugs.toml does not fit hv/{bug['file']} any more")
        file.write_text(text.replace(bug["old"], bug["new"]))
    return place


def word_of(word, folder, drawing):
    """Return an argument as it is given to the command: files that pages make, and changed copies of hv/, are in `folder`."""
    if word.startswith("bugs/"):
        return str(planted(folder, word.removeprefix("bugs/")))
    return str(drawing) if word == DRAWING else str(Path(folder) / word) if word.endswith(MADE) else word


def printed(command, folder, drawing=DRAWING):
    """Return what a command line prints, both streams, with `drawing` in the place of the page's drawing, made files in `folder`."""
    pipe = re.fullmatch(r"(.*?)(?: 2>&1)?(?: \| (head -|grep )(\S+))?", command)
    arguments = [word_of(word, folder, drawing) for word in shlex.split(pipe[1].removesuffix(NO_ERRORS))[1:]]
    code = "from emu.cli import main; main()"
    errors = subprocess.DEVNULL if pipe[1].endswith(NO_ERRORS) else subprocess.STDOUT
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT,
                          env=os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}, timeout=300, check=False)
    text = done.stdout.lstrip("\n").replace(f"{folder}/", "")                           # a first start compiles kernels and says so
    text = text if not text or text.endswith("\n") else text + "\n"
    lines = text.splitlines(keepends=True)
    if pipe[2] == "grep ":
        return "".join(line for line in lines if pipe[3] in line)
    return "".join(lines[:int(pipe[3])] if pipe[2] else lines)


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
