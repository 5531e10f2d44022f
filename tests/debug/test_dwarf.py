"""Source lines: of ELF files by their DWARF, and our assembler's as DWARF for gdb."""
import io
import shutil
import subprocess

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from emu.asm import assemble
from emu.debug.gdb import dwarf
from emu.debug.gdb.files import symbol_file
from emu.errors import ImageError
from emu.image import of_assembly
from emu.image.debuginfo import from_elf
from tests.guests.guests import FOLDER

PROGRAM = """
int twice(int x) { return 2 * x; }

void _start(void)
{
    int sum = twice(4);
    __asm__ volatile("outl %0, $0xf4" : : "a"(sum - 8));
    for (;;) ;
}
"""


def state_of(data):
    """Return [(address, file, line)] of a file's line tables, by pyelftools."""
    info, found = ELFFile(io.BytesIO(data)).get_dwarf_info(), []
    for unit in info.iter_CUs():
        program = info.line_program_for_CU(unit)
        names = [entry.name.decode() for entry in program.header.file_entry]
        found += [(e.state.address, names[e.state.file - 1], e.state.line) for e in program.get_entries()
                  if e.state is not None and not e.state.end_sequence]
    return found


def test_our_table_is_read_back():
    image = of_assembly(assemble(FOLDER / "ept_violation.s"), 16 << 20)
    symbols = image.symbols
    data = symbol_file(0x100000, bytes(0x6000), symbols.addresses, symbols.lines, symbols.files)
    assert state_of(data) == [(address, symbols.files[name], line) for address, _, name, line, _ in symbols.lines]
    assert all(path.startswith("/") for path in symbols.files.values())
    found = from_elf("x.elf", data)
    assert found.where(symbols.address("test"))[1:] == symbols.where(symbols.address("test"))[1:2] + (
        next(line for line in (FOLDER / "ept_violation.s").read_text().splitlines() if line.startswith("test:")),)


@given(st.integers(-2**40, 2**40))
def test_numbers_of_dwarf(number):
    from elftools.common.utils import struct_parse
    from elftools.dwarf.structs import DWARFStructs

    structs = DWARFStructs(little_endian=True, dwarf_format=32, address_size=8)
    assert struct_parse(structs.Dwarf_sleb128(""), io.BytesIO(dwarf.sleb(number))) == number
    assert struct_parse(structs.Dwarf_uleb128(""), io.BytesIO(dwarf.uleb(abs(number)))) == abs(number)


@pytest.mark.parametrize("version", [2, 4, 5])
def test_lines_of_a_compiler(tmp_path, version):
    source = tmp_path / "program.c"
    source.write_text(PROGRAM)
    compiler = shutil.which("gcc")
    assert compiler, "the tests need gcc"
    subprocess.run([compiler, f"-gdwarf-{version}", "-O0", "-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie",
                    "-Wl,-Ttext=0x200000", "-Wl,--build-id=none", source.name, "-o", "program.elf"], cwd=tmp_path, check=True)
    data = (tmp_path / "program.elf").read_bytes()
    symbols = from_elf("program.elf", data)
    file, line, text = symbols.where(symbols.address("_start"))
    assert (file, line, text) == (str(source), 5, "{") and symbols.where(0x10) is None
    assert symbols.where(symbols.address("twice"))[2].startswith("int twice")
    source.unlink()


def test_damaged_line_table_is_said(tmp_path):
    image = of_assembly(assemble(FOLDER / "ept_violation.s"), 16 << 20)
    symbols = image.symbols
    data = bytearray(symbol_file(0x100000, b"", symbols.addresses, symbols.lines, symbols.files))
    section = ELFFile(io.BytesIO(bytes(data))).get_section_by_name(".debug_info")
    data[section["sh_offset"] + 4:section["sh_offset"] + 6] = b"\xff\x7f"
    with pytest.raises(ImageError, match=r"x\.elf: damaged"):
        from_elf("x.elf", bytes(data))
