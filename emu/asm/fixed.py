"""Encodings that the assembler makes itself, because keystone 0.9.2 has them wrong, ambiguous or not at all.

Rows give bytes by code size (16, 32, 64); a missing size is an error.  `SLASH` rows are (opcode, /digit):
one memory operand, without operand-size prefix.
"""


def _sizes(b16, b32, b64):
    return {size: bytes.fromhex(text) for size, text in ((16, b16), (32, b32), (64, b64)) if text}


FIXED = {
    #                 16       32       64
    "ret":     _sizes("c3",    "c3",    "c3"),
    "retf":    _sizes("cb",    "cb",    "cb"),
    "lret":    _sizes("cb",    "cb",    "cb"),
    "retfd":   _sizes("66cb",  "cb",    "cb"),
    "retfw":   _sizes("cb",    "66cb",  "66cb"),
    "retfq":   _sizes("",      "",      "48cb"),
    "iret":    _sizes("cf",    "cf",    ""),
    "iretw":   _sizes("cf",    "66cf",  "66cf"),
    "iretd":   _sizes("66cf",  "cf",    "cf"),
    "iretq":   _sizes("",      "",      "48cf"),
    "pushf":   _sizes("9c",    "9c",    "9c"),
    "popf":    _sizes("9d",    "9d",    "9d"),
    "pushfw":  _sizes("9c",    "669c",  "669c"),
    "popfw":   _sizes("9d",    "669d",  "669d"),
    "pushfd":  _sizes("669c",  "9c",    ""),
    "popfd":   _sizes("669d",  "9d",    ""),
    "pushfq":  _sizes("",      "",      "9c"),
    "popfq":   _sizes("",      "",      "9d"),
    "pusha":   _sizes("60",    "60",    ""),
    "popa":    _sizes("61",    "61",    ""),
    "pushad":  _sizes("6660",  "60",    ""),
    "popad":   _sizes("6661",  "61",    ""),
    "leave":   _sizes("c9",    "c9",    "c9"),
    "into":    _sizes("ce",    "ce",    "ce"),       # #UD in 64-bit mode
    "int1":    _sizes("f1",    "f1",    "f1"),
    "int3":    _sizes("cc",    "cc",    "cc"),
    "sysretd": _sizes("0f07",  "0f07",  "0f07"),
    "sysretq": _sizes("",      "",      "480f07"),
    "sysexitd": _sizes("0f35", "0f35",  "0f35"),
    "sysexitq": _sizes("",     "",      "480f35"),
    "sysexit": _sizes("0f35",  "0f35",  ""),
    "ud0":     _sizes("0fffc0", "0fffc0", "0fffc0"),
    "ud1":     _sizes("0fb9c0", "0fb9c0", "0fb9c0"),
    "rdpkru":  _sizes("0f01ee", "0f01ee", "0f01ee"),
    "wrpkru":  _sizes("0f01ef", "0f01ef", "0f01ef"),
    "serialize": _sizes("0f01e8", "0f01e8", "0f01e8"),
    "endbr64": _sizes("f30f1efa", "f30f1efa", "f30f1efa"),
    "nop":     _sizes("90",    "90",    "90"),
    "cbw":     _sizes("98",    "6698",  "6698"),
    "cwde":    _sizes("6698",  "98",    "98"),
    "cdqe":    _sizes("",      "",      "4898"),
    "cwd":     _sizes("99",    "6699",  "6699"),
    "cdq":     _sizes("6699",  "99",    "99"),
    "cqo":     _sizes("",      "",      "4899"),
    "movsd":   _sizes("66a5",  "a5",    "a5"),
    "cmpsd":   _sizes("66a7",  "a7",    "a7"),
    "push es": _sizes("06",    "06",    ""), "pop es": _sizes("07", "07", ""),
    "push cs": _sizes("0e",    "0e",    ""),
    "push ss": _sizes("16",    "16",    ""), "pop ss": _sizes("17", "17", ""),
    "push ds": _sizes("1e",    "1e",    ""), "pop ds": _sizes("1f", "1f", ""),
    "push fs": _sizes("0fa0",  "0fa0",  "0fa0"), "pop fs": _sizes("0fa1", "0fa1", "0fa1"),
    "push gs": _sizes("0fa8",  "0fa8",  "0fa8"), "pop gs": _sizes("0fa9", "0fa9", "0fa9"),
}
AMBIGUOUS = {
    "iret": "say iretq or iretd", "sysret": "say sysretq (to 64-bit code) or sysretd (to 32-bit code)",
    "sysexit": "say sysexitq (to 64-bit code) or sysexitd (to 32-bit code)",
}
SLASH = {
    "sgdt": (b"\x0f\x01", 0), "sidt": (b"\x0f\x01", 1), "lgdt": (b"\x0f\x01", 2), "lidt": (b"\x0f\x01", 3),
    "lgdtd": (b"\x0f\x01", 2), "lidtd": (b"\x0f\x01", 3),             # 16-bit code: the whole 32-bit base
    "nop": (b"\x0f\x1f", 0),
}
FAR_MEMORY = {"lcall": 3, "ljmp": 5}                                  # FF /digit; dword, fword or tbyte ptr
FAR_DIRECT = {"lcall": 0x9A, "ljmp": 0xEA}
CODES = (
    "o", "no", "b c nae", "ae nb nc", "e z", "ne nz", "be na", "a nbe", "s", "ns", "p pe", "np po", "l nge", "ge nl",
    "le ng", "g nle")
CONDITIONS = {name: code for code, names in enumerate(CODES) for name in names.split()}
CANONICAL = {name: names.split()[0] for names in CODES for name in names.split()}
SHORT_ONLY = {
    "loopne": 0xE0, "loopnz": 0xE0, "loope": 0xE1, "loopz": 0xE1, "loop": 0xE2, "jcxz": 0xE3, "jecxz": 0xE3,
    "jrcxz": 0xE3}
COUNTER_BITS = {"jcxz": 16, "jecxz": 32, "jrcxz": 64}
PREFIXES = {"lock": 0xF0, "rep": 0xF3, "repe": 0xF3, "repz": 0xF3, "repne": 0xF2, "repnz": 0xF2}
SAME_MNEMONIC = {
    "movabs": "mov", "sal": "shl", "xlat": "xlatb", "fwait": "wait", "lret": "retf", "int1": "icebp", "ud2a": "ud2"}
SIZES = {
    "byte": 8, "word": 16, "dword": 32, "fword": 48, "qword": 64, "tbyte": 80, "xword": 80, "xmmword": 128,
    "oword": 128, "ymmword": 256}


def _registers():
    table = {}
    for letter in "abcd":
        table.update({f"{letter}l": 8, f"{letter}h": 8, f"{letter}x": 16, f"e{letter}x": 32, f"r{letter}x": 64})
    for stem in ("si", "di", "bp", "sp"):
        table.update({f"{stem}l": 8, stem: 16, f"e{stem}": 32, f"r{stem}": 64})
    for number in range(8, 16):
        table.update({f"r{number}b": 8, f"r{number}w": 16, f"r{number}d": 32, f"r{number}": 64})
    for number in range(16):
        table.update({f"xmm{number}": 128, f"ymm{number}": 256, f"cr{number}": 64, f"dr{number}": 64})
    for number in range(8):
        table.update({f"mm{number}": 64, f"st({number})": 80})
    table.update({name: 16 for name in ("es", "cs", "ss", "ds", "fs", "gs")})
    return {**table, "st": 80, "rip": 64, "eip": 32}


REGISTERS = _registers()
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
