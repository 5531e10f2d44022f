r"""Assemble `.s` files in Intel syntax: several files as one unit, constants from the tables, exact line tables.

    from emu.asm import assemble, listing
    image = assemble("hv")                     # a folder with build.list, one .s file, or a list of files
    image.code, image.base                     # bytes, address of the first
    image.symbols["vmexit"]                    # labels and constants of the files
    image.lines                                # (address, bytes, file, line, source) for each statement
    image.where(address), image.name(address)  # ("hv/exits/vmexit.s", 12, "vmread rax, rcx"), "vmexit+0x10"
    print(listing(image))

`build.list` names the files of an image in order, one a line, `#` comments; labels are shared by all of them.

Syntax: one statement a line; `#`, `;` and `//` begin a comment, except in quotes; `label:` may precede a statement.
Instructions in Intel syntax without `%`.  64-bit code is the default.

    .use vmx, cpu, apic          constants of emu.spec modules: row NAME of table TABLE is TABLE_NAME (VMCS_GUEST_RIP,
                                 REASON_CPUID, CR0_PE); a layout's field is its mask: put(INTR_TYPE, EVENT_HARD) places
                                 a value, get(x, MASK) takes it, shift(MASK) is its lowest bit, lo32(x) hi32(x) halves.
                                 Upper-case integers of the module come too.  Tables' rows cannot be redefined.
    .include "file.s"            beside the including file, then in the image's folder.  .incbin "file" for bytes.
    .equ NAME, value             NAME = value and .set NAME, value may change it later; .equ may not
    .macro NAME a, b=1 ... .endm \a and \b are replaced, \@ is a number of this call, \() separates
                                 (an argument in double quotes loses them: it may hold commas)
    .rept n ... .endr            \+ is the round from 0
    .if e / .elseif e / .else / .endif; .ifdef NAME, .ifndef NAME, .ifb text, .ifnb text: e may not use labels
    .record FRAME                offsets: FRAME_RAX = 0, FRAME_RBX = 8, FRAME_X = 16, FRAME_SIZE
      .field RAX, 8              .field NAME, bytes[, alignment]; `.record NAME, start` begins elsewhere
      .field RBX, 8
    .endrecord
    .org address[, fill]         an absolute address; the first one of an image sets its base
    .align n[, fill]             n bytes, a power of two; filled with NOPs unless `fill` is given
    .byte .word .long .quad .octa .ascii .asciz .space n[, fill] .zero n .fill count[, size[, value]]
    .code16 .code32 .code64      .assert e, "text" and .error "text" stop the assembly

Labels: `name:` everywhere; `.name:` belongs to the last plain label; `1:` is reached by `1b` and `1f`.
`.` is the address of the statement.  Registers and size words cannot be symbols.
Memory: `[rip + name]` or `[rel name]` reaches a label relative to RIP (`[rip + 8]`, without a name, is 8 bytes after
the instruction); `[name]` and `gs:[8]` are absolute, in 64-bit code a signed 32-bit address (any for mov with
al/ax/eax/rax).  Other expressions in brackets want parentheses: `[rbx + (A|B)]`.
Immediates: `mov rdi, name` is the address.  What does not fit in its place is an error, never cut off: 64-bit AND, CMP,
ADD ... take a signed 32-bit value.
Branches pick the short form by themselves; `jmp short x` and `jmp near x` insist.  Far: `ljmp SELECTOR, offset` and
`lcall` in 16- and 32-bit code (`ljmp 8, dword x` in 16-bit code for a 32-bit offset), `ljmp fword ptr [m]` (m16:32;
dword m16:16, tbyte m16:64), `retf`, `retfq`.  In 64-bit code say iretq, sysretq or sysretd, sysexitq or sysexitd.
`int3` is CC and `int 3` is CD 03.  `lgdtd`/`lidtd` load a 32-bit base in 16-bit code.  `push word 5` and `push dword 5`
choose a size.
An instruction that the assembler does not know is written with .byte.

Warnings (`image.warnings`, `assemble(path, werror=True)`, `hvlab asm --warn`; emu.asm.warn): a numeric jump across a named label,
"numeric jump across a named label: 1b is line 101, beyond vp_takes_events"; and a called routine without a contract, a comment over
its label such as

    # pool_take - A cleared page.  Entry: rbp = partition.  Exit: rax; carry set when there is none.  Changes rcx.

The words Entry, Exit, and Changes or Keeps must stand in it ("Entry: nothing" will do, and "Exit: never" instead of the last), and
there or at the head of the file Source, with the manual's section.  What Exit names is changed, too.  A routine is called by a CALL
with its name; by a jump of another file to it, unless that file is included by its own; or when its address is taken (.quad, .long,
LEA, an immediate) in a source that calls or jumps through a register or memory.  Routines of a table may refer to the contract over
its label: "Entry, Exit, Keeps: as a handler of exits".

An undefined symbol, a truncated value or an encoding that disassembles to something else is an AssemblyError that names
file, line, symbol and source text.  Results are remembered in the cache folder, keyed by all texts that went in.
"""

