"""Names that docs/ shows stay, whatever room holds what they name."""
import importlib
import subprocess
import sys

import pytest

NAMES = {
    "emu.machine": ("Config", "Machine", "Processor", "Result"),
    "emu.lab": ("Lab",), "emu.debug.session": ("Session",), "emu.debug.history": ("History",),
    "emu.debug.snapshot": ("restore", "take"), "emu.debug.stop": ("run_to_exit", "run_to_launch"), "emu.debug.vmcs": ("Vmcs", "check"),
}


@pytest.mark.parametrize("module, name", [(module, name) for module, names in NAMES.items() for name in names])
def test_documented_name_is_there(module, name):
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("name", ["DIRTY", "FOREVER", "MEMORY_LIMIT", "PAUSE_CYCLES", "ROM_BASE", "ROM_BYTES"])
def test_numbers_of_a_machine_are_there(name):
    assert int(getattr(importlib.import_module("emu.machine"), name)) > 0


def test_a_package_lists_what_it_gives():
    module = importlib.import_module("emu.machine")
    assert all(hasattr(module, name) for name in module.__all__) and {*NAMES["emu.machine"]} < {*module.__all__}


@pytest.mark.parametrize("module", NAMES)
def test_other_names_are_refused_as_by_any_module(module):
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
        _ = importlib.import_module(module).nothing


def test_words_for_the_end_of_a_run_do_not_load_the_machine():
    code = "import sys, emu.machine.result; print('emu.machine.machine' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
