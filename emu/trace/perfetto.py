"""Traces in the JSON that Perfetto and Chrome's tracing page open.

Process 0 holds a track for each processor: which partition runs, what it does in root operation, and instants.  Each partition is a
process with a track for each virtual processor: its time in non-root operation, the exits between, and a flow from exit to entry.
Source: "Trace Event Format"
"""
import msgspec

from emu.trace.slices import slices

HOST_PROCESS, MICRO = 0, 1000                                      # process of the processors; cycles (1 ns each) in a microsecond
INSTANTS = ("DELIVERY", "MSR", "PORT", "FAILURE", "MODE")


class _Tracks:
    """Numbers of threads: processors in process 0, VMCSs in the processes of partitions; `fresh` are events that name new ones."""

    def __init__(self):
        self.known, self.fresh, self.named = {}, [], set()

    def _name(self, what, process, thread, text):
        self.fresh.append(dict(ph="M", name=what, pid=process, tid=thread, args={"name": text}))

    def processor(self, number):
        """Return (process, thread) of a processor."""
        if number not in self.named:
            self.named.add(number)
            self._name("process_name", HOST_PROCESS, 0, "processors")
            self._name("thread_name", HOST_PROCESS, number + 1, f"cpu{number}")
        return HOST_PROCESS, number + 1

    def virtual(self, partition, vmcs):
        """Return (process, thread) of a virtual processor."""
        if vmcs not in self.known:
            thread = 1 + sum(p == partition for p, _ in self.known.values())
            self.known[vmcs] = partition, thread
            self._name("process_name", partition, 0, f"partition {partition}")
            self._name("thread_name", partition, thread, f"VP {thread - 1} (VMCS {vmcs:#x})")
        return self.known[vmcs]


def _args(args):
    return {name: f"{value:#x}" if isinstance(value, int) else value for name, value in args.items()}


def _slice(tracks, each, flow):
    process, thread = tracks.virtual(each.partition, each.vmcs)
    host, cpu = tracks.processor(each.processor)
    times = dict(ph="X", ts=each.start / MICRO, dur=each.length / MICRO)
    if each.kind == "guest":
        yield dict(times, name="non-root", cat="guest", pid=process, tid=thread, args={"ended by": each.name, "cycles": each.length})
        yield dict(times, name=f"partition {each.partition}", cat="guest", pid=host, tid=cpu, args={"ended by": each.name})
        return
    args = dict(_args(each.args), cycles=each.length)
    yield dict(times, name=each.name, cat="exit", pid=process, tid=thread, args=args)
    yield dict(times, name=f"root: {each.name}", cat="exit", pid=host, tid=cpu, args=args)
    yield dict(ph="s", id=flow, name="exit to entry", cat="flow", pid=process, tid=thread, ts=each.start / MICRO)
    yield dict(ph="f", bp="e", id=flow, name="exit to entry", cat="flow", pid=process, tid=thread, ts=each.end / MICRO)


def events(reader):
    """Yield the trace events (dicts) of a trace."""
    tracks, flow = _Tracks(), 0
    for each, found in slices(reader):
        made = []
        for piece in found:
            flow += piece.kind == "exit"
            made += _slice(tracks, piece, flow)
        if each is not None and each.kind in INSTANTS:
            process, thread = tracks.processor(each.processor)
            made.append(dict(ph="i", s="t", name=f"{each.kind.lower()} {each.name}", cat=each.kind.lower(), pid=process, tid=thread,
                             ts=each.cycle / MICRO, args=dict(_args(each.args), rip=f"{each.rip:#x}")))
        yield from tracks.fresh
        tracks.fresh = []
        yield from made


def perfetto(reader):
    """Yield the file as pieces of bytes."""
    encode, first = msgspec.json.Encoder().encode, True
    about = dict(image=reader.manifest.image, program=reader.manifest.program, cycles=reader.summary.cycles)
    yield b'{"displayTimeUnit":"ns","otherData":' + encode(about) + b',"traceEvents":[\n'
    for each in events(reader):
        yield (b"" if first else b",\n") + encode(each)
        first = False
    yield b"\n]}\n"
