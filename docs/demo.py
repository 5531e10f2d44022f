"""Draw docs/demo.svg: what `hvlab demo` shows, taken from a run."""
import io
from pathlib import Path

from rich.console import Console

from emu.cli import report
from emu.cli.console import ByPartition
from emu.machine import Config, Machine

console = Console(record=True, width=118, file=io.StringIO(), force_terminal=True, highlight=False)
machine = Machine(Config(memory_bytes=128 << 20))
machine.load_demo()
writer = ByPartition(console)
machine.on_console(writer)
result = machine.run()
writer.close()
for table in report.table(result):
    console.print(table)
Path(__file__).with_suffix(".svg").write_text(console.export_svg(title="hvlab demo"))
