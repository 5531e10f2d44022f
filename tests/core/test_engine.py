"""Engines: how they go."""
import gc
import time

import pytest
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc

from emu.core import context, engine
from emu.errors import EngineError
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


def test_count_of_blocks_is_where_an_engine_counts_them():
    """Words that are 0 in a fresh engine lie there in plenty: the one that counts is found by running code."""
    began = time.process_time()
    assert context._counts_thrown.__wrapped__(context.TCG_THROWN)
    assert time.process_time() - began < 0.1
    assert not any(context._counts_thrown.__wrapped__(where) for where in range(0, 400, 8) if where != context.TCG_THROWN)


def test_engine_that_counts_blocks_elsewhere_is_refused(monkeypatch):
    def verified():
        uc = Uc(UC_ARCH_X86, UC_MODE_64)
        uc.ctl_set_tcg_buffer_size(context.TCG_BUFFER_BYTES)
        uc.mem_map(0, 0x1000)                              # it is made by the first use
        return context.verify(uc)

    assert verified()
    monkeypatch.setattr(context, "TCG_THROWN", context.TCG_THROWN + 8)
    with pytest.raises(EngineError, match="does not count the blocks"):
        verified()
