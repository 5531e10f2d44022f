"""Access to the VMCS by encoding and by name."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.vmx import vmcs
from emu.spec.profile import ABSENT
from emu.spec.vmcs import FIELD, VMCS

U64 = np.uint64
BOTH = pytest.mark.parametrize("index_of", [vmcs.index_of, vmcs.index_of.py_func], ids=["compiled", "python"])


def reference(encoding):
    """Return the name that VMREAD of this encoding reaches, or None."""
    names = {int(number): name for name, number in zip(VMCS._fields, VMCS, strict=True) if name not in ABSENT}
    if encoding & 1 and encoding >> 13 == 1:
        encoding -= 1
    return names.get(encoding)


@BOTH
@settings(deadline=None, derandomize=True, max_examples=300)
@given(encoding=st.one_of(st.integers(0, 0x7FFF), st.integers(0, 2**64 - 1),
                          st.sampled_from([int(n) for n in VMCS]).flatmap(
                              lambda n: st.sampled_from([n, n + 1, n | 1 << 32]))))
def test_index_of_agrees_with_reference(index_of, encoding):
    name = reference(encoding)
    assert int(index_of(U64(encoding))) == (0 if name is None else int(getattr(FIELD, name)))


def test_index_of_covers_all_15_bit_encodings():
    found = sum(vmcs.index_of(U64(encoding)) != 0 for encoding in range(1 << 15))
    quads = sum(int(number) >> 13 == 1 for name, number in zip(VMCS._fields, VMCS, strict=True) if name not in ABSENT)
    assert found == len(VMCS) - len(ABSENT) + quads


@pytest.mark.parametrize("write", [vmcs.write, vmcs.write.py_func], ids=["compiled", "python"])
def test_write_drops_excess_bits_and_reaches_the_high_half(write):
    v = np.zeros(512, np.uint64)
    write(v, FIELD.GUEST_CS_SELECTOR, VMCS.GUEST_CS_SELECTOR, U64(0xABCD_1234_5678))
    write(v, FIELD.GUEST_CS_LIMIT, VMCS.GUEST_CS_LIMIT, U64(0xABCD_1234_5678))
    write(v, FIELD.EPT_POINTER, VMCS.EPT_POINTER, U64(0x1111_2222_3333_4444))
    write(v, FIELD.EPT_POINTER, VMCS.EPT_POINTER + U64(1), U64(0x9999_5555_6666))
    assert [hex(v[w]) for w in (FIELD.GUEST_CS_SELECTOR, FIELD.GUEST_CS_LIMIT, FIELD.EPT_POINTER)] == [
        "0x5678", "0x12345678", "0x5555666633334444"]
    assert vmcs.read(v, FIELD.EPT_POINTER, VMCS.EPT_POINTER + U64(1)) == 0x55556666
    assert vmcs.read(v, FIELD.EPT_POINTER, VMCS.EPT_POINTER) == 0x5555666633334444


def test_only_exit_information_is_read_only():
    assert vmcs.read_only(FIELD.EXIT_REASON) and vmcs.read_only(FIELD.GUEST_LINEAR_ADDRESS)
    assert not vmcs.read_only(FIELD.GUEST_RIP) and not vmcs.read_only(FIELD.EPT_POINTER)


def test_view_shares_memory_and_refuses_what_does_not_fit():
    region = np.zeros(512, np.uint64)
    view = vmcs.View(region)
    view.guest_rip = 0x1000
    assert region[FIELD.GUEST_RIP] == 0x1000 and view["GUEST_RIP"] == 0x1000
    with pytest.raises(ValueError, match=r"^GUEST_CS_SELECTOR has 16 bits, 0x10000 does not fit$"):
        view.guest_cs_selector = 0x10000
    with pytest.raises(AttributeError, match=r"^the VMCS has no field GUEST_NOTHING$"):
        assert view.guest_nothing


def test_view_lists_by_group_with_decoded_values():
    view = vmcs.View(np.zeros(512, np.uint64))
    view.exit_reason, view.guest_activity, view.primary_controls = 0x8000_0021, 1, 1 << 7 | 1 << 31
    listing = dict(view.listing())
    assert list(listing) == ["control", "information", "guest", "host"]
    rows = {row[0]: row[1:] for group in listing.values() for row in group}
    assert rows["EXIT_REASON"] == (0x4402, 32, 0x8000_0021, "ENTRY_GUEST_STATE, VM-entry failure")
    assert rows["GUEST_ACTIVITY"][3] == "HLT" and rows["PRIMARY_CONTROLS"][3] == "HLT SECONDARY"
    assert "PML_INDEX" not in rows and len(rows) == len(VMCS) - len(ABSENT)
