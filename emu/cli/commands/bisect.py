"""`hvlab bisect`: where two recorded runs diverge."""

from dataclasses import asdict

import click
import msgspec
from rich.text import Text

from emu.cli import printing, report
from emu.cli.loading import machine_of
from emu.cli.values import Input
from emu.errors import BUDGET, GUEST_FAILED, OK

ROWS_SHOWN = 40

HELP = """Find where two recorded runs diverge, and in what.

A and B are recordings (.hvr) of hvlab run --record, of the same image or of two versions of one, on machines of the same size.
Both runs are repeated side by side; the first cycle at which registers, devices or memory differ is found by halving. A
difference that comes and goes within a sixty-fourth of the run may be passed over.

The code and data of two builds lie at different addresses, so what the two runs do is compared: VM exits by reason and what they
ask for, failures, exceptions, MSR and port accesses, in their order on each processor, without addresses and times; then how they end.

The exit code is 0 when the runs are the same to their ends, 1 when they diverge, and 5 when that is not decided: there is no
difference up to the cycle at which the budget cut one of them.

\b
Examples:
  hvlab bisect good.hvr bad.hvr
  hvlab bisect monday.hvr today.hvr --image-b build/kernel.elf --json
"""


BUILDS = "the images differ: what the runs do is compared, not where their code is"


def _places(divergence):
    a, b = divergence.places
    cells = [(who, f"processor {each.processor}", f"cycle {each.cycle:,}", f"{each.rip:#x} {each.name}".rstrip())
             for who, places in ([("A and B", a)] if a == b else [("A", a), ("B", b)]) for each in places]
    return printing.columns(cells)


def _lines(found):
    """Return a Divergence as lines of Text."""
    if found.last_equal is None:
        lines = [Text("the runs differ before the first instruction:", "bold")]
    else:
        lines = [Text(f"the runs are the same up to cycle {found.last_equal:,}"), Text(f"and differ at cycle {found.cycle:,}:", "bold")]
    lines += _places(found)
    lines += [Text(f"  {sentence}") for sentence in found.inputs]
    rows = [(each.where, each.what, each.a, each.b) for each in found.differences]
    lines += printing.columns([("", "", "A", "B"), *rows[:ROWS_SHOWN]], 2, ("", "cyan"))
    if len(rows) > ROWS_SHOWN:
        lines.append(Text(f"  and {len(rows) - ROWS_SHOWN:,} more"))
    return lines


def _parting(found):
    """Return the Parting of two builds as lines of Text."""
    lines = [Text(BUILDS),
             Text(f"the first {found.same:,} events of processor {found.processor} are the same"
                  + (f"; the last of them: {found.before}" if found.before else "")), Text("then comes", "bold")]
    nexts = ((who, str(each) if each else "nothing more: its run has ended") for who, each in (("A", found.a), ("B", found.b)))
    return lines + printing.columns(list(nexts))


def _ends(found):
    """Return the Ends of two builds as lines of Text."""
    lines = [Text(BUILDS), Text("all events are the same, but the runs end differently:", "bold")]
    return lines + printing.columns(list(zip("AB", found.ends, strict=True)))


def _body(found):
    """Return what was found as JSON has it: `a` and `b` are the recordings there, so the events of a Parting are `event_a`, `event_b`."""
    names = {"a": "event_a", "b": "event_b"}
    return {names.get(name, name): value for name, value in asdict(found).items()}


def _lines_of(found, recordings):
    """Return what was found as lines of Text."""
    from emu.debug.history import bisect, builds

    if found is None:
        a, b = recordings
        if a.start == b.start:
            return [Text("the runs are the same to their ends")]
        return [Text(BUILDS), Text("all events are the same, and the runs end alike: "
                                   f"A at cycle {max(a.end.cycles):,}, B at cycle {max(b.end.cycles):,}")]
    if isinstance(found, builds.Ends):
        return _ends(found)
    if isinstance(found, builds.Undecided):
        who = "both runs were" if len(found.cut) > 1 else f"the run of {found.cut[0]} was"
        return [Text(f"no difference up to cycle {found.cycle:,}; {who} cut there by the budget: record with a larger --max-cycles")]
    return _lines(found) if isinstance(found, bisect.Divergence) else _parting(found)


@click.command("bisect", help=HELP)
@click.argument("a", type=Input())
@click.argument("b", type=Input())
@click.option("--image-a", type=Input(), help="The image of A, when it is not where it was.")
@click.option("--image-b", type=Input(), help="The image of B.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to standard output.")
def command(a, b, image_a, image_b, as_json):
    """Compare two runs."""
    from emu.debug.history import bisect, builds, record

    recordings = [record.load(path) for path in (a, b)]
    machines = [machine_of(recording, image, str(path))
                for recording, image, path in zip(recordings, (image_a, image_b), (a, b), strict=True)]
    found = bisect.bisect(machines[0], recordings[0], machines[1], recordings[1])
    if as_json:
        body = dict(schema="hvlab.bisect.1", a=str(a), b=str(b), same=found is None,
                    images_differ=recordings[0].start != recordings[1].start)
        if found is not None:
            body |= _body(found)
        if isinstance(found, builds.Undecided):
            body["same"] = None
        report.write_json(msgspec.json.format(msgspec.json.encode(body), indent=2))
    else:
        printing.write(_lines_of(found, recordings))
    return OK if found is None else BUDGET if isinstance(found, builds.Undecided) else GUEST_FAILED
