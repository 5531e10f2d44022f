"""What gdb asks and what the machine answers: one packet after another, without a connection.

Process 1 is the whole machine, a thread for each processor in whatever world it is; process 1 + n is partition n of the
session, a thread for each of its virtual processors.  Breakpoints live in the model, in the scope of their process.
Source: Debugging with GDB, "Packets", "Stop Reply Packets", "vCont Packet", "General Query Packets"
"""
import sys
import traceback

from emu.debug.gdb import access, breakpoints, description, files, query
from emu.debug.gdb.files import EINVAL
from emu.debug.gdb.monitor import Monitor
from emu.debug.gdb.numbers import PACKET_SHOWN, Refused, hexadecimal, octets, parts
from emu.debug.gdb.query import ACCEPTED, NOTHING, PROCESS
from emu.debug.history.history import History
from emu.debug.session.session import Session
from emu.errors import INTERNAL, DebugError, HvlabError
from emu.machine.result import ending, exit_code

SIGTRAP, SIGINT, SIGABRT, SIGSEGV = 5, 2, 6, 11            # signals of gdb's
EPERM, EIO = 0x01, 0x05                 # errors of gdb's
ENDED = ("EXIT_CODE", "POWER_OFF", "RESET")                # ends that the guest asked for


class Interrupted(DebugError):
    """The person at gdb has waited long enough for a way through the past."""


