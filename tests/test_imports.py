"""Imports go up the layers of the architecture, never down; tests stand beside what they test."""
import ast
import re
from pathlib import Path

import pytest

from emu import kernel_cache
from emu.model import guest_mode

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
    return _imports_of(path.read_text())


def _imports_of(text):
    for node in ast.walk(ast.parse(text)):
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
        if here != "__init__":
            assert here in order, f"emu/{name}/{here} has no place in the order"
            wrong += [f"{path.relative_to(ROOT)} imports {module}" for module in _below(_imports(path), name, order, order.index(here))]
    return wrong


def _below(modules, name, order, place):
    """Yield those of imported modules that stand after a place in the order of emu/NAME."""
    for module in modules:
        parts = module.split(".")
        if parts[1] == name and len(parts) > 2 and parts[2] in order and order.index(parts[2]) > place:
            yield module


def at_once(tree):
    """Yield the modules of emu that a source imports when it is imported: not those of functions and of TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        late = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imports_of(ast.unparse(node))
        elif not late and not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from at_once(node)


@pytest.mark.parametrize("name", ROOMS)
def test_imports_go_up_the_rooms(name):
    assert not _wrong(name, ROOMS[name])


def test_a_package_imports_none_of_its_rooms():
    """Whoever imports a room imports the package before it."""
    wrong = []
    for path in sorted((ROOT / "emu").glob("**/__init__.py")):
        name = ".".join(path.parent.relative_to(ROOT).parts)
        if name.split(".")[1:2] != [] and name.split(".")[1] in ROOMS:
            wrong += [f"{name} imports {module}" for module in at_once(ast.parse(path.read_text())) if module.startswith(f"{name}.")]
    assert wrong == []


@pytest.mark.parametrize("text, said", [
    ("import emu.debug.gdb", True), ("from emu.debug import gdb", True), ("try:\n    x()\nfinally:\n    import emu.debug.gdb", True),
    ("if x:\n    import emu.debug.gdb", True), ("def __getattr__(name):\n    import emu.debug.gdb", False),
    ("if TYPE_CHECKING:\n    import emu.debug.gdb", False)])
def test_import_of_a_package_is_seen(text, said):
    assert bool([*at_once(ast.parse(text))]) == said


def folders(root):
    """Return the folders of Python sources below a folder, as tuples of their names."""
    return {path.relative_to(root).parts[:-1] for path in root.rglob("*.py")} - {()}


def unplaced(found):
    """Return folders of emu that are no layer, and no room of a layer that has rooms."""
    return sorted(parts for parts in found if parts[0] not in LAYERS or parts[1:] and parts[1:] not in {
        (room,) for room in ROOMS.get(parts[0], ())})


def test_every_folder_is_a_layer_or_a_room():
    assert unplaced(folders(ROOT / "emu")) == []


@pytest.mark.parametrize("folder, said", [("manage/surprise", True), ("model/vmx", False), ("model/vmxx", True), ("model/vmx/more", True),
                                          ("cli/commands/sub", True), ("surprise", True), ("spec", False)])
def test_folder_without_a_place_is_seen(folder, said):
    assert bool(unplaced({tuple(folder.split("/"))})) == said


def test_no_command_imports_another():
    files = sorted((ROOT / "emu" / "cli" / "commands").rglob("*.py"))
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


# ---- the seam to the virtualization extension ------------------------------------------------------------------------------
# Who imports emu.model.vmx: the seam, and those who show its state to people.  emu.core asks the seam, and nothing else.
EXTENSION = {"model/guest_mode.py": "the seam: what the rest of the model and the core ask",
             "machine": "how a run ended, in words", "debug": "views of a VMCS, checks by name, fields to go back to"}


def beyond_the_seam(files, text=Path.read_text):
    """Return what imports the extension and is not of those above, nor the extension itself."""
    wrong = []
    for path in files:
        inside = path.relative_to(ROOT / "emu").as_posix()
        if not inside.startswith(("model/vmx/", *(f"{name}/" for name in EXTENSION))) and inside not in EXTENSION:
            wrong += [f"{inside} imports {module}" for module in _imports_of(text(path)) if f"{module}.".startswith("emu.model.vmx.")]
    return wrong


def test_only_the_seam_imports_the_virtualization_extension():
    files = sorted((ROOT / "emu").rglob("*.py"))
    assert beyond_the_seam(files) == []
    assert all((ROOT / "emu" / name).exists() for name in EXTENSION)


@pytest.mark.parametrize("where", ["model/route.py", "model/instructions/control.py", "core/fast.py", "board/board.py"])
@pytest.mark.parametrize("text", ["from emu.model.vmx.vmcs import fields", "from emu.model import vmx", "import emu.model.vmx.exit as exit",
                                  "def late():\n    from emu.model.vmx import exit"])
def test_import_past_the_seam_is_seen(where, text):
    assert len(beyond_the_seam([ROOT / "emu" / where], lambda path: text)) == 1


def not_of_the_seam(text, public):
    """Return the names that a source takes of emu.model.guest_mode and which are not in its `__all__`."""
    tree = ast.parse(text)
    seams, taken = {"emu.model.guest_mode"}, set()
    for node in ast.walk(tree):
        for alias in getattr(node, "names", ()) if isinstance(node, ast.Import | ast.ImportFrom) else ():
            if isinstance(node, ast.ImportFrom) and node.module == "emu.model.guest_mode":
                taken.add(alias.name)
            elif (f"{node.module}." if isinstance(node, ast.ImportFrom) else "") + alias.name == "emu.model.guest_mode":
                seams.add(alias.asname or alias.name)
    taken |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) in seams}
    return sorted(taken - {*public})


def test_the_seam_gives_what_it_lists():
    wrong = {path.name: not_of_the_seam(path.read_text(), guest_mode.__all__) for path in sorted((ROOT / "emu").rglob("*.py"))}
    assert {name: taken for name, taken in wrong.items() if taken} == {}


@pytest.mark.parametrize("text", ["from emu.model.guest_mode import fields", "from emu.model import guest_mode\nguest_mode.fields(c)",
                                  "import emu.model.guest_mode as g\ng.fields(c)",
                                  "import emu.model.guest_mode\nemu.model.guest_mode.fields(c)"])
def test_name_that_the_seam_does_not_list_is_seen(text):
    assert not_of_the_seam(text, ["check"]) == ["fields"] and not_of_the_seam(text.replace("fields", "check"), ["check"]) == []


@pytest.mark.parametrize("name, order", [("layers", LAYERS), *((name, ROOMS[name]) for name in ("model", "debug", "machine"))])
def test_page_on_rooms_has_the_order(name, order):
    """docs/design/rooms.md shows the lists of this file."""
    text = (ROOT / "docs" / "design" / "rooms.md").read_text()
    shown = re.search(rf"^    {name} +(.*(?:\n {{13}}.*)*)", text, re.MULTILINE)
    assert tuple(shown[1].replace("<", " ").split()) == order


# ---- imports that are made while the program runs ----------------------------------------------------------------------------
DYNAMIC = {"import_module", "__import__", "spec_from_file_location", "module_from_spec", "exec_module", "reload", "run_path", "run_module",
           "resolve_name", "find_spec", "find_loader", "load_module", "SourceFileLoader"}
PLACES = {"cli/group.py": "a command when it is used, one of COMMANDS", "cli/commands/bench.py": "files of perf/, not a package",
          "asm/__init__.py": "tables of emu.spec that an assembler source names",
          "core/build.py": "the compiled units, one after the other, with progress",
          "kernel_cache.py": "what compiles, where its installed version is not in a name",
          "manage/link.py": "a process of its own", "cli/commands/vm.py": "a process of its own",
          "spec/timing.py": "in the text of a table, where to look"}
MODULE = re.compile(r"emu(\.\w+)+(:\w+)?")


def dynamic(text):
    """Return the lines of a source that import by a name which is made up while the program runs, or have such a name in a text."""
    found, tree = set(), ast.parse(text)
    asked = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in node.comparators}    # "x" in sys.modules
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.modules" and id(node) not in asked or \
                isinstance(node, ast.ImportFrom) and node.module == "sys" and "modules" in {alias.name for alias in node.names} or \
                isinstance(node, ast.Name) and node.id in ("exec", "eval") or \
                isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE.fullmatch(node.value):
            found.add(node.lineno)
        names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else \
            [getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "value", None)]
        if any(isinstance(name, str) and name in DYNAMIC for name in names):
            found.add(node.lineno)
    return sorted(found)


def test_imports_by_a_made_up_name_stand_where_they_are_known():
    """No test of the order of imports sees them, nor does the key of compiled kernels."""
    found = {path.relative_to(ROOT / "emu").as_posix(): dynamic(path.read_text()) for path in sorted((ROOT / "emu").rglob("*.py"))}
    assert {name for name, lines in found.items() if lines} == set(PLACES)


@pytest.mark.parametrize("text", ["import importlib\nimportlib.import_module('emu.cli')", "from importlib import import_module as load",
                                  "__import__('emu.cli')", "import importlib\ngetattr(importlib, 'import_module')('emu.cli')",
                                  "import runpy\nrunpy.run_path('x.py')", "sys.modules['x'].f()", "sys.modules.get(x)",
                                  "from sys import modules", "pkgutil.resolve_name(x)", "exec('import emu')", "eval(x)",
                                  "find_spec(x).loader.load_module()", "x = 'emu.cli.group'", "x = 'emu.cli.group:start'"])
def test_import_by_a_made_up_name_is_seen(text):
    assert dynamic(text) and not dynamic("'numba' in sys.modules\n'see emu.cli'\nast.parse(x, mode='eval')")


# ---- where tests stand -------------------------------------------------------------------------------------------------------
def test_tests_stand_in_folders_of_what_they_test():
    beside = {"guests", "partitions", "hyperv", "foreign", "docs", "reference", "mutation"}
    found = {parts for parts in folders(ROOT / "tests") if parts[0] not in beside}
    rooms = {parts for parts in found if "/".join(parts) not in ("core/awkward", "debug/samples")}      # programs that tests run
    assert unplaced(rooms) == []


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
