"""The stubs' LLVM IR lies in files of its own: their parts, holes and words."""
from pathlib import Path

import pytest

from emu.core import template

CORE = Path(template.__file__).parent
UNITS = sorted(path.stem for path in template.FOLDER.glob("*.ll"))


def test_each_file_is_a_unit_with_parts():
    assert {"block", "far", "find", "intercept", "simd", "stores", "strict", "words", "x87"} == set(UNITS)
    assert all(template.parts(unit) for unit in UNITS)


@pytest.mark.parametrize("unit", UNITS)
def test_each_part_is_used(unit):
    code = "".join(path.read_text() for path in CORE.glob("*.py"))
    words = {"field", "place"}                             # named by what the text says
    assert [name for name in template.parts(unit) if f'"{name}"' not in code and name not in words] == []


def test_no_ir_in_python():
    assert [path.name for path in CORE.glob("*.py") if "\ndefine " in path.read_text()] == []


def test_filled():
    assert template.filled("define void @{name}() {\n}", name="f") == "define void @f() {\n}"
    assert template.filled('asm "r,~{memory}"') == 'asm "r,~{memory}"'
    with pytest.raises(KeyError):
        template.filled("ret i64 {value}")


def test_words():
    text = "  %x = field i32 %env 8\n  %y = place i8 %x.at 1\n  %ra = caller"
    assert template.expanded(text, {}).splitlines() == [
        "  %x.at = add i64 %env, 8", "  %x.p = inttoptr i64 %x.at to i32*", "  %x = load i32, i32* %x.p",
        "  %y.at = add i64 %x.at, 1", "  %y = inttoptr i64 %y.at to i8*",
        "  %ra.p = call i8* @llvm.returnaddress(i32 0)", "  %ra = ptrtoint i8* %ra.p to i64"]
