"""Engines: how they go."""
import gc

import pytest
from unicorn import Uc

from emu.core import engine
from emu.machine import Config, Machine


@pytest.mark.parametrize("cycle", (False, True))
def test_engine_is_a_foreign_one_before_it_is_freed(cycle, monkeypatch):
    """When it is freed it drops its blocks, and our stubs must not look for the processor, whose record may have gone."""
    order, disown, release = [], engine._disown, Uc.release_handle

    def first(address):
        order.append("disowned")
        disown(address)

    def then(handle):
        order.append("freed")
        release(handle)

    monkeypatch.setattr(engine, "_disown", first)
    monkeypatch.setattr(Uc, "release_handle", staticmethod(then))
    gc.collect()
    machine = Machine(Config(memory_bytes=2 << 20))
    order.clear()
    if cycle:
        machine.itself = machine
    del machine
    gc.collect()
    assert order == ["disowned", "freed"] * 2 or order == ["disowned"] * 2 + ["freed"] * 2
