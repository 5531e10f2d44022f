"""`hvlab why-irq`: why an interrupt is not delivered where a run is stopped."""

from dataclasses import asdict

import click
import msgspec
from rich.text import Text

from emu import files
from emu.cli import options, printing, report
from emu.cli import target as targets

HELP = """Explain why an interrupt is not delivered where the run of IMAGE is stopped.

VECTOR is 16 to 255, or nmi. The path is followed from the device's line through I/O APIC, 8259 pair, local APIC and its
priorities to what blocks it in the processor: RFLAGS.IF, the shadow of STI and MOV SS, VM exits that come instead, and
what VM entry is to inject.

\b
Examples:
  hvlab why-irq 0x30 kernel.elf --at-cycle 20M
  hvlab why-irq nmi kernel.elf --at-exit 3 --processor 1
"""


@click.command("why-irq", help=HELP)
@click.argument("vector")
@options.at("cycle", "exit", "launch")
@options.PROCESSOR
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to standard output.")
@targets.looked_at
def command(target, vector, at_cycle, at_exit, at_launch, processor, as_json):
    """Explain why an interrupt is not delivered."""
    from emu.debug.explain import lookup
    from emu.debug.views import irq

    number = irq.NMI if vector.lower() == "nmi" else lookup.value(vector, "VECTOR")
    stop = targets.stopped(target, processor, at_cycle=at_cycle, at_exit=at_exit, at_launch=at_launch)
    reasons = irq.why(stop.machine, stop.processor, number)
    if as_json:
        body = dict(schema="hvlab.why-irq.1", image=files.shown(target.image), vector=number, processor=stop.processor, cycle=stop.cycle,
                    deliverable=not reasons, reasons=[asdict(reason) for reason in reasons])
        return report.write_json(msgspec.json.format(msgspec.json.encode(body), indent=2))
    name = "NMI" if number == irq.NMI else f"vector {number:#x}"
    if not reasons:
        said = f"{name} is pending at processor {stop.processor}, {stop.where}: it is delivered at the next boundary"
        return printing.write([Text(said)])
    lines = [Text(f"{name} is not delivered to processor {stop.processor}, {stop.where}:")]
    for reason in reasons:
        lines += [Text("  ").append(reason.id, "cyan").append(f": {reason.text}"), Text(f"      source: {reason.source}", "dim")]
    return printing.write(lines)
