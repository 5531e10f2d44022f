"""The screen: panes of `emu.tui.view`, keys as gdb's TUI has them, a line for commands."""
from collections.abc import Callable

from rich.text import Text
from textual import work
from textual.app import App
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Footer, Input, RichLog, Static, TabbedContent, TabPane

from emu.debug.explain import lookup
from emu.debug.gdb.monitor import Monitor
from emu.debug.history.history import History
from emu.debug.session.session import Session
from emu.errors import HvlabError
from emu.files import plain
from emu.tui import view

CALLS = ("call", "rep", "syscall", "int")
HELP = """Keys: s step, n over a call or an exit, c continue, x next exit, e next entry, f back to the guest, u finish to here
S C backward, b breakpoint, g go to an address, p next processor, space interrupts, : command, q quit.
Commands: b ADDRESS  w ADDRESS [SIZE]  on CONDITION  delete NUMBER  seek CYCLE  g ADDRESS, and those of gdb's `monitor`:
vmcs, exits, xlate, why, why-irq, explain, points, disassemble, state. An address is a number or a symbol."""


class Debugger(App):
    """A machine on the screen.  machine: loaded and not started; it is left as if there had been no debugger."""

    TITLE = "hvlab"
    CSS = """
    #code { width: 3fr; border: round $primary; } #side { width: 2fr; }
    #code_text { text-wrap: nowrap; text-overflow: ellipsis; }
    #registers { height: 15; border: round $primary; } TabbedContent { height: 1fr; }
    #console { height: 9; border: round $primary; } #status { height: 1; background: $primary; color: $text; }
    #timeline { height: 1; } #command { display: none; height: 3; } #command.shown { display: block; }
    """
    BINDINGS = [
        Binding("s", "step", "step"), Binding("n", "over", "over"), Binding("c", "go", "continue"), Binding("x", "next_exit", "exit"),
        Binding("e", "next_entry", "entry"), Binding("f", "finish", "finish exit"), Binding("S", "reverse_step", "back"),
        Binding("C", "reverse", "reverse"), Binding("b", "breakpoint", "break"), Binding("g", "ask('g ')", "go to"),
        Binding("p", "processor", "processor"), Binding("up", "move(-1)", show=False), Binding("down", "move(1)", show=False),
        Binding("space", "interrupt", "interrupt"), Binding("colon", "ask('')", "command"), Binding("question_mark", "help", "help"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, machine):
        super().__init__()
        self.machine, self.session = machine, Session(machine)
        self.history_of, self.monitor = History(self.session), Monitor(self.session)
        self.last, self.before, self.stop, self.busy, self.wanted = {}, None, None, False, False
        self.at, self.cursor, self.lines, self.number = None, 0, [], 0
        self.furthest = self.history_of.first
        machine.on_console(self._said)

    def compose(self):
        """Lay out the panes."""
        yield Static(id="status")
        with Horizontal():
            yield VerticalScroll(Static(id="code_text"), id="code")
            with Vertical(id="side"):
                yield Static(id="registers")
                with TabbedContent():
                    for name in ("vmcs", "exits", "walk", "answers"):
                        with TabPane(name, id=f"tab_{name}"):
                            yield VerticalScroll(RichLog(id="answers", wrap=True) if name == "answers" else Static(id=name))
        yield RichLog(id="console", wrap=True, max_lines=2000)
        yield Static(id="timeline")
        yield Input(id="command", placeholder="b ADDRESS, w ADDRESS SIZE, on CONDITION, seek CYCLE, vmcs check ... (escape: none)")
        yield Footer()

    def on_mount(self):
        """Show the machine as it is."""
        self.set_focus(None)
        self.refresh_panes()

    def on_unmount(self):
        """Let the machine go."""
        self.session.close()

    # ---- showing --------------------------------------------------------------------------------------------------------
    def _said(self, source, data):
        text = data.decode("utf-8", "replace").replace("\r", "")
        self.call_from_thread(self._write, source, text)   # the machine runs in the worker's thread only

    def _write(self, source, text):
        for line in text.splitlines():
            self.query_one("#console", RichLog).write(Text(f"{source}  ", "dim").append(plain(line), ""))

    def thread(self):
        """Return the Thread that is shown: of the chosen processor, in its world."""
        return self.session.thread(self.number)

    def refresh_panes(self):
        """Show everything again."""
        thread = self.thread()
        self.furthest = max(self.furthest, sum(self.machine.clocks))
        self.lines = view.code(self.session, thread, self.at)
        here = next((n for n, line in enumerate(self.lines) if line.address == (thread.pc if self.at is None else self.at)), 0)
        self.cursor = here
        text, values = view.registers(thread, self.last.get((self.number, thread.world)))
        self.last[self.number, thread.world] = values
        for name, shown in (("registers", text), ("vmcs", view.vmcs(self.session, self.number)), ("exits", view.exits(self.session)),
                            ("walk", view.walk(self.session, thread, thread.pc)), ("timeline", view.timeline(self.session, self.furthest)),
                            ("status", view.status(self.session, self.stop, thread))):
            self.query_one(f"#{name}", Static).update(shown)
        self._code()

    def _code(self):
        at = self.lines[self.cursor].address if self.cursor < len(self.lines) else None
        self.query_one("#code_text", Static).update(view.code_text(self.session, self.thread(), self.lines, at))

    def tell(self, text, style=""):
        """Write an answer, and show its tab."""
        self.query_one("#answers", RichLog).write(Text(text.rstrip("\n"), style))
        self.query_one(TabbedContent).active = "tab_answers"

    # ---- running --------------------------------------------------------------------------------------------------------
    def run_machine(self, action: Callable):
        """Do what lets the machine run, beside the screen; space interrupts it."""
        if self.busy:
            return
        self.busy, self.wanted, self.at = True, False, None
        self.query_one("#status", Static).update(Text(" running │ space interrupts "))
        self._work(action)

    @work(thread=True, exclusive=True)
    def _work(self, action):
        try:
            stop, error = action(), None
        except HvlabError as found:
            stop, error = None, found
        self.call_from_thread(self._done, stop, error)

    def _done(self, stop, error):
        self.busy = False
        if stop is not None:
            self.stop, self.number = stop, stop.processor
        self.refresh_panes()
        if error is not None:
            self.tell(str(error), "red")

    def _pause(self):
        return self.wanted

    def action_step(self):
        """Step over one boundary."""
        self.run_machine(lambda: self.session.step(self.number, pause=self._pause))

    def action_over(self):
        """Run to the instruction after this one in this world: over a call, or an exit and its handler."""
        thread, first = self.thread(), next((line for line in self.lines if line.address == self.thread().pc), None)
        if first is None or not (first.text.startswith(CALLS) or thread.world):
            return self.action_step()
        return self.run_machine(lambda: self._to(first.address + len(first.data), thread))

    def _to(self, address, thread):
        number = self.session.break_at(address, world=thread.world, temporary=True)
        stop = self.session.run(pause=self._pause)
        if number in self.session.points.numbers:
            self.session.remove(number)
        return stop

    def action_go(self):
        """Run on."""
        self.run_machine(lambda: self.session.run(pause=self._pause))

    def action_next_exit(self):
        """Run to the next VM exit."""
        self.run_machine(lambda: self.session.run_until("exit", pause=self._pause))

    def action_next_entry(self):
        """Run to the next VM entry."""
        self.run_machine(lambda: self.session.run_until("entry", pause=self._pause))

    def action_finish(self):
        """Run through the handler, back to the guest of the current VMCS."""
        pointer = int(self.thread().c.vmcs_pointer)
        self.run_machine(lambda: self.session.run_until("entry", vmcs=pointer, pause=self._pause))

    def action_reverse_step(self):
        """Step backward over one boundary."""
        self.run_machine(lambda: self.history_of.reverse_step(self.number))

    def action_reverse(self):
        """Go back to the last breakpoint, watchpoint or condition that was met."""
        self.run_machine(self.history_of.reverse_continue)

    def action_interrupt(self):
        """Stop a run."""
        self.wanted = True

    # ---- what is shown --------------------------------------------------------------------------------------------------
    def action_processor(self):
        """Show the next processor."""
        self.number, self.at = (self.number + 1) % len(self.machine.cpu), None
        self.refresh_panes()

    def action_move(self, by):
        """Move the cursor in the code."""
        self.cursor = max(0, min(len(self.lines) - 1, self.cursor + by))
        self._code()

    def action_breakpoint(self):
        """Set or remove a breakpoint at the cursor."""
        if self.cursor < len(self.lines):
            self._toggle(self.lines[self.cursor].address)
            self._code()

    def _toggle(self, address):
        there = [point.number for point in self.session.breakpoints() if point.access == "execute" and point.address == address]
        for number in there:
            self.session.remove(number)
        if not there:
            self.session.break_at(address)

    def action_help(self):
        """Show the keys and commands."""
        self.tell(HELP)

    # ---- the command line -----------------------------------------------------------------------------------------------
    def action_ask(self, start):
        """Open the command line."""
        line = self.query_one("#command", Input)
        line.add_class("shown")
        line.value = start
        line.focus()
        line.cursor_position = len(start)

    def on_key(self, event):
        """Close the command line on escape."""
        if event.key == "escape":
            self._close()

    def _close(self):
        self.query_one("#command", Input).remove_class("shown")
        self.set_focus(None)

    def on_input_submitted(self, event):
        """Do a command."""
        self._close()
        words = event.value.split()
        if not words or self.busy:
            return
        try:
            self._command(*words)
        except HvlabError as error:
            self.tell(str(error), "red")

    def _address(self, text):
        return lookup.address(text, self.machine.symbols)

    def _command(self, name, *rest):
        if name in ("b", "break") and len(rest) == 1:
            self._toggle(self._address(rest[0]))
            self._code()
        elif name in ("w", "watch") and rest:
            size = lookup.value(rest[1], "SIZE") if len(rest) > 1 else 8
            number = self.session.watch(self._address(rest[0]), size, thread=self.thread())
            self.tell(f"watchpoint {number}: {size} bytes at {rest[0]}")
        elif name == "on":
            self.tell(f"condition {self.session.break_on(' '.join(rest))}: {' '.join(rest)}")
        elif name == "delete" and rest:
            self.session.remove(lookup.value(rest[0], "NUMBER"))
        elif name == "seek" and rest:
            cycle = lookup.value(rest[0], "CYCLE")
            self.run_machine(lambda: self.history_of.seek(cycle, self.number))
        elif name in ("g", "go") and rest:
            self.at = self._address(rest[0])
            self.refresh_panes()
        else:
            self.tell(self.monitor.run(self.thread(), " ".join((name, *rest))))
