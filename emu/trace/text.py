"""Traces as JSON lines: one trace event (TraceEvent) a line."""
import msgspec

from emu.debug.session.trace_events import trace_event


def _named(reader, each):
    """Return the symbol at the RIP of a TraceEvent, as an argument, when it is known."""
    number, _, name = reader.place(each.world, each.rip).partition(" ")
    return dict(symbol=name) if name else {}


def jsonl(reader):
    """Yield a trace as lines of JSON (bytes), a row each."""
    encode = msgspec.json.Encoder().encode
    for rows in reader.chunks():
        for row in rows.tolist():
            each = trace_event(row, reader.tlfs)
            yield encode(dict(kind=each.kind, name=each.name, cycle=each.cycle, cpu=each.processor, world=each.world,
                              partition=each.partition, rip=each.rip, vmcs=each.vmcs, **_named(reader, each), **each.args)) + b"\n"
