"""`hvlab trace` and `hvlab break`: the real commands."""
import json

from tests.guests.guests import FOLDER

IMAGE = FOLDER / "ept_violation.s"


def test_trace_in_all_its_forms(hvlab, tmp_path):
    files = {name: tmp_path / f"a.{name}" for name in ("hvt", "jsonl", "json", "html")}
    code, out, _ = hvlab("trace", IMAGE, "--memory", "16M", "-o", files["hvt"], "--report", files["html"])
    assert code == 0 and "rows, " in out and "ended by exit code" in out and files["html"].stat().st_size > 5000
    code, out, _ = hvlab("trace", files["hvt"], "--jsonl", files["jsonl"], "--perfetto", files["json"])
    assert code == 0 and str(files["json"]) in out
    kinds = [json.loads(line)["kind"] for line in files["jsonl"].read_text().splitlines()]
    assert kinds.count("ENTRY") == kinds.count("EXIT") > 3
    assert json.loads(files["json"].read_text())["traceEvents"]
    code, out, _ = hvlab("trace", IMAGE, "--memory", "16M", "--filter", "exit=ept_violation and qualification & 2", "--jsonl", "-")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and lines and all(line["qualification"] & 2 for line in lines)


def test_trace_says_what_is_wrong(hvlab, tmp_path):
    assert hvlab("trace", IMAGE)[2].startswith("hvlab: give an output: -o")
    code, _, err = hvlab("trace", IMAGE, "--filter", "exit=", "--jsonl", "-")
    assert code == 2 and "invalid syntax" in err
    (tmp_path / "a.hvt").write_bytes(b"hvlab")
    code, _, err = hvlab("trace", tmp_path / "a.hvt", "--jsonl", "-")
    assert code == 2 and "not a trace of hvlab" in err
    code, _, err = hvlab("trace", tmp_path / "a.hvt", "-o", tmp_path / "b.hvt")
    assert code == 2 and "is a trace already" in err


def test_break_reports_where_it_happened(hvlab):
    code, out, _ = hvlab("break", "exit=ept_violation and qualification & 2", IMAGE, "--memory", "16M")
    assert code == 0 and out.startswith("hit 1: EPT_VIOLATION at ") and "vmx_exit" in out
    code, out, _ = hvlab("break", "exit=ept_violation", IMAGE, "--memory", "16M", "--ignore", "1", "--json")
    found = json.loads(out)
    assert code == 0 and (found["hits"], found["name"], found["schema"]) == (2, "EPT_VIOLATION", "hvlab.break.1")
    code, out, _ = hvlab("break", "msr==efer", IMAGE, "--memory", "16M", "--all")
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == ["RDMSR", "WRMSR", "RDMSR"]
    code, _, err = hvlab("break", "exit=hlt", IMAGE, "--memory", "16M")
    assert code == 1 and "it did not happen: the run ended at cycle" in err
    code, _, err = hvlab("break", "exit=hlt and colour", IMAGE)
    assert code == 2 and "exit has no field 'colour'" in err


def test_break_reports_all_that_happens_at_once(hvlab):
    image = FOLDER / "vmx_entry_failure.s"                 # a VM entry that fails after the checks of controls is an exit, too
    for condition in ("failure or exit", "exit or hypercall"):
        _, rows, _ = hvlab("trace", image, "--memory", "16M", "--filter", condition, "--jsonl", "-")
        code, out, _ = hvlab("break", condition, image, "--memory", "16M", "--all", "--json")
        printed, traced = ([(row["name"], row["cycle"]) for row in map(json.loads, text.splitlines())] for text in (out, rows))
        assert code == 0 and printed == traced and len(printed) > 8
    code, out, _ = hvlab("break", "exit and failed or failure >= 0x80000000", image, "--memory", "16M", "--json")
    assert code == 0 and (json.loads(out)["hits"], json.loads(out)["kind"]) == (1, "EXIT")


def test_break_and_filter_on_rip(hvlab):
    code, out, _ = hvlab("break", "rip==g_write and world==guest", IMAGE, "--memory", "16M", "--ignore", "1")
    assert code == 0 and out.startswith("hit 2: instruction at ") and "(g_write," in out.splitlines()[0] and "partition 1" in out
    code, out, _ = hvlab("break", "rip==g_write", IMAGE, "--memory", "16M", "--all", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and rows and {(row["kind"], row["args"] == {}) for row in rows} == {("INSTRUCTION", True)}
    code, out, _ = hvlab("trace", IMAGE, "--memory", "16M", "--filter", "rip==g_write", "--jsonl", "-")
    kinds = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and {row["symbol"] for row in kinds} == {"g_write"} and {row["kind"] for row in kinds} == {"EXIT"}
    code, _, err = hvlab("break", "gpa==1", IMAGE)
    assert code == 2 and "write 'exit and gpa==1'" in err
    code, _, err = hvlab("trace", IMAGE, "--filter", "gpa==1", "--jsonl", "-")
    assert code == 2 and "write 'exit and gpa==1'" in err
