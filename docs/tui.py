"""Draw docs/tui.svg: the screen of `hvlab tui`, stopped in the hypervisor's exit handler."""
import asyncio
from pathlib import Path

from emu.asm import assemble
from emu.image import of_assembly
from emu.machine import Config, Machine
from emu.machine.partition import HYPERVISOR_BYTES
from emu.tui.app import Debugger

ROOT = Path(__file__).resolve().parent.parent
MEMORY_BYTES = 16 << 20


async def drawn():
    """Return the drawing."""
    machine = Machine(Config(memory_bytes=MEMORY_BYTES + HYPERVISOR_BYTES))
    machine.load_partition(of_assembly(assemble(ROOT / "tests" / "partitions" / "vmx_hidden.s"), MEMORY_BYTES))
    app = Debugger(machine)
    async with app.run_test(size=(170, 52)) as pilot:
        for key in ("x", "s", "s", "s"):
            await pilot.press(key)
            await pilot.pause()
            while app.busy:
                await asyncio.sleep(0.01)
        await pilot.pause()
        return app.export_screenshot(title="hvlab tui")


if __name__ == "__main__":
    (ROOT / "docs" / "tui.svg").write_text(asyncio.run(drawn()))
