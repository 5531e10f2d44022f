"""Imports go up the layers of the architecture, never down."""
import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Lower layers first.  A module may import its own layer and those before it.
LAYERS = ("errors", "files", "kernel_cache", "jit", "bits", "spec", "state", "model", "core", "device", "image", "asm", "partition",
          "watching", "failure", "standing", "endings",
          "report", "restart", "config", "machine", "debug", "trace", "lab", "tui", "testing", "whp", "manage",
          "cli")
FREE = ("errors",)                                         # every layer may raise


def _layer(module):
    return module.split(".")[1] if "." in module else ""


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "emu":
            if node.module == "emu":
                yield from (f"emu.{alias.name}" for alias in node.names if not alias.name.isupper())    # constants are the package's own
            else:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "emu")


def test_imports_go_up_the_layers():
    wrong = []
    for path in sorted((ROOT / "emu").rglob("*.py")):
        here = path.relative_to(ROOT / "emu").parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        assert here in LAYERS, f"emu/{here} has no place in the layers"
        for module in _imports(path):
            there = _layer(module)
            if there not in FREE and LAYERS.index(there) > LAYERS.index(here):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_only_the_core_imports_the_execution_engine():
    wrong = []
    for path in sorted((ROOT / "emu").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name and name.split(".")[0] == "unicorn" for name in names) and "core" not in path.parts:
                wrong.append(str(path))
    assert not wrong
