"""Write docs/tlfs.md: what of the Hyper-V interface the hypervisor offers, from the tables of emu/spec and hv/ and the tests that use them.

    python docs/tlfs.py
"""
import re
from pathlib import Path

from emu.bits import details
from emu.spec.hypercall import HYPERCALL, OFFERED
from emu.spec.tlfs import HVCALL, HVLEAF, HVMSR, PRIVILEGE, PRIVILEGE_NAMES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tlfs.md"
TESTS = [path for name in ("hyperv", "partitions") for path in sorted((ROOT / "tests" / name).glob("*.s"))]
# What no partition is ever given, by words of the call's name; every other call that is not offered may come.
REFUSED = {"Vtl": "no virtual trust levels", "VpVtl": "no virtual trust levels", "DisableHypervisor": "the hypervisor stays",
           "CollectLivedump": "the debugger of the machine sees everything", "Debug": "the debugger of the machine sees everything"}
HEAD = """# The hypervisor's interface

What the hypervisor of `hv/` offers of the Hypervisor Top Level Functional Specification, made by `docs/tlfs.py` from the tables that the
hypervisor is assembled with. Behaviour and limits: [hv/README.md](../hv/README.md). A call that is not offered has status 0x0002, an MSR
that is not offered #GP(0); so has one whose privilege the partition lacks: status 0x0006, #GP(0). A call is about a partition: "parent" is
that one's, "itself" that one; the names are of privileges that the caller must have, after "with" only where it calls about itself.

Each call, MSR and leaf is asked by the root, by a child with every privilege and by one with almost none, and each documented failure is
provoked, from the table of `tests/hyperv/conformance/rows.py`; the column of tests names programs that use it besides.
"""


def hv(name):
    """Return the text of a file of the hypervisor."""
    return (ROOT / "hv" / name).read_text()


def users(symbol):
    """Return the test programs that name a symbol."""
    word = re.compile(rf"\b(HV(CALL|MSR|LEAF)_)?{symbol}\b")
    return ", ".join(dict.fromkeys(path.stem for path in TESTS if word.search(path.read_text())))


def privileges():
    """Return {(first MSR, last MSR): its privilege, or "any"} of the hypervisor's rows."""
    text = hv("exits/synthetic_rows.s")
    rows = dict(re.findall(r"^(syn_\w+): +SYNROW (?:PRIVILEGE_)?(\w+),", text, re.MULTILINE))
    found = re.findall(r"SYNAT +(\w+), (\w+), (syn_\w+)", text)
    return {(first, last): PRIVILEGE_NAMES.get(rows[row], rows[row].lower()) for first, last, row in found}


def calls():
    """Yield the lines about hypercalls."""
    names = {int(number): name for name, (number, _) in details(HVCALL).rows.items()}
    yield from ("", "## Hypercalls", "", "| code | call | who may call | state | tests |", "|---|---|---|---|---|")
    for code, (name, _, who) in HYPERCALL.items():
        if code in OFFERED:
            yield f"| {code:#06x} | {name} | {who} | implemented | {users(names[code])} |"
            continue
        reason = next((text for word, text in REFUSED.items() if word in name), "")
        yield f"| {code:#06x} | {name} | {who} | {'refused: ' + reason if reason else 'not yet'} | |"


def msrs():
    """Yield the lines about synthetic MSRs."""
    numbers = {name: (int(number), text) for name, (number, text) in details(HVMSR).rows.items()}
    yield from ("", "## Synthetic MSRs", "", "| MSR | name | what | privilege | tests |", "|---|---|---|---|---|")
    for (first, last), privilege in privileges().items():
        number, text = numbers[first]
        where = f"{number:#x}" + (f"..{numbers[last][0] & 0xFFF:x}" if last != first else "")
        yield f"| {where} | {first}{'..' + last if last != first else ''} | {text} | {privilege} | {users(first)} |"


def leaves():
    """Yield the lines about CPUID leaves and privileges."""
    yield from ("", "## CPUID leaves", "", "| leaf | what | tests |", "|---|---|---|")
    for name, (number, text) in details(HVLEAF).rows.items():
        yield f"| {int(number):#x} | {text} | {users(name)} |"
    given = set(re.findall(r"PRIVILEGE_(\w+)", hv("partitions/property.s") + hv("exits/cpuid_rows.s")))
    yield from ("", "## Privileges", "", "| bit | name | gates | given |", "|---|---|---|---|")
    for name, (high, _, text) in details(PRIVILEGE).rows.items():
        _, _, gated = text.partition(": ")
        yield f"| {high} | {PRIVILEGE_NAMES[name]} | {gated} | {'yes' if name in given else 'no: not implemented yet'} |"


def page():
    """Return the text of the page."""
    return HEAD + "\n".join([*calls(), *msrs(), *leaves()]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