import hashlib
import importlib
import json
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from emu import bits
from emu.asm import warn
from emu.asm.layout import Layout
from emu.asm.source import Source
from emu.errors import AssemblyError, ConfigError
from emu.files import heed, text, write
from emu.kernel_cache import PACKAGE, cache_root

LIST_LIMIT = 1 << 20  # bytes of a build.list
WARNINGS_SHOWN = 20  # of those that are an error
__all__ = ["Assembly", "AssemblyError", "assemble", "listing", "table_symbols"]


@dataclass(frozen=True)
class Assembly:
    """An assembled image.

    code: bytes; base: address of the first; symbols: name -> value of labels and constants; labels: the labels alone;
    lines: [(address, bytes, file, line, source)] in address order; files: {absolute path: sha256} of all that went in;
    warnings: ["file:line: warning: ..."], see emu.asm.warn.
    """

    code: bytes
    base: int
    symbols: dict
    labels: dict
    lines: list
    files: dict = field(repr=False)
    warnings: list = field(default_factory=list)

    @property
    def end(self):
        """Address after the last byte."""
        return self.base + len(self.code)

    @property
    def entry(self):
        """Address of `_start` or `start`, or else the base."""
        return self.labels.get("_start", self.labels.get("start", self.base))

    def where(self, address):
        """Return (file, line, source) of the statement at an address, or None."""
        at = bisect_right(self._starts, address) - 1
        if at < 0 or address >= self.lines[at][0] + len(self.lines[at][1]):
            return None
        return self.lines[at][2:]

    def name(self, address):
        """Return `label+0x10` for an address inside the image, or its number."""
        if not self.base <= address <= self.end:
            return f"{address:#x}"
        at = bisect_right(self._sorted_addresses, address) - 1
        if at < 0:
            return f"{address:#x}"
        start, label = self._sorted[at]
        return label if start == address else f"{label}+{address - start:#x}"

    def __post_init__(self):
        inside = sorted((value, label) for label, value in self.labels.items() if "." not in label)
        object.__setattr__(self, "_starts", [line[0] for line in self.lines])
        object.__setattr__(self, "_sorted", inside)
        object.__setattr__(self, "_sorted_addresses", [value for value, _ in inside])


@cache
def table_symbols(module):
    """Return the assembler symbols of an emu.spec module: tables' rows and upper-case integers.

    Raises AssemblyError when there is no such module, or a name means two things.
    """
    try:
        loaded = importlib.import_module(f"emu.spec.{module}")
    except ModuleNotFoundError:
        raise AssemblyError(f"there is no module emu.spec.{module}") from None
    found = {}
    for name, item in vars(loaded).items():
        if isinstance(item, tuple) and id(item) in bits._DETAILS:
            new = bits.symbols(item)
        elif name.isupper() and isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            new = {name: int(item)}
        else:
            continue
        for key, value in new.items():
            if found.setdefault(key, value) != value:
                raise AssemblyError(f"{key} means {found[key]:#x} and {value:#x} in emu.spec.{module}")
    return found


def _paths(path):
    """Return (files, folder) of an image: one file, a list of files, or a folder with build.list."""
    if isinstance(path, (list, tuple)):
        files = [Path(item) for item in path]
        if not files:
            raise AssemblyError("an image needs at least one file")
        return files, files[0].parent
    path = Path(path)
    if path.is_dir():
        path = path / "build.list"
    if path.name.endswith(".list"):
        names = [line.split("#")[0].strip() for line in text(path, LIST_LIMIT, AssemblyError).splitlines()]
        files = [path.parent / name for name in names if name]
        if not files:
            raise AssemblyError(f"{path} names no file")
        return files, path.parent
    return [path], path.parent


