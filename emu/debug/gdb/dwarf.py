"""The line table of an assembled program as DWARF, so that gdb shows its source.

Source: DWARF Debugging Information Format, version 2, sections 6.2 "Line Number Information" and 7.5 "Format of Debugging Information"
"""
import struct

TAG_COMPILE_UNIT, LANGUAGE_ASSEMBLER = 0x11, 0x8001
AT_NAME, AT_STMT_LIST, AT_LOW_PC, AT_HIGH_PC, AT_LANGUAGE, AT_COMP_DIR = 0x03, 0x10, 0x11, 0x12, 0x13, 0x1B
FORM_ADDR, FORM_DATA2, FORM_DATA4, FORM_STRING = 0x01, 0x05, 0x06, 0x08
COPY, ADVANCE_PC, ADVANCE_LINE, SET_FILE = 1, 2, 3, 4
END_SEQUENCE, SET_ADDRESS = 1, 2
OPERANDS = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1])              # of the standard opcodes 1 to 9


def uleb(number):
    """Return an unsigned LEB128 number."""
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        out.append(byte | 0x80 * bool(number))
        if not number:
            return bytes(out)


def sleb(number):
    """Return a signed LEB128 number."""
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        done = number == (-1 if byte & 0x40 else 0)
        out.append(byte | 0x80 * (not done))
        if done:
            return bytes(out)


def _program(lines, numbers):
    """Return the line-number program of [(address, bytes, file, line, source)]; numbers: of files."""
    out, at, file, line = bytearray(b"\0" + uleb(9) + bytes([SET_ADDRESS]) + struct.pack("<Q", lines[0][0])), lines[0][0], 1, 1
    for address, _, name, number, _ in lines:
        if numbers[name] != file:
            file = numbers[name]
            out += bytes([SET_FILE]) + uleb(file)
        out += bytes([ADVANCE_LINE]) + sleb(number - line) + bytes([ADVANCE_PC]) + uleb(address - at) + bytes([COPY])
        at, line = address, number
    return bytes(out) + bytes([ADVANCE_PC]) + uleb(len(lines[-1][1])) + b"\0" + uleb(1) + bytes([END_SEQUENCE])


def sections(lines, files):
    """Return {section name: bytes} for a line table; files: {name in the table: absolute path}."""
    lines = sorted(lines, key=lambda row: row[0])
    names = list(dict.fromkeys(row[2] for row in lines))
    numbers = {name: n for n, name in enumerate(names, 1)}
    table = b"\0" + b"".join(str(files.get(name, name)).encode() + b"\0" + uleb(0) * 3 for name in names) + b"\0"
    head = struct.pack("<BBbBB", 1, 1, -5, 14, 10) + OPERANDS + table
    body = struct.pack("<HI", 2, len(head)) + head + _program(lines, numbers)
    forms = ((AT_NAME, FORM_STRING), (AT_COMP_DIR, FORM_STRING), (AT_STMT_LIST, FORM_DATA4), (AT_LOW_PC, FORM_ADDR),
             (AT_HIGH_PC, FORM_ADDR), (AT_LANGUAGE, FORM_DATA2))
    abbreviation = uleb(1) + uleb(TAG_COMPILE_UNIT) + b"\0" + b"".join(uleb(a) + uleb(f) for a, f in forms) + b"\0\0\0"
    unit = uleb(1) + str(files.get(names[0], names[0])).encode() + b"\0/\0" + struct.pack(
        "<IQQH", 0, lines[0][0], lines[-1][0] + len(lines[-1][1]), LANGUAGE_ASSEMBLER)
    info = struct.pack("<HIB", 2, 0, 8) + unit
    return {".debug_line": struct.pack("<I", len(body)) + body, ".debug_info": struct.pack("<I", len(info)) + info,
            ".debug_abbrev": abbreviation}
