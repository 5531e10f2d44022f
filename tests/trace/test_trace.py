"""Traces: every row once, the run as it is without; their forms read back; files that are not whole refused."""
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from emu.debug.session.conditions import compiled
from emu.errors import ConfigError, TraceError
from emu.spec.trace import EVENT_KIND, I_CYCLE, I_HEAD
from emu.state import RING_ROWS
from emu.trace import perfetto, report, text
from emu.trace.log import Reader, Writer
from emu.trace.slices import slices
from tests.foreign import foreign
from tests.machines import close, demo, loaded, program


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """Return (path of a trace of the demo on two processors, its machine after the run, its Result)."""
    path, machine = tmp_path_factory.mktemp("trace") / "demo.hvt", demo(48, processors=2)
    writer = Writer(machine, path, "demo")
    result = machine.run()
    assert writer.close(result) == Reader(path).summary.rows
    yield path, machine, result
    close(machine)


def test_rows_are_all_there_and_the_run_is_the_same(traced):
    path, machine, result = traced
    reader = Reader(path)
    rows = reader.rows()
    kinds = np.bincount((rows[:, I_HEAD] & np.uint64(0xFF)).astype(int), minlength=9)
    assert kinds[int(EVENT_KIND.EXIT)] == sum(int(c.exits.sum()) for c in machine.cpu)
    assert kinds[int(EVENT_KIND.ENTRY)] == result.entries
    assert kinds[int(EVENT_KIND.DELIVERY)] == sum(int(c.delivered.sum()) for c in machine.cpu)
    for cpu in (0, 1):
        own = rows[(rows[:, I_HEAD] >> np.uint64(8) & np.uint64(0xFF)) == cpu]
        assert len(own) and (np.diff(own[:, I_CYCLE].astype(np.int64)) >= 0).all()
    plain = demo(48, processors=2)
    assert plain.run().cycles == result.cycles == reader.summary.cycles and plain.digest() == machine.digest()
    assert not machine.record[0].watch
    close(plain)


def test_nothing_is_lost_when_the_ring_is_full(tmp_path):
    count = 3 * RING_ROWS // 2
    machine = loaded(program(tmp_path, f"test: mov ecx, {count}\n.next: out 0x80, al\n dec ecx\n jnz .next\n PASS\n", "lib.s"))
    writer = Writer(machine, tmp_path / "many.hvt", condition=compiled("port==0x80"))
    assert writer.close(machine.run()) == count == len(Reader(tmp_path / "many.hvt").rows())
    close(machine)


def test_filter_keeps_what_it_says(tmp_path):
    machine = demo(48)
    writer = Writer(machine, tmp_path / "a.hvt", condition=compiled("msr and write and partition==2"))
    result = machine.run()
    writer.close(result)
    lines = [json.loads(line) for line in text.jsonl(Reader(tmp_path / "a.hvt"))]
    assert lines and {line["name"] for line in lines} == {"WRMSR"} and Reader(tmp_path / "a.hvt").manifest.filter.startswith("msr")
    assert {line["partition"] for line in lines} == {2}
    close(machine)


def test_jsonl_is_a_row_a_line(traced):
    path, _, _ = traced
    lines = [json.loads(line) for line in text.jsonl(Reader(path))]
    assert len(lines) == Reader(path).summary.rows
    assert {"kind", "name", "cycle", "cpu", "world", "partition", "rip", "vmcs"} <= lines[0].keys()
    assert {line["kind"] for line in lines} >= {"EXIT", "ENTRY", "DELIVERY", "MSR", "PORT", "MODE"}
    assert any(line.get("hypercall") for line in lines if line["name"] == "VMCALL")


def test_slices_of_a_virtual_processor_do_not_overlap(traced):
    path, _, result = traced
    last, count = {}, 0
    for _, found in slices(Reader(path)):
        for piece in found:
            assert piece.start >= last.get(piece.vmcs, 0) and 0 <= piece.length <= result.cycles
            last[piece.vmcs] = piece.end
            count += piece.kind == "exit"
    assert count == sum(number for _, number, _ in result.exits) and len(last) == 2


