"""Every guest program has a header, assembles, and keeps the rules of tests/guests/README.md."""

import pytest

from emu.asm import assemble
from tests.guests import guests

ALL = guests.guests()


@pytest.mark.parametrize("guest", ALL, ids=[guest.name for guest in ALL])
def test_guest_assembles_at_one_mebibyte_and_fits(guest):
    image = guest.image()
    assert image.base == 0x100000 and image.end <= 0x180000 and image.entry == image.labels["start"]


def test_guest_checks_are_found_by_number():
    guest = guests.parse(guests.FOLDER / "divide_error.s")
    assert guest.check(1).startswith("tests/guests/divide_error.s:") or guest.check(1).endswith("divide_error.s:8")


@pytest.mark.parametrize(
    "text, message",
    [
        ("nop", "x.s: the first line must be '# Expect: RESULT[; key=value]. Claim.', not 'nop'"),
        ("# Expect: pass; colour=1. Text", "x.s: unknown key colour; processors, memory, cycles, gap are known"),
        ("# Expect: happiness. Text", "x.s: 'happiness' is neither pass nor a row of STOP"),
    ],
)
def test_header_errors(tmp_path, text, message):
    (tmp_path / "x.s").write_text(text)
    with pytest.raises(ValueError) as caught:
        guests.parse(tmp_path / "x.s")
    assert str(caught.value) == message


def test_boot_rom_ends_at_4_gib_and_starts_with_a_jump():
    rom = assemble(guests.BOOT)
    assert rom.base == 0xFFFE0000 and len(rom.code) == 128 << 10 and rom.code[0x1FFF0] == 0xE9