def assemble(path, symbols=None, base=None, cache=True, werror=False):
    """Assemble an image and return its Assembly.

    path: a .s file, a folder with build.list, a .list file, or a list of .s files assembled as one unit;
    symbols: further constants, name -> integer; base: address of the first byte (an .org in the source may set it);
    werror: a warning is an error.  Raises AssemblyError with file, line, symbol and source text.
    """
    files, folder = _paths(path)
    place = _cache_file(files, symbols, base) if cache else None
    result = place and _load(place)
    if not result:
        result = _assembled(files, folder, symbols, base)
        if place:
            _save(place, result)
    if werror and result.warnings:
        total = f" ({len(result.warnings)} in all)" if len(result.warnings) > WARNINGS_SHOWN else ""
        raise AssemblyError("\n".join([*result.warnings[:WARNINGS_SHOWN], f"warnings are errors here{total}"]))
    return result


def _read(files, folder, symbols):
    """Return (Source, symbols known to it) of files."""
    given = dict(symbols or {})

    def use(module, statement):
        found = table_symbols(module)
        for key, value in found.items():
            if given.get(key, value) != value:
                raise statement.error(f"{key} of emu.spec.{module} is {value:#x}, but {given[key]:#x} elsewhere")
        given.update(found)
        return found

    source = Source(given, use, folder)
    for file in files:
        source.read(file)
    if not source.statements:
        raise AssemblyError(f"{source.name_of(files[0])} holds no statement")
    return source, given


def _assembled(files, folder, symbols, base):
    """Return the Assembly of files, without a look into the cache."""
    source, given = _read(files, folder, symbols)
    layout = Layout(source.statements, given, base)
    layout.run()
    names = {name: hashlib.sha256(data).hexdigest() for name, data in source.files.items()}
    warnings = warn.find(source.statements, source.texts)
    return Assembly(bytes(layout.code), layout.base, layout.symbols, layout.labels, layout.lines, names, warnings)


def listing(assembly, symbols=False):
    """Return the image as text: address, bytes, file:line where it changes, source; symbols at the end on request."""
    out, last, labels = [], None, {}
    width = 16 if assembly.end > 1 << 32 else 8
    for label, address in assembly.labels.items():
        labels.setdefault(address, []).append(label)
    for address, data, file, line, source in assembly.lines:
        if file != last:
            out.append(f"{'':{width}}  {'':24}  {file}")
            last = file
        for label in labels.pop(address, []):
            if not source.startswith((label + ":", "." + label.rpartition(".")[2] + ":")):
                out.append(f"{address:0{width}x}  {'':24}        {label}:")
        rows = [data[at : at + 8].hex(" ") for at in range(0, min(len(data), 32), 8)]
        rows[-1] += " ..." if len(data) > 32 else ""
        out.append(f"{address:0{width}x}  {rows[0]:24} {line:5}  {source}".rstrip())
        out += [f"{address + 8 * number:0{width}x}  {row}" for number, row in enumerate(rows[1:], 1)]
    if symbols:
        out += [
            "",
            *(
                f"{value:0{width}x}  {name}"
                for name, value in sorted(assembly.labels.items(), key=lambda item: (item[1], item[0]))
            ),
        ]
    return "\n".join(out)


# ---- results remembered between runs ----------------------------------------------------------------------


@cache
def _tables_hash():
    digest = hashlib.sha256()
    for path in sorted([*(PACKAGE / "asm").glob("*.py"), *(PACKAGE / "spec").glob("*.py"), PACKAGE / "bits.py"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _cache_file(files, symbols, base):
    key = json.dumps(
        [
            _tables_hash(),
            [str(file.resolve()) for file in files],
            sorted((symbols or {}).items()),
            base,
            str(Path.cwd()),
        ]
    )
    return cache_root() / "asm" / (hashlib.sha256(key.encode()).hexdigest()[:32] + ".json")


def _load(place):
    try:
        kept = json.loads(place.read_bytes())
        for name, digest in kept["files"].items():
            heed(name, Path(name).stat())
            if hashlib.sha256(Path(name).read_bytes()).hexdigest() != digest:
                return None
        lines = [(address, bytes.fromhex(data), *rest) for address, data, *rest in kept["lines"]]
        return Assembly(
            bytes.fromhex(kept["code"]), kept["base"], kept["symbols"], kept["labels"], lines, kept["files"], kept["warnings"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _save(place, result):
    kept = dict(
        code=result.code.hex(),
        base=result.base,
        symbols=result.symbols,
        labels=result.labels,
        files=result.files,
        lines=[(address, data.hex(), *rest) for address, data, *rest in result.lines],
        warnings=result.warnings,
    )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write(place, [json.dumps(kept).encode()])
    except (OSError, ConfigError):  # a read-only home: the next run assembles again
        pass
