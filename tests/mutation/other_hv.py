"""Let the tests use another build of the hypervisor: `python -m pytest -p tests.mutation.other_hv --hv DIRECTORY`.

DIRECTORY holds a changed copy of hv/, as for `hvlab run --hv`.  The switch belongs to the tests: the product does not know it.
Tests that `FIRST` names run first, in its order: short programs that use much of the hypervisor, so that a wrong build fails soon.
"""
from pathlib import Path

import pytest

from emu.machine import partition

FIRST = ("test_partition_program_passes[synthetic_apic]", "test_partition_program_passes[smp]", "test_partition_program_passes[ports]",
         "test_partition_program_passes[stimer]", "test_partition_program_passes[device_memory]",
         "test_program_of_the_root_passes[lifecycle-1]", "test_program_of_the_root_passes[interrupts-1]",
         "test_program_of_the_root_passes[intercepts-2]", "test_program_of_the_root_passes[state_page-1]")


def use(directory):
    """Make `directory` the hypervisor's sources for this process; the other built-in images stay where they are."""
    sources = Path(directory).resolve()
    if not (sources / "build.list").is_file():
        raise pytest.UsageError(f"--hv {directory}: a folder of the hypervisor's sources has a build.list; this one has none")
    usual = partition.folder
    partition.folder = lambda name: sources if name == "hv" else usual(name)
    partition.assembled.cache_clear()


def pytest_addoption(parser):
    parser.addoption("--hv", metavar="DIRECTORY", help="sources of the hypervisor that the tests use")


def pytest_configure(config):
    if config.getoption("--hv"):
        use(config.getoption("--hv"))


def pytest_collection_modifyitems(items):
    place = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.name, len(FIRST)))
