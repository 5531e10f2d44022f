"""The decoder against capstone on every byte string of our own images: firmware, hypervisor, guests."""
from pathlib import Path

import pytest

from emu.asm import assemble
from tests.model.processor.decode_corpus import compare

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ["firmware/boot", "hv"]
GUESTS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/guests").glob("*.s") if not path.stem.endswith("lib"))


def _disagreements(name, step):
    code = assemble(ROOT / name).code
    found = []
    for mode in (16, 32, 64):
        for at in range(0, len(code), step):
            differing = compare(code[at:at + 15], mode)
            if differing:
                found.append(f"{name}+{at:#x} mode {mode}: {differing}")
    return found


@pytest.mark.parametrize("name", IMAGES)
def test_decoder_agrees_on_a_sample_of_the_images(name):
    assert not _disagreements(name, 97)


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGES)
def test_decoder_agrees_on_every_byte_string_of_the_images(name):
    assert not _disagreements(name, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", GUESTS)
def test_decoder_agrees_on_the_guest_programs(name):
    assert not _disagreements(name, 11)
