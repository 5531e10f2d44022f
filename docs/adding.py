"""Follow docs/adding.md: apply its steps to a copy of the tree and run its commands there; by hand, print their output into the page."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "adding.md"
TREE = ("emu", "hv", "firmware", "perf", "tests", "docs")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEP = re.compile(r"^(?:New file `([^`]+)`|In `([^`]+)`, (after|before|in place of) `([^`]+)`):\n\n```\w+\n(.*?)^```$",
                  re.MULTILINE | re.DOTALL)
CONSOLE, NO_ERRORS = "console", " 2>/dev/null"


@dataclass(frozen=True)
class Step:
    """A step of the page: a new file (where: "new"), or text after, before or in place of the one line that has `line` in it."""

    file: str
    where: str
    line: str
    text: str

    def apply(self, root):
        """Change the tree at `root`; raise ValueError when the step does not fit it."""
        path = Path(root) / self.file
        if self.where == "new":
            if path.exists():
                raise ValueError(f"{self.file}: the page makes it, and it is there")
            path.write_text(self.text)
            return
        lines = path.read_text().splitlines(keepends=True)
        found = [n for n, line in enumerate(lines) if self.line in line]
        if len(found) != 1:
            raise ValueError(f"{self.file}: {len(found)} lines have {self.line!r} in them, not one")
        start, end = found[0] + (self.where == "after"), found[0] + (self.where != "before")
        lines[start:end] = [self.text]
        path.write_text("".join(lines))


def sections(text):
    """Return {heading: text} of the page's second-level headings."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def steps(text):
    """Return the Steps of a text, in order; raise ValueError when a block of it is neither a step's nor a command's."""
    found = [Step(new or file, where or "new", line, body) for new, file, where, line, body in STEP.findall(text)]
    blocks = [body for language, body in FENCE.findall(text) if language != CONSOLE]
    if blocks != [step.text for step in found]:
        strange = next(body for body in blocks if body not in [step.text for step in found])
        raise ValueError(f"a block is not introduced as a step: {strange.splitlines()[0]!r}")
    return found


def commands(text):
    """Return [(command line, what stands below it)] of a text."""
    parts = [part for language, body in FENCE.findall(text) if language == CONSOLE
             for part in re.split(r"(?=^\$ )", body, flags=re.MULTILINE) if part]
    return [(part.split("\n", 1)[0][2:], part.split("\n", 1)[1]) for part in parts]


def copied(folder, text):
    """Copy the tree into a folder, which must not be there, and apply the steps of a text; returns the folder."""
    for name in TREE:
        shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for step in steps(text):
        step.apply(folder)
    return Path(folder)


def python(tree, *arguments, stderr=subprocess.STDOUT):
    """Run Python on a copy of the tree; kernels come from the user's cache and go there.  Returns the CompletedProcess."""
    return subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=tree, check=False,
                          timeout=1800, env=os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(tree)})


def printed(tree, command):
    """Return what a command line of the page prints in a copy of the tree, both streams unless it drops standard error."""
    words = shlex.split(command.removesuffix(NO_ERRORS))[1:]
    done = python(tree, "-c", "from emu.cli import main; main()", *words,
                  stderr=subprocess.DEVNULL if command.endswith(NO_ERRORS) else subprocess.STDOUT)
    said = re.sub(r"^hvlab: compil.*\n", "", done.stdout, flags=re.MULTILINE).lstrip("\n")   # a first start says that it compiles
    return said if not said or said.endswith("\n") else said + "\n"


def render(text, tree):
    """Return the page with what its commands print, run in a copy of the tree."""
    def block(found):
        if found[1] != CONSOLE:
            return found[0]
        lines = [line[2:] for line in found[2].splitlines() if line.startswith("$ ")]
        return f"```{CONSOLE}\n" + "".join(f"$ {line}\n{printed(tree, line)}" for line in lines) + "```"
    return FENCE.sub(block, text)


if __name__ == "__main__":
    page = PAGE.read_text()
    with tempfile.TemporaryDirectory() as made:
        PAGE.write_text(render(page, copied(Path(made) / "tree", page)))
