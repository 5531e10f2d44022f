"""Imports go up the layers of the architecture, never down; tests stand beside what they test."""
import ast
from pathlib import Path

import pytest

from emu import kernel_cache

ROOT = Path(__file__).resolve().parent.parent
# Lower layers first.  A module may import its own layer and those before it.
LAYERS = ("errors", "files", "object_code", "kernel_cache", "compiler", "jit", "bits", "spec", "state", "model", "core", "board", "image",
          "asm", "machine", "debug", "trace", "lab", "tui", "manage", "cli")
FREE = ("errors",)                                         # every layer may raise
# Inside a layer: rooms and single modules, the same rule.
ROOMS = {
    "model": ("cpu", "fault", "indirect", "ram", "interrupts", "observe", "devices", "memory", "condition", "processor", "reset", "vmx",
              "guest_mode", "delivery", "instructions", "route", "boundary", "event"),
    "debug": ("explain", "views", "session", "history", "snapshot", "stop", "vmcs", "gdb"),
    "cli": ("values", "console", "streams", "interrupt", "report", "printing", "options", "power", "loading", "inputs", "running",
            "debugger", "target", "commands", "group"),
    "machine": ("host", "partition", "trace_ring", "failure", "standing", "endings", "result", "restart", "machine"),
}


def _layer(module):
    return module.split(".")[1] if "." in module else ""


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "emu":
            names = [alias.name for alias in node.names if node.module != "emu" or not alias.name.isupper()]     # no constants
            yield from (f"{node.module}.{name}" for name in names)
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


def _wrong(name, order):
    """Return imports that go down: a part of emu/NAME may import what stands before it in `order`, and itself."""
    wrong, folder = [], ROOT / "emu" / name
    for path in sorted(folder.rglob("*.py")):
        here = path.relative_to(folder).parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        assert here in order, f"emu/{name}/{here} has no place in the order"
        for module in _imports(path):
            parts = module.split(".")
            if parts[1] == name and len(parts) > 2 and parts[2] in order and order.index(parts[2]) > order.index(here):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    return wrong


@pytest.mark.parametrize("name", ROOMS)
def test_imports_go_up_the_rooms(name):
    assert not _wrong(name, ROOMS[name])


def test_no_command_imports_another():
    files = sorted((ROOT / "emu" / "cli" / "commands").glob("*.py"))
    wrong = [f"{path.stem} imports {module}" for path in files for module in _imports(path) if module.startswith("emu.cli.commands")]
    assert files and not wrong


def test_only_the_core_imports_the_execution_engine():
    wrong = []
    for path in sorted((ROOT / "emu").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name and name.split(".")[0] == "unicorn" for name in names) and "core" not in path.parts:
                wrong.append(str(path))
    assert not wrong


# ---- numbers with a name ----------------------------------------------------------------------------------
def _a_number(node):
    """Return whether an expression is a number: literals, masks of tables, conversions, and what they are combined to."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if isinstance(node, ast.BinOp):
        return all(_a_number(side) or isinstance(side, ast.Name | ast.Attribute) for side in (node.left, node.right))
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("U64", "int")
    return isinstance(node, ast.UnaryOp) and _a_number(node.operand)


def _numbers(path):
    """Yield the names of a module's numbers; not one that is taken, under its own name, from another module: `X = U64(at.X)`."""
    for statement in ast.parse(path.read_text()).body:
        if not isinstance(statement, ast.Assign):
            continue
        for target in statement.targets:
            names, value = target.elts if isinstance(target, ast.Tuple) else [target], statement.value
            if isinstance(value, ast.GeneratorExp):
                values = [value.elt] * len(names)
            else:
                values = value.elts if isinstance(value, ast.Tuple) and isinstance(target, ast.Tuple) else [value] * len(names)
            for name, each in zip(names, values, strict=True):
                used = {getattr(part, "attr", getattr(part, "id", None)) for part in ast.walk(each)}
                if isinstance(name, ast.Name) and _a_number(each) and name.id not in used:
                    yield name.id


def test_a_number_with_a_name_stands_in_one_module():
    """A name that means one number here and another there misleads; a number that is typed twice comes apart."""
    homes = {}
    for path in sorted((ROOT / "emu").rglob("*.py")):
        for name in set(_numbers(path)):
            homes.setdefault(name, []).append(str(path.relative_to(ROOT)))
    twice = [f"{name}: {', '.join(files)}" for name, files in sorted(homes.items()) if len(files) > 1]
    assert len(homes) > 500 and not twice, "\n".join(twice)


def test_tests_stand_in_folders_of_what_they_test():
    beside = {"guests", "partitions", "hyperv", "foreign", "docs", "reference", "mutation"}
    assert {path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").exists()} - beside <= set(LAYERS)


def test_no_test_module_imports_one_of_another_folder():
    wrong = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            parts = (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else [""]
            if parts[0] == "tests" and parts[-1].startswith("test_") and tuple(parts[:-1]) != path.relative_to(ROOT).parts[:-1]:
                wrong.append(f"{path.relative_to(ROOT)} imports {node.module}")
    assert wrong == []


# ---- what the tests above, and the keys of compiled kernels, can see ------------------------------------------------------
def test_imports_name_their_modules_in_full():
    wrong = [f"{path.relative_to(ROOT)}:{node.lineno}" for path in sorted((ROOT / "emu").rglob("*.py"))
             for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.level]
    assert wrong == []


def test_compiled_kernels_are_keyed_by_every_file_that_they_import():
    """The cache reads imports without parsing: a form that it does not know would leave old code in use."""
    missed = []
    for path in sorted((ROOT / "emu").rglob("*.py")):
        wanted = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                wanted |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
        files = {kernel_cache._source_of(name) for name in wanted if name.split(".")[0] == "emu"} - {None}
        missed += [f"{path.relative_to(ROOT)} imports {each}" for each in files - set(kernel_cache.imports_of(path))]
    assert missed == []
