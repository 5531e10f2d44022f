"""The host's view of records: Python numbers, read only."""
import numpy as np
import pytest

from emu.machine.host import host
from emu.state import CPU


def test_fields_are_python_numbers_and_arrays_lists():
    cpus = np.zeros(1, CPU)
    c = host(cpus[0])
    cpus[0].cycles, cpus[0].pdpte[2] = 5, 7
    assert type(c.cycles) is int and c.cycles == 5 and f"{c.cycles - 8:,}" == "-3"
    assert c.pdpte == [0, 0, 7, 0] and type(c.pdpte[2]) is int
    cpus[0].cycles = (1 << 64) - 1
    assert c.cycles + 1 == 1 << 64 and c.record is not cpus


def test_it_reads_only():
    c = host(np.zeros(1, CPU)[0])
    with pytest.raises(AttributeError, match="cycles is written in the record"):
        c.cycles = 1
    with pytest.raises(AttributeError):
        assert c.no_such_field
