"""`hvlab xlate` through the real command."""
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

TEXT = """
test:   call    vmx_start
        GUEST   guest
        call    vmx_run
        PASS
guest:  hlt
"""
M = ("--memory", "16M", "--at-exit", 1)


def test_guest_translation_as_text(hvlab, program):
    code, out, err = hvlab("xlate", "guest", program(TEXT), *M, "--world", "guest")
    assert (code, err) == (0, "")
    assert re.match(r"linear 0x10\w+, supervisor read, guest of processor 0, right after VM exit 1, at cycle [\d,]+\n"
                    r"4-level paging, CR3 0x200000, EPTP 0x29001e\n", out)
    assert re.findall(r"^  (P\w+)", out, re.MULTILINE) == ["PML4E", "PDPTE", "PDE_2M"]
    assert len(re.findall(r"^    EPDE_2M +level 2", out, re.MULTILINE)) == 4
    assert re.search(r"^reaches guest-physical (0x10\w+), host-physical \1: RAM, 2 MiB page$", out, re.MULTILINE)


def test_what_stops_an_access_is_reported(hvlab, program):
    out = hvlab("xlate", "0x100000", program(TEXT), *M, "--user", "--write")[1]
    assert re.search(r"^  PDE_2M +level 2 +0x202000 +0xe3 +P RW A D PS -> 0x0 +stops here$", out, re.MULTILINE)
    assert out.endswith("stops at PDE_2M (level 2): US = 0, a supervisor page\nthen #PF with error code 0x7 (P WR US), CR2 = 0x100000\n")


def test_json_and_drawing(hvlab, program, tmp_path):
    path = tmp_path / "walk.svg"
    code, out, _ = hvlab("xlate", "0x100000", program(TEXT), *M, "--world", "guest", "--fetch", "--svg", path, "--json")
    body = json.loads(out)
    assert code == 0 and (body["schema"], body["reaches"], body["guest"], body["host"]) == ("hvlab.xlate.1", True, 0x100000, 0x100000)
    assert [group["title"] for group in body["groups"]] == ["PML4E", "PDPTE", "PDE_2M", "access"]
    assert ElementTree.parse(path).getroot().tag.endswith("svg") and list(tmp_path.glob(".walk*")) == []


def test_bare_machine_before_paging(hvlab, program):
    out = hvlab("xlate", "0xfff0", program(TEXT), "--memory", "16M", "--at-cycle", 100)[1]
    assert "CR0.PG = 0" in out and out.endswith("reaches host-physical 0xfff0: RAM\n")


@pytest.mark.parametrize("address, options, message", [
    ("nowhere", [], "ADDRESS must be a number, such as 0x100000, or a symbol of the image, not 'nowhere'"),
    ("0x10000000000000000", [], "ADDRESS has 64 bits, 0x10000000000000000 does not fit"),
    ("0", ["--write", "--fetch"], "an access is a write or an instruction fetch: give --write or --fetch, not both"),
    ("0", ["--at-cycle", 100, "--world", "guest"], "processor 0 is outside VMX operation: it has no guest"),
    ("0", ["--at-cycle", 100, "--at-exit", 1], "give one place to stop at, not --at-cycle and --at-exit"),
    ("0", ["--at-cycle", 100, "--svg", "/nowhere/walk.svg"], "/nowhere/walk.svg: cannot be written (No such file or directory)"),
])
def test_what_cannot_be_answered_ends_with_2_and_a_sentence(hvlab, program, address, options, message):
    code, out, err = hvlab("xlate", address, program(TEXT), "--memory", "16M", *options)
    assert (code, out, err) == (2, "", f"hvlab: {message}\n")
