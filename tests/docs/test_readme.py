"""The README's first screen is true: its Python prints what stands below it, its commands are those of .ci/run."""
import contextlib
import io
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_python_block_prints_what_the_readme_says():
    code, expected = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == expected


def test_python_block_is_short():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    assert len([line for line in code.splitlines() if line]) == 8


def test_ci_runs_the_readmes_test_command():
    command = re.search(r"^    (python3 -m venv .*pytest)$", README, re.MULTILINE).group(1)
    assert re.search(rf"^{re.escape(command)}( |$)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_times_of_a_start_are_those_of_the_performance_page():
    page, words = (ROOT / "docs" / "performance.md").read_text(), " ".join(README.split())
    compiled, warm = (float(re.search(rf"^\| hvlab run, {row} \| ([\d.]+) \| s \|", page, re.MULTILINE).group(1))
                      for row in ("kernels compiled", "warm"))
    assert "less than a minute on two cores; later ones take less than two seconds" in words
    assert compiled < 60 and warm < 2


def test_first_screen_has_two_commands_to_set_up_and_eight_to_use():
    first = README.split("![")[0]
    commands = re.findall(r"^    hvlab (\w+)", first, re.MULTILINE)
    assert len(re.findall(r"^    python3 -m venv", first, re.MULTILINE)) == 2
    assert len(commands) == len(set(commands)) == 8
