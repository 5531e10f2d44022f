"""Traces as JSON lines: one Happening a line."""
import msgspec

from emu.debug.happenings import happening


def jsonl(reader):
    """Yield a trace as lines of JSON (bytes), a row each."""
    encode = msgspec.json.Encoder().encode
    for rows in reader.chunks():
        for row in rows.tolist():
            each = happening(row)
            yield encode(dict(kind=each.kind, name=each.name, cycle=each.cycle, cpu=each.processor, world=each.world,
                              partition=each.partition, rip=each.rip, vmcs=each.vmcs, **each.args)) + b"\n"