def test_perfetto_has_a_track_for_each_virtual_processor_and_flows(traced):
    path, _, _ = traced
    trace = json.loads(b"".join(perfetto.perfetto(Reader(path))))
    events = trace["traceEvents"]
    names = {(each["pid"], each["tid"]): each["args"]["name"] for each in events if each["ph"] == "M" and each["name"] == "thread_name"}
    assert {"cpu0", "cpu1"} <= set(names.values()) and sum(name.startswith("VP 0") for name in names.values()) == 2
    starts = {each["id"]: each for each in events if each["ph"] == "s"}
    ends = {each["id"]: each for each in events if each["ph"] == "f"}
    assert starts.keys() == ends.keys() and all(starts[n]["ts"] <= ends[n]["ts"] for n in starts) and len(starts) > 1000
    exits = [each for each in events if each["ph"] == "X" and each["cat"] == "exit" and each["pid"]]
    assert len(exits) == len(starts) and all("cycles" in each["args"] for each in exits)
    assert any(each["args"].get("gpa") for each in exits if each["name"] == "EPT_VIOLATION")
    assert {each["cat"] for each in events if each["ph"] == "i"} >= {"delivery", "msr", "port"}
    assert all((each["pid"], each["tid"]) in names for each in events if each["ph"] in "Xi")


def test_report_counts_what_the_machine_counted(traced):
    path, machine, result = traced
    page = report.report(Reader(path)).decode()
    data = json.loads(re.search(r'application/json">(.*?)</script>', page, re.DOTALL)[1])
    assert {name: count for name, count, *_ in data["reasons"]} == {name: count for name, count, _ in result.exits}
    assert data["worst"][0][4] == max(row[4] for row in data["worst"]) and len(data["tracks"]) == 2
    assert all(0 <= g + x <= 1.01 for track in data["tracks"] for g, x in zip(track["guest"], track["exit"], strict=True))
    assert "http" not in re.sub(r"http://www.w3.org/2000/svg", "", page)


def test_exits_without_their_entries_are_counted(tmp_path):
    machine = demo(48)
    writer = Writer(machine, tmp_path / "a.hvt", condition=compiled("exit=cpuid"))
    result = machine.run()
    writer.close(result)
    data = report.gathered(Reader(tmp_path / "a.hvt"))
    assert [(row[0], row[1]) for row in data["reasons"]] == [("CPUID", dict((n, c) for n, c, _ in result.exits)["CPUID"])]
    assert len(list(perfetto.events(Reader(tmp_path / "a.hvt")))) > data["reasons"][0][1]
    close(machine)


def test_bins_share_out_a_piece():
    bins = np.zeros(4)
    report.spread(bins, 0.5, 2.25)
    assert bins.tolist() == [0.5, 1, 0.25, 0]
    report.spread(bins, 3.5, 9)
    assert bins.tolist() == [0.5, 1, 0.25, 0.5]


@pytest.mark.slow
def test_report_in_a_browser(traced, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise foreign.Missing("this test needs the command chromium")
    page = tmp_path / "report.html"
    page.write_bytes(report.report(Reader(traced[0])))

    def seen(fragment):
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile", "--dump-dom",
                   f"file://{page}{fragment}"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    whole = seen("")
    assert whole.count("<rect") > 100 and "EPT_VIOLATION" in whole and "the first 500 shown" in whole
    found = seen("#q=wbinvd")
    assert re.search(r'id="found"[^>]*>1 of [\d,]+ exits', found)


@pytest.mark.parametrize("spoil, words", [
    (lambda data: b"nothing" + data, "not a trace of hvlab"), (lambda data: data[:40], "truncated"),
    (lambda data: data[:-200], "truncated"),
    (lambda data: data.replace(b"hvlab.trace.1", b"hvlab.trace.9"), "schema 'hvlab.trace.9'"),
    (lambda data: data[:-300] + b"\0" * 40 + data[-260:], "altered|truncated"), (lambda data: data[:-3], "altered"),
])
def test_file_that_is_not_whole_is_refused(traced, tmp_path, spoil, words):
    bad = tmp_path / "bad.hvt"
    bad.write_bytes(spoil(traced[0].read_bytes()))
    with pytest.raises(TraceError, match=words):
        Reader(bad).rows()


def test_every_changed_byte_is_noticed(traced, tmp_path):
    good, bad = traced[0].read_bytes(), tmp_path / "bad.hvt"
    body = len(good) // 3
    for at in range(body, body + 3000, 97):
        bad.write_bytes(good[:at] + bytes([good[at] ^ 0x5A]) + good[at + 1:])
        with pytest.raises(TraceError):
            for _ in text.jsonl(Reader(bad)):
                pass


def test_file_that_cannot_be_written_is_said_before_the_run(tmp_path):
    machine = demo(48)
    with pytest.raises(ConfigError, match="cannot be written"):
        Writer(machine, tmp_path / "nowhere" / "a.hvt")
    with pytest.raises(ConfigError, match="cannot be read"):
        Reader(tmp_path / "none.hvt")
    assert not machine.record[0].watch
    close(machine)
