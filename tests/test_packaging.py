"""An installed hvlab is whole: every package, and the sources of firmware and hypervisor inside it."""
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def test_every_package_is_listed():
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "emu").rglob("__init__.py")}
    assert found == {name for name in SETUP["packages"] if name not in SETUP["package-dir"]}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("emu", "firmware", "hv", "perf"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("hvlab-*.whl"))


def test_wheel_holds_sources_of_firmware_hypervisor_and_stubs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("firmware", "hv"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix == ".s" or path.name in ("build.list", "README.md"):
                assert f"emu/sources/{path.relative_to(ROOT)}" in names
    stubs = {f"emu/core/stubs/{path.name}" for path in (ROOT / "emu/core/stubs").iterdir()}
    assert stubs and stubs <= names
    assert "emu/cli/commands/demo.py" in names and "emu/sources/perf/loops.py" in names
    assert not any(name.startswith(("tests/", "perf/", "hv/", "firmware/")) for name in names)


def test_unpacked_wheel_finds_its_sources(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "from emu.machine import partition; print(partition.folder('hv')); print(len(partition.assembled('firmware/boot').code))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.stdout.split()[0] == str(tmp_path / "emu" / "sources" / "hv"), done.stderr
    assert int(done.stdout.split()[1]) > 4096


def test_unpacked_wheel_has_its_benchmarks(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    command = [sys.executable, "-c", "from emu.cli.group import start; start(['bench', '--list'])"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert {"loops", "exits", "hypervisor"} <= {line.split()[0] for line in done.stdout.splitlines()} and "linux" not in done.stdout
