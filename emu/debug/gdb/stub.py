"""What gdb asks and what the machine answers: one packet after the other, without a connection.

Process 1 is the whole machine, a thread for each processor in whatever world it is; process 1 + n is partition n of the
session, a thread for each of its virtual processors.  Breakpoints live in the model, in the scope of their process.
Source: Debugging with GDB, "Packets", "Stop Reply Packets", "vCont Packet", "General Query Packets"
"""
import sys
import traceback

from emu.debug.gdb import access, agent, description, files, query
from emu.debug.gdb.monitor import Monitor
from emu.debug.gdb.numbers import SHOWN, Refused, hexadecimal, octets, parts
from emu.debug.gdb.query import MACHINE, NOTHING, OK
from emu.debug.history import History
from emu.debug.session import Session
from emu.errors import DebugError, HvlabError
from emu.report import ending

TRAP, INTERRUPTED, ABORT, FAULT = 5, 2, 6, 11              # signals of gdb's
UNABLE, INVALID, DEFECT = 0x01, 0x16, 0x05                 # errors of gdb's: EPERM, EINVAL, EIO
ENDED = ("EXIT_CODE", "POWER_OFF", "RESET")                # ends that the guest asked for
ACCESS = {"2": "write", "3": "read", "4": "access"}


class Interrupted(DebugError):
    """The person at gdb has waited long enough for a way through the past."""


