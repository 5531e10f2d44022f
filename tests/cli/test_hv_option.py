"""`--hv`: another build of the hypervisor."""
import shutil

import pytest

from emu.kernel_cache import PACKAGE

GUEST = PACKAGE.parent / "tests" / "partitions" / "vmx_hidden.s"


@pytest.fixture
def build(tmp_path):
    """Return the folder of a copy of the hypervisor that greets otherwise."""
    shutil.copytree(PACKAGE.parent / "hv", tmp_path / "hv")
    console = next(path for path in (tmp_path / "hv").rglob("*.s") if "hvlab hypervisor" in path.read_text())
    console.write_text(console.read_text().replace("hvlab hypervisor", "other hypervisor"))
    return tmp_path / "hv"


def test_another_build_runs_the_partition(hvlab, build):
    code, _, err = hvlab("run", GUEST, "--as", "partition", "--memory", "16M", "--hv", build)
    assert code == 0 and "other hypervisor" in err
    code, out, _ = hvlab("break", "exit", GUEST, "--as", "partition", "--memory", "16M", "--hv", build)
    assert code == 0 and f"{build.name}/exits/vmexit.s:" in out


def test_wrong_uses_are_refused(hvlab, build, tmp_path):
    for options, words in ((("--hv", build), "goes with --as partition"), (("--as", "partition", "--hv", tmp_path), "has a build.list"),
                           (("--as", "partition", "--hv", build, "--record", tmp_path / "a.hvr"), "goes neither with --hv nor --copies"),
                           (("--copies", "2"), "goes with --as partition")):
        code, _, err = hvlab("run", GUEST, "--memory", "16M", *options)
        assert code == 2 and words in err, err


def test_guest_that_waits_is_translated_and_a_map_file_names_it(hvlab, tmp_path):
    options = ("--as", "partition", "--memory", "4M", "--copies", "2")
    code, out, _ = hvlab("xlate", "0x100000", GUEST, *options, "--at-exit", "3", "--partition", "1", "--fetch")
    assert code == 0 and "guest of processor 0" in out and "reaches guest-physical 0x100000" in out
    code, _, err = hvlab("xlate", "0x100000", GUEST, *options, "--at-exit", "3", "--partition", "7")
    assert code == 2 and "there is no partition 7 here; there are: 1" in err
    code, _, err = hvlab("xlate", "0x100000", GUEST, *options, "--at-exit", "3", "--partition", "1", "--vp", "3")
    assert code == 2 and "virtual processors 0 to 0, not 3" in err
    code, _, err = hvlab("xlate", "0", GUEST, "--vp", "3")
    assert code == 2 and "--vp goes with --partition" in err
    names = tmp_path / "System.map"
    names.write_text("00000000fffffff0 T power_on\n00000000ffffffff T end\n")
    code, out, _ = hvlab("xlate", "power_on", GUEST, "--memory", "16M", "--at-cycle", "1", "--symbols", names)
    assert code == 0 and out.startswith("linear 0xfffffff0")
    names.write_bytes(b"\xff\xfe\x00")
    code, _, err = hvlab("run", GUEST, "--symbols", names)
    assert code == 2 and "not UTF-8 text" in err