class Stub:
    """Answers packets.  make: a function without arguments that returns a new machine, loaded; poll(): true to interrupt a run."""

    def __init__(self, make, poll=None, tell=None):
        self.make, self.poll, self.tell = make, poll or (lambda: False), tell or (lambda text: None)
        self.killed = self.detached = False
        self.words = self.numbered = False                 # the client understands errors in words; it knows registers by number
        self.refused, self.defects = "", 0                 # why the last packet was refused; errors of ours so far
        self._start(make())

    def _start(self, machine):
        self.machine, self.session = machine, Session(machine)
        self.history, self.session.heed = History(self.session), self._heed
        self.monitor = Monitor(self.session, lambda: self.refused)
        self.files = files.of_machine(machine)
        self.host = files.Host(self.files)
        self.points, self._attached, self._chosen, self._last = {}, {PROCESS}, (PROCESS, 1), b""
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
        """Return {(process, thread): Thread} of the attached processes; none after the end was reported."""
        if self.exited:
            return {}
        found = {(PROCESS, n + 1): self.session.thread(n) for n in range(len(self.machine.cpu))}
        for guest in self.session.guests():
            process = PROCESS + guest.partition
            if process in self._attached:
                found[process, sum(p == process for p, _ in found) + 1] = guest
        return found

    def thread(self, which=None):
        """Return the Thread of (process, thread), by default of the one that gdb chose; Refused when there is none."""
        process, number = which or self._chosen
        if process == PROCESS and -1 <= number <= len(self.machine.cpu) and not self.exited:
            return self.session.thread(max(number, 1) - 1)
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
        if stop.world and len(self._attached) > 1:
            for which, thread in self.threads().items():
                if which[0] != PROCESS and thread.pointer == stop.thread.pointer and thread.processor == stop.processor:
                    return which
        return PROCESS, stop.processor + 1

    # ---- packets ----------------------------------------------------------------------------------------------------
    def answer(self, data):
        """Return the reply (bytes, escaped) to a packet; None: none is due.  Whatever comes, the machine keeps its state."""
        try:
            return self._answer(data)
        except Refused as error:
            return self.refusal(EINVAL, str(error))
        except UnicodeDecodeError:
            return self.refusal(EINVAL, f"a packet must be of ASCII characters, not {data[:PACKET_SHOWN]!r}")
        except HvlabError as error:
            return self.refusal(EPERM, str(error))
        except Exception as error:                         # an error of ours must not take the person's session away
            traceback.print_exc()
            print(f"hvlab: an error of hvlab itself, at gdb's packet {data[:PACKET_SHOWN]!r}: please report what is above", file=sys.stderr)
            self.defects += 1
            return self.refusal(EIO, f"an error of hvlab itself: {type(error).__name__}: {error}")

    def refusal(self, number, text):
        """Return the reply that refuses a packet: in words where the client has said that it understands them."""
        self.refused = text
        if not self.words:
            return b"E%02x" % number
        return b"E." + text.replace("\n", "; ").encode("ascii", "replace").translate(None, b"#$}*")

    def _answer(self, data):
        if data[:1] == b"X":
            return access.write_binary(self, data)
        if data.startswith(b"qSearch:"):                   # its pattern is binary
            return NOTHING
        if data.startswith(b"vFile:"):
            return self.host.answer(data[6:])
        text = data.decode("ascii")
        if text in self.WHOLE:
            return self.WHOLE[text](self, "")
        for head, handler in self.BEGUN.items():
            if text.startswith(head):
                return handler(self, text[len(head):])
        return NOTHING

    # ---- running ------------------------------------------------------------------------------------------------------
    def _go_to(self, text):
        """Move the chosen thread to the address that a c or s packet names, if it names one."""
        if text:
            description.change(self.thread(), description.RIP, hexadecimal(text, "an address"))

    def _signalled(self, text):
        """Return what follows the signal of a C or S packet; the machine takes none, so which it is makes no difference."""
        signal, divider, address = text.partition(";")
        hexadecimal(signal, "a signal")
        if divider:
            hexadecimal(address, "an address")
        return address

    def _continue(self, text):
        self._go_to(text)
        self.monitor.withdrawn.clear()                     # what gdb has not set again is deleted
        if self.monitor.until:                             # asked for by `monitor until`
            (transition, vmcs), self.monitor.until = self.monitor.until, None
            return self._report(self.session.run_until(transition, vmcs=vmcs, pause=self.poll))
        return self._report(self.session.run(pause=self.poll))

    def _step(self, text):
        self._go_to(text)
        return self._report(self._step_thread(self._chosen))

    def _step_thread(self, which):
        thread = self.thread(which)
        if which[0] != PROCESS and not thread.running:     # it waits for its hypervisor: until it is there again
            return self.session.run_until("entry", vmcs=thread.pointer, pause=self.poll)
        return self.session.step(thread.processor, pause=self.poll)

    def _range(self, which, start, end):
        while True:
            stop = self._step_thread(which)
            if stop.reason != "step" or not start <= stop.address < end or self.poll():
                return stop

    def _actions(self, text):
        """Do a vCont packet: the first thread that is to step steps, the rest of the machine runs as always."""
        actions = [self._action(each) for each in text.split(";")]
        for what, chosen, start, end in actions:
            if what in ("s", "S"):
                return self._report(self._step_thread(chosen))
            if what == "r":
                return self._report(self._range(chosen, start, end))
        return self._continue("")

    def _action(self, text):
        """Return (letter, (process, thread), start, end) of an action of vCont, start and end of `r` alone."""
        what, divider, which = text.partition(":")
        chosen, letter, rest, start, end = self.which(which) if divider else self._chosen, what[:1], what[1:], 0, 0
        if letter == "r":
            start, end = (hexadecimal(each, "an address") for each in parts(rest, ",", 2, "vCont;rSTART,END"))
        elif letter in ("C", "S"):
            hexadecimal(rest, "a signal")
        elif what not in ("c", "s"):
            raise Refused(f"vCont action {what[:PACKET_SHOWN]!r} must be one of c, C, s, S, r")
        if chosen[0] != -1:
            self.thread(chosen)
        return letter, chosen, start, end

    def _back(self, text):
        """Go back: `bs` by a step of the chosen thread's processor, `bc` to a breakpoint or watchpoint."""
        self.ended, self.exited, self.result, self.error = False, False, None, None
        at = self.thread().processor if text == "s" else self.session.current().processor
        try:
            return self._report(self.history.reverse_step(at) if text == "s" else self.history.reverse_continue())
        except Interrupted:
            return self._report(self.session.stop_of("interrupted", at))

    def _report(self, stop):
        """Return the stop reply of a Stop."""
        self._chosen = process, number = self._id_of(stop)
        where = f"thread:p{process:x}.{number:x};core:{stop.processor:x};"
        if stop.reason == "ended":
            return self._ended(stop, where)
        for each in stop.all:
            if "event" in each.detail:
                self.tell(f"hvlab: {each.number}: {each.detail['event']}\n")
        signal = SIGINT if stop.reason == "interrupted" else SIGTRAP
        registers = description.expedited(self.session.where, stop.processor) if self.numbered else ""
        self._last = f"T{signal:02x}{where}{registers}{self._cause(stop)}".encode()
        return self._last

    def _cause(self, stop):
        """Return what a stop reply says of its cause: of points that were met together, that of the first that gdb knows."""
        own = [each for each in stop.all if each.reason in ("watchpoint", "breakpoint") and "event" not in each.detail]
        if not own:
            return {"history": "replaylog:begin;", "budget": "replaylog:end;"}.get(stop.reason, "")
        if own[0].reason == "watchpoint":
            point = self.session.points.get(own[0].number)
            kind = {"write": "watch", "read": "rwatch", "access": "awatch"}[point.access]
            return f"{kind}:{max(own[0].address, point.address):x};"
        software = any(key[0] == "0" for key, number in self.points.items() if number == own[0].number)
        return "swbreak:;" if software else "hwbreak:;"

    def _ended(self, stop, where):
        """Report how the machine ended: first as a stop, so that one can look around and go backward; on the next continue, as the end."""
        again, self.ended = self.ended, True
        self.result, self.error = stop.result, stop.error
        if not again:
            lines = [str(stop.error)] if stop.error else [*stop.result.explanation, ending(stop.result)]
            lines.append("reverse-stepi and reverse-continue go back from here, continue ends the run")
            self.tell("".join(f"hvlab: {line}\n" for line in lines))
            if stop.error or stop.result.reason not in ENDED:
                how = f"{SIGSEGV:02x}{where}"
            else:
                how = f"{SIGABRT:02x}{where}" if stop.result.exit_code else f"{SIGTRAP:02x}{where}replaylog:end;"
            self._last = f"T{how}".encode()
            return self._last
        self.exited, code = True, (stop.result.exit_code & 0xFF or exit_code(stop.result)) if stop.result else INTERNAL
        self._last = f"W{code:02x};process:{PROCESS:x}".encode()
        return self._last

    # ---- queries ------------------------------------------------------------------------------------------------------
    def _why(self, _):
        if not self._last:
            self._last = f"T{SIGTRAP:02x}thread:p1.1;".encode()
        return self._last

    def _choose(self, text):
        if text[:1] not in ("g", "c"):
            raise Refused(f"a packet must be Hg or Hc with a thread, not {'H' + text[:PACKET_SHOWN]!r}")
        process, number = self.which(text[1:])
        process = self._chosen[0] if process in (-1, 0) else process
        self.thread((process, number))
        if text[0] == "g":
            self._chosen = process, next(n for p, n in self.threads() if p == process) if number in (0, -1) else number
        return ACCEPTED

    def _alive(self, text):
        self.thread(self.which(text))
        return ACCEPTED

    def _process(self, text, attached=True):
        """Return the number of a process that a packet names; Refused when there is none, or it is to be attached and is not."""
        process = hexadecimal(text, "a process")
        known = self._attached if attached else {PROCESS} | {PROCESS + guest.partition for guest in self.session.guests()}
        if process not in known:
            raise Refused(f"there is no {'attached ' * attached}process {process}, only {', '.join(map(str, sorted(known)))} "
                          "(1: the machine, then partitions)")
        return process

    def _is_attached(self, text):
        self._process(text)
        return b"1"

    def _attach(self, text):
        process = self._process(text, attached=False)
        self._attached.add(process)
        self._chosen = process, 1
        return f"T{SIGTRAP:02x}thread:p{process:x}.1;".encode()

    def _detach(self, text):
        process = self._process(text)
        self._attached.discard(process)
        if process == PROCESS:
            self._attached, self.detached = {PROCESS}, True
            for key in list(self.points):
                breakpoints.drop(self, key)
        return ACCEPTED

    def _kill(self, _):
        self.killed = True
        return ACCEPTED

    def _kill_process(self, text):
        """End the run; in extended mode the connection stays, and gdb may start it again."""
        process = self._process(text)
        if process != PROCESS:
            raise Refused(f"process {process} is a partition: its hypervisor ends it; process {PROCESS}, the machine, can be killed")
        self.exited = True
        return ACCEPTED

    def _run(self, text):
        """Restart; vRun may name the file that runs already, and no arguments."""
        name, *arguments = (octets(each, "a file or argument").decode("utf-8", "replace") for each in text.split(";"))
        if name.lstrip("/") not in ("", *(path.lstrip("/") for path in self.files)):
            raise Refused(f"{name[:PACKET_SHOWN]!r} is not what this machine was made with: start hvlab with it")
        if arguments:
            raise Refused("a machine takes no arguments")
        return self._restart("")

    def _restart(self, _):
        self.restart()
        return self._why("")

    def _physical_mode(self, text):
        if text not in ("0", "1"):
            raise Refused(f"the mode must be 0 or 1, not {text[:PACKET_SHOWN]!r}")
        self.physical = text == "1"
        return ACCEPTED

    WHOLE = {                                              # packets that are no more than their name
        "?": _why, "g": access.read_all, "!": lambda self, _: ACCEPTED, "k": _kill, "c": _continue, "s": _step,
        "D": lambda self, _: self._detach("1"),
        "bc": lambda self, _: self._back("c"), "bs": lambda self, _: self._back("s"), "qSupported": query.supported,
        "qfThreadInfo": query.first_threads, "qsThreadInfo": lambda self, _: b"l", "qC": lambda self, _: b"QCp%x.%x" % self._chosen,
        "qAttached": lambda self, _: b"1", "QStartNoAckMode": lambda self, _: ACCEPTED, "QNonStop:0": lambda self, _: ACCEPTED,
        "vCont?": lambda self, _: b"vCont;c;C;s;S;r", "qqemu.PhyMemMode": lambda self, _: b"%d" % self.physical,
        "qqemu.sstepbits": lambda self, _: b"ENABLE=1,NOIRQ=2,NOTIMER=4", "qqemu.sstep": lambda self, _: b"0x1",
    }
    BEGUN = {                                              # and those that go on
        "qSupported:": query.supported, "qAttached:": _is_attached, "qThreadExtraInfo,": query.info, "qRcmd,": query.command,
        "qXfer:": query.transfer, "qSymbol:": lambda self, _: ACCEPTED, "Qqemu.PhyMemMode:": _physical_mode, "QNonStop": query.nonstop,
        "vCont;": _actions, "vAttach;": _attach, "vKill;": _kill_process, "vRun;": _run, "G": access.write_all, "p": access.read_one,
        "P": access.write_one, "m": access.read_memory, "M": access.write_memory, "Z": breakpoints.insert, "z": breakpoints.remove,
        "c": _continue, "C": lambda self, text: self._continue(self._signalled(text)), "s": _step,
        "S": lambda self, text: self._step(self._signalled(text)),
        "H": _choose, "T": _alive, "D;": _detach, "R": _restart,
    }
