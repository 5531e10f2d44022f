"""`hvlab demo`: firmware, hypervisor and two partitions, end to end."""

import click

from emu.cli import interrupt, report
from emu.cli.console import ByPartition, made, stderr
from emu.cli.values import Count

MEMORY_BYTES = 128 << 20
HELP = """Boot the hypervisor with two partitions and show what they do.

From the reset vector the firmware brings the processor to 64-bit mode and enters the hypervisor, which runs two
partitions by turns: one computes while its timer interrupts it, the other provokes every exit that the hypervisor
handles and checks what it gets back. All of it is emulated code. The table at the end shows what it cost.

\b
Examples:
  hvlab demo
  hvlab demo --json
"""


@click.command("demo", help=HELP)
@click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object to standard output.")
@click.option(
    "--max-cycles", type=Count(), default="20G", show_default=True, help="Stop with exit code 5 after this many."
)
def command(as_json, max_cycles):
    """Run the demonstration."""
    from emu.cli import power

    machine = power.machine(MEMORY_BYTES)
    machine.load_demo()
    writer = ByPartition(stderr() if as_json else made())
    machine.on_console(writer)
    try:
        with interrupt.heeded(machine):
            result = machine.run(max_cycles=max_cycles)
    finally:
        writer.close()
    if as_json:
        report.write_json(report.as_json("hvlab.demo.1", result))
    else:
        console = made()
        for table in report.table(result):
            console.print(table)
    report.explain(result)
    return interrupt.exit_code(machine, result, report.exit_code(result))
