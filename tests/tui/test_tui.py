"""The screen, by textual's Pilot: keys step, stop, go back; the run stays as it is."""
import asyncio

import pytest

from emu.debug.session.session import Session
from emu.tui import view
from emu.tui.app import Debugger
from tests.programs import COUNT, ENTER


def shown(app, name):
    """Return the text of a pane."""
    return str(app.query_one(f"#{name}").render())


def answers(app):
    return "\n".join(line.text for line in app.query_one("#answers").lines)


@pytest.fixture
def screen(guest):
    """Return a function: (program, coroutine of (app, pilot, symbols)) that plays on the screen."""
    def play(text, scene, processors=1):
        make, program = guest(text, processors)

        async def on_screen():
            app = Debugger(make())
            async with app.run_test(size=(150, 50)) as pilot:
                async def keys(*names):
                    for name in names:
                        await pilot.press(name)
                        await pilot.pause()
                        while app.busy:
                            await asyncio.sleep(0.01)
                        await pilot.pause()

                async def say(line):
                    await keys("colon")
                    app.query_one("#command").value = line
                    await keys("enter")

                await pilot.pause()
                await scene(app, keys, say, program.symbols)
            return app

        return asyncio.run(on_screen()), make

    return play


def test_steps_breakpoints_and_back(screen):
    async def scene(app, keys, say, at):
        assert "ready" in shown(app, "status") and "0x000000000000fff0" in shown(app, "registers")
        await say("b test.loop")
        await keys("c")
        assert "breakpoint" in shown(app, "status") and "test.loop" in shown(app, "status")
        text = shown(app, "code_text")
        assert "● ▶" in text and "program.s:" in text or "test.loop:" in text
        before = shown(app, "registers")
        await keys("s", "s")
        assert shown(app, "registers") != before and app.session.thread(0).pc != at["test.loop"]
        await keys("S", "S")
        assert app.session.thread(0).pc == at["test.loop"]
        await keys("c", "c", "C")
        assert app.session.thread(0).register("rcx") == 1
        await keys("b", "c")
        assert "ended" in shown(app, "status") and not app.session.breakpoints()

    app, make = screen(COUNT, scene)
    plain = make()
    plain.run()
    assert app.machine.digest() == plain.digest() and not app.machine.record[0].debug


def test_exits_and_entries(screen):
    async def scene(app, keys, say, at):
        await say("b guest")
        await keys("c")
        assert "partition 1" in shown(app, "status") and "nonroot" in shown(app, "status")
        await keys("x")
        assert "exit" in shown(app, "status") and "CPUID" in shown(app, "exits") and "EXIT_REASON" in shown(app, "vmcs")
        await keys("f")
        assert app.session.thread(0).world == 1
        await say("on exit=vmcall")
        await keys("c")
        assert "VMCALL at" in shown(app, "status") and "root" in shown(app, "status")
        await keys("C")
        assert app.session.thread(0).world == 1
        assert "level" in shown(app, "walk") and "snapshots" in shown(app, "timeline")

    screen(ENTER, scene)


def test_command_line_answers_and_says_what_is_wrong(screen):
    async def scene(app, keys, say, at):
        await say("b test")
        await keys("c")
        await say("w cell 4")
        await keys("c")
        assert "watchpoint" in shown(app, "status")
        await say("why register rcx")
        await say("points")
        assert "watchpoint 2: 4 bytes at cell" in answers(app) and "rcx: " in answers(app) and "2  write" in answers(app)
        for line, words in (("b nowhere", "not 'nowhere'"), ("dance", "must be one of help"), ("on colour", "with a trace event"),
                            ("seek x", "CYCLE must be a number"), ("w 0 0", "a range ends there"), ("delete 9", "no breakpoint 9")):
            await say(line)
            assert words in answers(app).replace("\n", ""), line
        cycle = int(app.machine.cpu[0].cycles)
        await say(f"seek {cycle - 500}")
        assert int(app.machine.cpu[0].cycles) < cycle
        await say("g test")
        assert any(line.address == at["test"] for line in app.lines)
        await keys("question_mark", "down", "down", "up", "p", "escape")
        assert "continue" in answers(app)

    screen(COUNT, scene)


def test_panes_of_a_machine_that_has_not_run(guest):
    machine = guest(ENTER)[0]()
    with Session(machine) as session:
        thread = session.thread(0)
        assert view.code(session, thread)[0].address <= 0xFFFFFFF0 and "outside VMX" in str(view.vmcs(session, 0))
        assert str(view.exits(session)) == "no VM exit so far"