class Stub:
    """Answers packets.  make: a function without arguments that returns a new machine, loaded; poll(): true to interrupt a run."""

    def __init__(self, make, poll=None, tell=None):
        self.make, self.poll, self.tell = make, poll or (lambda: False), tell or (lambda text: None)
        self.killed = self.detached = self.words = False   # words: the client understands errors in words
        self.refused, self.defects = "", 0                 # why the last packet was refused; errors of ours so far
        self._start(make())

    def _start(self, machine):
        self.machine, self.session = machine, Session(machine)
        self.history, self.session.heed = History(self.session), self._heed
        self.monitor = Monitor(self.session, lambda: self.refused)
        self.files = files.of_machine(machine)
        self.host = files.Host(self.files)
        self._points, self._attached, self._chosen, self._last = {}, {MACHINE}, (MACHINE, 1), b""
        self.physical, self.ended, self.exited, self.result, self.error = False, False, False, None, None

    def _heed(self):
        """Let a way through the past be interrupted as a run can be."""
        if self.poll():
            raise Interrupted("it was interrupted")

    def restart(self):
        """Begin again with a new machine; breakpoints that gdb set are set again by gdb.  Without one the old machine stays."""
        machine = self.make()
        self.session.close()
        for processor in self.machine.processors:
            for unit in processor.engines:
                unit.close()
        self._start(machine)

    # ---- threads ----------------------------------------------------------------------------------------------------
    def threads(self):
        """Return {(process, thread): Thread} of the attached processes; none after the end was told."""
        if self.exited:
            return {}
        found = {(MACHINE, n + 1): self.session.thread(n) for n in range(len(self.machine.cpu))}
        for guest in self.session.guests():
            process = MACHINE + guest.partition
            if process in self._attached:
                found[process, sum(p == process for p, _ in found) + 1] = guest
        return found

    def thread(self, which=None):
        """Return the Thread of (process, thread), by default of the one that gdb chose; Refused when there is none."""
        process, number = which or self._chosen
        threads = self.threads()
        if number in (0, -1):
            number = next((n for p, n in threads if p == process), 0)
        if (process, number) not in threads:
            raise Refused(f"there is no thread p{process:x}.{number:x}")
        return threads[process, number]

    def which(self, text):
        """Return (process, thread) of a thread-id; 0 and -1 as they are."""
        if text.startswith("p"):
            process, _, number = text[1:].partition(".")
            chosen = -1 if process == "-1" else hexadecimal(process, "a process")
            return chosen, -1 if number in ("", "-1") else hexadecimal(number, "a thread")
        return self._chosen[0], -1 if text == "-1" else hexadecimal(text, "a thread")

    def _id_of(self, stop):
        """Return (process, thread) that a Stop is reported for: the partition's when gdb has attached it."""
        if stop.world:
            for which, thread in self.threads().items():
                if which[0] != MACHINE and thread.pointer == stop.thread.pointer and thread.processor == stop.processor:
                    return which
        return MACHINE, stop.processor + 1

    # ---- packets ----------------------------------------------------------------------------------------------------
    def answer(self, data):
        """Return the reply (bytes, escaped) to a packet; None: none is due.  Whatever comes, the machine keeps its state."""
        try:
            return self._answer(data)
        except Refused as error:
            return self.refusal(INVALID, str(error))
        except UnicodeDecodeError:
            return self.refusal(INVALID, f"a packet must be of ASCII characters, not {data[:SHOWN]!r}")
        except HvlabError as error:
            return self.refusal(UNABLE, str(error))
        except Exception as error:                         # an error of ours must not take the person's session away
            traceback.print_exc()
            print(f"hvlab: an error of hvlab itself, at gdb's packet {data[:SHOWN]!r}: please report what is above", file=sys.stderr)
            self.defects += 1
            return self.refusal(DEFECT, f"an error of hvlab itself: {type(error).__name__}: {error}")

    def refusal(self, number, text):
        """Return the reply that refuses a packet: in words where the client has said that it understands them."""
        self.refused = text
        if not self.words:
            return b"E%02x" % number
        return b"E." + text.replace("\n", "; ").encode("ascii", "replace").translate(None, b"#$}*")

    def _answer(self, data):
        if data[:1] == b"X":
            return access.write_binary(self, data)
        if data.startswith(b"qSearch:memory:"):
            return access.search(self, data[15:])
        if data.startswith(b"vFile:"):
            return self.host.answer(data[6:])
        text = data.decode("ascii")
        for table in (self.LONG, self.SHORT):
            for head, handler in table.items():
                if text.startswith(head):
                    return handler(self, text[len(head):])
        return NOTHING

    # ---- breakpoints --------------------------------------------------------------------------------------------------
    def _condition(self, text):
        """Return the condition of a Z packet: any of its agent expressions, or None."""
        programs = []
        while text.startswith("X"):
            size, _, rest = text[1:].partition(",")
            size = hexadecimal(size, "a length")
            programs.append(octets(rest[:2 * size], "a condition"))
            text = rest[2 * size:]
        if not programs:
            return None

        def holds(thread):
            def register(number):
                found = description.value(thread, description.ALL[number]) if number < len(description.ALL) else None
                return 0 if found is None else found

            def memory(address, size):
                return int.from_bytes(thread.read(address, size), "little")

            try:
                return any(agent.evaluate(program, register, memory) for program in programs)
            except DebugError:
                return True                                # gdb looks for itself
        return holds

    def _scope(self):
        process = self._chosen[0]
        if process > MACHINE:
            return {"eptp": self.thread((process, -1)).eptp, "world": 1}
        return {"world": 0} if len(self._attached) > 1 or self.machine.partitions else {}

    def _insert(self, text):
        head, _, condition = text.partition(";")
        kind, address, size = parts(head, ",", 3, "Z or z TYPE,ADDRESS,KIND")
        key = kind, address, size, self._chosen[0]
        self._drop(key)
        _, before = self.monitor.withdrawn.pop(key, (None, 0))
        at, scope = hexadecimal(address, "an address"), self._scope()
        if kind in "01":
            self._points[key] = self.session.break_at(at, condition=self._condition(condition), **scope)
        elif kind in ACCESS:
            size = hexadecimal(size, "a length")
            self._points[key] = self.session.watch(at, size, access=ACCESS[kind], condition=self._condition(condition), **scope)
        else:
            return NOTHING
        self.monitor.carried[self._points[key]] = before
        return OK

    def _drop(self, key):
        """Remove a point of gdb's; returns (it, its hits), None when there is none."""
        if key not in self._points:
            return None
        number = self._points.pop(key)
        point = self.session.points.get(number)
        hits = point.hits + self.monitor.carried.pop(number, 0)
        self.session.remove(number)
        return point, hits

    def _remove(self, text):
        kind, address, size = parts(text.partition(";")[0], ",", 3, "Z or z TYPE,ADDRESS,KIND")
        key = kind, address, size, self._chosen[0]
        if (found := self._drop(key)) is not None:
            self.monitor.withdrawn[key] = found            # gdb takes all of them out whenever the machine stops
        return OK

    # ---- running ------------------------------------------------------------------------------------------------------
    def _continue(self, text):
        self.monitor.withdrawn.clear()                     # what gdb has not set again is deleted
        if self.monitor.until:                             # asked for by `monitor until`
            (transition, vmcs), self.monitor.until = self.monitor.until, None
            return self._report(self.session.run_until(transition, vmcs=vmcs, pause=self.poll))
        return self._report(self.session.run(pause=self.poll))

    def _step(self, text):
        return self._report(self._step_thread(self._chosen))

    def _step_thread(self, which):
        thread = self.thread(which)
        if which[0] != MACHINE and not thread.running:     # it waits for its hypervisor: until it is there again
            return self.session.run_until("entry", vmcs=thread.pointer, pause=self.poll)
        return self.session.step(thread.processor, pause=self.poll)

    def _range(self, which, start, end):
        while True:
            stop = self._step_thread(which)
            if stop.reason != "step" or not start <= stop.address < end or self.poll():
                return stop

    def _actions(self, text):
        """Do a vCont packet: the first thread that is to step steps, the rest of the machine runs as ever."""
        for action in text.split(";")[1:]:
            what, _, which = action.partition(":")
            chosen = self.which(which) if which else self._chosen
            if what[:1] in "sS":
                return self._report(self._step_thread(chosen))
            if what[:1] == "r":
                start, _, end = what[1:].partition(",")
                return self._report(self._range(chosen, hexadecimal(start, "an address"), hexadecimal(end, "an address")))
            if what[:1] not in "cCt":
                raise Refused(f"vCont action {what!r} must be of c, C, s, S, r, t")
        return self._continue("")

    def _back(self, text):
        """Go back: `bs` by a step of the chosen thread's processor, `bc` to a breakpoint or watchpoint."""
        if text not in ("s", "c"):
            raise Refused(f"b{text} must be bs or bc")
        self.ended, self.exited, self.result, self.error = False, False, None, None
        at = self.thread().processor if text == "s" else self.session.current().processor
        try:
            return self._report(self.history.reverse_step(at) if text == "s" else self.history.reverse_continue())
        except Interrupted:
            return self._report(self.session.told("interrupted", at))

    def _report(self, stop):
        """Return the stop reply of a Stop."""
        self._chosen = process, number = self._id_of(stop)
        where = f"thread:p{process:x}.{number:x};core:{stop.processor:x};"
        if stop.reason == "ended":
            return self._ended(stop, where)
        signal = INTERRUPTED if stop.reason == "interrupted" else TRAP
        if stop.reason == "watchpoint":
            point = next(p for p in self.session.breakpoints() if p.number == stop.number)
            kind = {"write": "watch", "read": "rwatch", "access": "awatch"}[point.access]
            where += f"{kind}:{max(stop.address, point.address):x};"
        elif stop.reason == "history":
            where += "replaylog:begin;"
        elif stop.reason == "event":
            self.tell(f"hvlab: {stop.number}: {stop.detail['happening']}\n")
        elif stop.reason == "budget":
            where += "replaylog:end;"
        elif stop.reason == "breakpoint":
            software = any(key[0] == "0" for key, number in self._points.items() if number == stop.number)
            where += "swbreak:;" if software else "hwbreak:;"
        self._last = f"T{signal:02x}{where}".encode()
        return self._last

    def _ended(self, stop, where):
        """Report how the machine ended: at first as a stop, so that one can look around and go back; when it is to go on, as the end."""
        again, self.ended = self.ended, True
        self.result, self.error = stop.result, stop.error
        if not again:
            lines = [str(stop.error)] if stop.error else [*stop.result.explanation, ending(stop.result)]
            lines.append("reverse-stepi and reverse-continue go back from here, continue ends the run")
            self.tell("".join(f"hvlab: {line}\n" for line in lines))
            if stop.error or stop.result.reason not in ENDED:
                how = f"{FAULT:02x}{where}"
            else:
                how = f"{ABORT:02x}{where}" if stop.result.exit_code else f"{TRAP:02x}{where}replaylog:end;"
            self._last = f"T{how}".encode()
            return self._last
        self.exited, code = True, stop.result.exit_code & 0xFF if stop.result else 6
        self._last = f"W{code:02x};process:{MACHINE:x}".encode()
        return self._last

    # ---- queries ------------------------------------------------------------------------------------------------------
    def _why(self, _):
        if not self._last:
            self._last = f"T{TRAP:02x}thread:p1.1;".encode()
        return self._last

    def _choose(self, text):
        if text[:1] not in ("g", "c"):
            raise Refused(f"a packet must be Hg or Hc with a thread, not {'H' + text[:SHOWN]!r}")
        process, number = self.which(text[1:])
        process = self._chosen[0] if process in (-1, 0) else process
        self.thread((process, number))
        if text[0] == "g":
            self._chosen = process, next(n for p, n in self.threads() if p == process) if number in (0, -1) else number
        return OK

    def _alive(self, text):
        self.thread(self.which(text))
        return OK

    def _attach(self, text):
        process = hexadecimal(text, "a process")
        known = {MACHINE} | {MACHINE + guest.partition for guest in self.session.guests()}
        if process not in known:
            raise Refused(f"there is no process {process}, but {', '.join(map(str, sorted(known)))} (1: the machine, then partitions)")
        self._attached.add(process)
        self._chosen = process, 1
        return f"T{TRAP:02x}thread:p{process:x}.1;".encode()

    def _detach(self, text):
        process = hexadecimal(text[1:], "a process") if text.startswith(";") else MACHINE
        self._attached.discard(process)
        if process == MACHINE:
            self._attached, self.detached = {MACHINE}, True
            for key in list(self._points):
                self._drop(key)
        return OK

    def _kill(self, _):
        self.killed = True
        return OK

    def _kill_process(self, _):
        """End the run; in extended mode the connection stays, and gdb may start it again."""
        self.exited = True
        return OK

    def _run(self, _):
        self.restart()
        return self._why("")

    def _physical_mode(self, text):
        self.physical = text == "1"
        return OK

    LONG = {
        "qSupported": query.supported, "qfThreadInfo": query.first_threads, "qsThreadInfo": lambda self, _: b"l",
        "qC": lambda self, _: b"QCp%x.%x" % self._chosen, "qAttached": lambda self, _: b"1", "qThreadExtraInfo,": query.info,
        "qRcmd,": query.command, "qXfer:": query.transfer, "qSymbol": lambda self, _: OK, "QStartNoAckMode": lambda self, _: OK,
        "qqemu.PhyMemMode": lambda self, _: b"%d" % self.physical, "Qqemu.PhyMemMode:": _physical_mode,
        "qqemu.sstepbits": lambda self, _: b"ENABLE=1,NOIRQ=2,NOTIMER=4", "qqemu.sstep": lambda self, _: b"0x1",
        "QNonStop:0": lambda self, _: OK,
        "QNonStop": query.nonstop,
        "vCont?": lambda self, _: b"vCont;c;C;s;S;t;r", "vCont": _actions, "vAttach;": _attach, "vKill;": _kill_process, "vRun;": _run,
        "vMustReplyEmpty": lambda self, _: NOTHING,
    }
    SHORT = {
        "?": _why, "g": access.read_all, "G": access.write_all, "p": access.read_one, "P": access.write_one, "m": access.read_memory,
        "M": access.write_memory, "Z": _insert, "z": _remove, "c": _continue, "C": _continue, "s": _step, "S": _step, "H": _choose,
        "T": _alive, "D": _detach, "k": _kill, "R": _run, "b": _back, "!": lambda self, _: OK,
    }
