"""The laboratory from Python: callbacks, steps, views, memory, time, and what notebooks show."""
import re
import xml.etree.ElementTree as ElementTree

import pytest

from emu.errors import DebugError, ImageError
from emu.lab import Lab
from tests.guests.guests import FOLDER

EPT = FOLDER / "ept_violation.s"
HIDDEN = FOLDER.parent / "partitions" / "vmx_hidden.s"


@pytest.fixture
def lab():
    """Return a function: image and options of `Lab.open` -> Lab."""
    made = []

    def of(path, **options):
        made.append(Lab.open(path, memory=16 << 20, **options))
        return made[-1]

    yield of
    for each in made:
        each.close()


def test_callbacks_see_every_exit_and_may_stop(lab):
    one, seen = lab(EPT), []
    one.on_exit("ept_violation", seen.append, when="qualification & 2")
    stop = one.run()
    assert stop.reason == "ended" and stop.result.exit_code == 0 and len(seen) == 3
    assert all(each.name == "EPT_VIOLATION" and each.args["qualification"] & 2 for each in seen)
    other = lab(EPT)
    number = other.on("exit", lambda each: each.name == "VMCALL")
    stop = other.run()
    assert stop.reason == "event" and stop.detail["event"].name == "VMCALL"
    other.remove(number)
    assert other.run().reason == "ended"


def test_callback_before_an_instruction(lab):
    one, seen = lab(EPT), []
    one.on("rip==g_write and partition==1", lambda each: seen.append((each.rip, one.vp[0].rip, each.world)))
    assert one.run().reason == "ended" and seen and set(seen) == {(one.symbol("g_write"),) * 2 + ("guest",)}
    other = lab(EPT)
    stop = other.run_until("rip in (g_write, g_flush)")
    assert stop.reason == "breakpoint" and other.vp[0].rip == stop.detail["event"].rip and not other.session.breakpoints()


def test_views_read_and_write_what_the_machine_has(lab):
    one = lab(EPT)
    assert one.run_until("exit=ept_violation").reason == "event"
    cpu, vp = one.cpu[0], one.vp[0]
    assert cpu.vmcs.exit_reason == 48 and cpu.vmcs.guest_rip == vp.rip and cpu.rip == one.symbol("vmx_exit")
    assert cpu.vmcs.check().failures == () and "accept" in cpu.vmcs.check().outcome or cpu.vmcs.check().error == 0
    assert one.partition(1).read(vp.rip, 4) == vp.read(vp.rip, 4) and len(one.partition(1).vps) == 1
    here = vp.rip
    vp.rip = here + 4
    assert cpu.vmcs.guest_rip == here + 4
    with pytest.raises(DebugError, match="is where its hypervisor keeps it"):
        vp.rax = 1
    cpu.rbx = 5
    assert cpu.rbx == 5
    with pytest.raises(AttributeError, match="there is no register"):
        _ = cpu.colour
    with pytest.raises(DebugError, match="there is no partition 7; there are 1"):
        one.partition(7).read(0, 1)
    with pytest.raises(DebugError, match="no symbol 'nowhere'"):
        one.symbol("nowhere")


def test_a_broken_field_is_named_by_the_check(lab):
    one = lab(EPT)
    one.run_until("exit")
    one.cpu[0].vmcs.guest_cr0 = 0
    found = one.cpu[0].vmcs.check()
    assert found.failures and any("cr0" in str(each).lower() for each in found.failures)


def test_time_goes_both_ways(lab):
    one = lab(EPT)
    one.run_until("exit=vmcall")
    here, cycles = one.cpu[0].rip, int(one.cpu[0].record.cycles)
    before = one.snapshot()
    assert one.back().reason == "step" and int(one.cpu[0].record.cycles) < cycles
    assert one.vp[0].read(one.vp[0].rip, 3) == b"\x0f\x01\xc1"              # VMCALL
    assert one.step().thread.pc == here
    end = one.run()
    assert end.reason == "ended"
    one.restore(before)
    assert one.cpu[0].rip == here and one.run().result.cycles == end.result.cycles
    one.seek(cycles - 1000)
    assert int(one.cpu[0].record.cycles) >= cycles - 1000
    one.restore(before)
    assert one.cpu[0].step(3).reason == "step"


def test_who_wrote_it(lab):
    one = lab(EPT)
    one.run_until("exit=vmcall")
    found = one.who_wrote("exit_reason")
    assert found.new == 18 and "0x30" in str(found)
    assert one.who_wrote("rsp").what == "rsp"


def test_notebooks_see_tables_and_drawings(lab):
    one = lab(EPT)
    one.run_until("exit=ept_violation")
    for shown in (one, one.cpu[0], one.vp[0], one.cpu[0].vmcs):
        for table in re.findall(r"<table>.*?</table>", shown._repr_html_()):
            assert ElementTree.fromstring(table).findall(".//td")
    walk = one.vp[0].xlate(one.vp[0].rip, "fetch")
    assert "host-physical" in str(walk) and ElementTree.fromstring(walk._repr_html_()).tag.endswith("svg")


def test_a_partition_of_the_hypervisor(lab):
    one = lab(HIDDEN, place="partition")
    stop = one.run_until("exit and partition==1")
    assert stop.reason == "event" and one.vp[0].thread.partition == 1
    assert one.partition(1).read(0x100000, 4) == one.partition(1).vps[0].thread.read_physical(0x100000, 4)
    assert one.run().result.exit_code == 0


def test_wrong_images_are_refused(tmp_path):
    (tmp_path / "x.elf").write_bytes(b"\x7fELF")
    with pytest.raises(ImageError, match="truncated"):
        Lab.open(tmp_path / "x.elf")
