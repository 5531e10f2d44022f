"""`--hv`: another build of the hypervisor."""
import shutil

import pytest

from emu.jit import ROOT

GUEST = ROOT.parent / "tests" / "partitions" / "vmx_hidden.s"


@pytest.fixture
def build(tmp_path):
    """Return the folder of a copy of the hypervisor that greets otherwise."""
    shutil.copytree(ROOT.parent / "hv", tmp_path / "hv")
    console = next(path for path in (tmp_path / "hv").glob("*.s") if "hvlab hypervisor" in path.read_text())
    console.write_text(console.read_text().replace("hvlab hypervisor", "other hypervisor"))
    return tmp_path / "hv"


def test_another_build_runs_the_partition(hvlab, build):
    code, _, err = hvlab("run", GUEST, "--as", "partition", "--memory", "16M", "--hv", build)
    assert code == 0 and "other hypervisor" in err
    code, out, _ = hvlab("break", "exit", GUEST, "--as", "partition", "--memory", "16M", "--hv", build)
    assert code == 0 and f"{build.name}/vmexit.s:" in out


def test_wrong_uses_are_refused(hvlab, build, tmp_path):
    for options, words in ((("--hv", build), "goes with --as partition"), (("--as", "partition", "--hv", tmp_path), "has a build.list"),
                           (("--as", "partition", "--hv", build, "--record", tmp_path / "a.hvr"), "goes neither with --hv nor --copies"),
                           (("--copies", "2"), "goes with --as partition")):
        code, _, err = hvlab("run", GUEST, "--memory", "16M", *options)
        assert code == 2 and words in err, err
