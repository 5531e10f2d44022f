"""Traces as one HTML file that needs nothing else: exits by reason, timeline, longest exits, a table to search."""
from pathlib import Path

import msgspec
import numpy as np

from emu.trace.slices import slices

TEMPLATE = Path(__file__).with_name("report.html")
BINS, ROWS_LIMIT, WORST_SHOWN = 400, 20_000, 25


class _Gathered:
    """Numbers of a trace as it is read."""

    def __init__(self, cycles, place):
        self.place = place                                 # the RIP of the guest in words
        self.cycles, self.exits, self.total, self.others = max(cycles, 1), [], 0, {}
        self.worst, self.reasons, self.tracks = [], {}, {}

    def row(self, piece):
        """Return the row of the table of an exit."""
        about = ", ".join(f"{name} {value:#x}" if isinstance(value, int) else f"{name} {value}" for name, value in piece.args.items())
        return [piece.start, piece.processor, piece.partition, piece.name, piece.length, self.place(piece.rip), about]

    def add(self, piece):
        """Take a Slice."""
        track = self.tracks.setdefault((piece.partition, piece.vmcs), np.zeros((2, BINS)))
        spread(track[0 if piece.kind == "guest" else 1], piece.start / self.cycles * BINS, piece.end / self.cycles * BINS)
        if piece.kind != "exit":
            return
        count, total, longest = self.reasons.get(piece.name, (0, 0, 0))
        self.reasons[piece.name] = count + 1, total + piece.length, max(longest, piece.length)
        self.total += 1
        if len(self.exits) < ROWS_LIMIT:
            self.exits.append(self.row(piece))
        if len(self.worst) < WORST_SHOWN or piece.length > self.worst[-1][4]:
            self.worst = sorted([*self.worst, self.row(piece)], key=lambda row: -row[4])[:WORST_SHOWN]


def spread(bins, start, end):
    """Add to each bin which share of it lies in [start, end), given in bins."""
    start, end = max(start, 0.0), min(end, float(len(bins)))
    first, last = int(start), int(end)
    if end <= start:
        return
    if first == last:
        bins[first] += end - start
        return
    bins[first] += first + 1 - start
    bins[first + 1:last] += 1
    if last < len(bins):
        bins[last] += end - last


def gathered(reader):
    """Return what the report shows of a trace, as a dict."""
    said, manifest = reader.summary, reader.manifest
    g = _Gathered(said.cycles, lambda rip: reader.place("guest", rip))
    for each, pieces in slices(reader):
        if each is not None and each.kind not in ("EXIT", "ENTRY"):
            name = f"{each.kind.lower()}: {each.name}"
            g.others[name] = g.others.get(name, 0) + 1
        for piece in pieces:
            g.add(piece)
    tracks = [dict(name=f"partition {partition}, VP {number}", guest=track[0].round(3).tolist(), exit=track[1].round(3).tolist())
              for number, ((partition, _), track) in _numbered(g.tracks)]
    reasons = sorted(([name, count, total, total // count, longest] for name, (count, total, longest) in g.reasons.items()),
                     key=lambda row: -row[2])
    return dict(image=Path(manifest.image).name or "a machine", reason=said.reason, cycles=said.cycles, instructions=said.instructions,
                rows=said.rows, filter=manifest.filter, reasons=reasons, others=sorted(g.others.items(), key=lambda row: -row[1]),
                tracks=tracks, worst=g.worst, exits=g.exits, cut=g.total if g.total > len(g.exits) else 0)


def _numbered(tracks):
    seen = {}
    for key in sorted(tracks):
        seen[key[0]] = seen.get(key[0], -1) + 1
        yield seen[key[0]], (key, tracks[key])


def report(reader):
    """Return the report as bytes."""
    data = msgspec.json.encode(gathered(reader)).decode().replace("<", "\\u003c")
    return TEMPLATE.read_text(encoding="utf-8").replace("@DATA@", data).encode()
