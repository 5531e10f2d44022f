"""A TCP server on 127.0.0.1 for one gdb at a time.

The machine runs in this thread, a few milliseconds at a time; between slices the connection is served.  A second client is
turned away with a message; one whose connection drops leaves the machine stopped as it is, for the next.

Any page in a browser can connect to a port of this computer and send it a request with packets in its body.  So a client must
speak as a debugger from its first byte on, and introduce itself by its first packet; else it is let go and nothing was answered.
"""
import re
import select
import socket

from emu.debug.gdb import packet
from emu.debug.gdb.files import EINVAL
from emu.errors import ConfigError
from emu.files import printable

LOOPBACK = "127.0.0.1"
RECEIVE_BYTES, POLL_SECONDS, STALL_SECONDS = 65536, 0.2, 10.0  # STALL_SECONDS: seconds that a client may take none of what is sent
FIRST_BYTES = b"$+-\x03"                                   # of a debugger; a request of HTTP begins with a letter, TLS with 0x16
INTRODUCTIONS = (b"qSupported", b"QStartNoAckMode")        # first packets of gdb and LLDB
REQUEST = re.compile(rb"[A-Z]{3,10} \S+ HTTP/\d")
WAITING_LIMIT = 10_000                                           # packets that may wait for an answer
BUSY = b"E.another debugger holds this machine: one at a time"


def address_of(text):
    """Return (host, port) of `[127.0.0.1:]PORT`; ConfigError for another host or no port."""
    host, colon, port = text.rpartition(":")
    if colon and host not in (LOOPBACK, "localhost", ""):
        raise ConfigError(f"the server listens on {LOOPBACK} only, not on {host!r}: a debugger may do anything with the machine")
    if not port.isdecimal() or not 0 <= int(port) < 65536:
        raise ConfigError(f"the address must be [{LOOPBACK}:]PORT with a port of 0 (any free one) to 65535, not {text!r}")
    return LOOPBACK, int(port)


class Server:
    """Takes its port at once, and listens when it can answer.

    `serve` answers until the debugger kills the machine, or lets it go and it has ended.
    """

    def __init__(self, address, stub_of, log=None):
        """address: (host, port), port 0: any; `stub_of(poll, tell)` makes the Stub; log(text): what happens, for people."""
        self.log = log or (lambda text: None)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listen(self.listener.bind, address)
        self.address = self.listener.getsockname()
        self.client, self.reader, self.waiting, self.dropped, self.acknowledge = None, packet.Reader(), [], False, True
        self._sent, self._spoken, self._known = b"", False, False           # whether it sent a byte, whether it introduced itself
        self.stub = stub_of(self.poll, self.tell)         # may compile for minutes: gdb would give up on a port that answers late
        self._listen(self.listener.listen, 4)

    def _listen(self, function, argument):
        try:
            function(argument)
        except OSError as error:
            self.listener.close()
            host, port = argument if isinstance(argument, tuple) else self.address
            raise ConfigError(f"{host}:{port} cannot be listened on: {error.strerror}") from error

    def close(self):
        """Close the connection and the listening socket."""
        for each in (self.client, self.listener):
            if each:
                each.close()
        self.client = None

    # ---- one connection -------------------------------------------------------------------------------------------------
    def _send(self, data):
        self._sent = data
        try:
            self.client.sendall(data)
        except OSError:
            self.dropped = True

    def tell(self, text):
        """Write text on gdb's console; it may come only while a run is on."""
        if self.client:
            self._send(packet.frame(b"O" + printable(text).encode().hex().encode()))

    def _receive(self):
        """Take what has come; notes a connection that is gone."""
        try:
            data = self.client.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        self.dropped = self.dropped or not data
        if data and not self._spoken:
            self._spoken = True
            if data[0] not in FIRST_BYTES:
                what = "a request of HTTP, perhaps of a page in a browser" if REQUEST.match(data) else "no debugger's packets"
                self._turn_away(f"it sent {what}")
        if not self.dropped:
            self.waiting += self.reader.feed(data)
        if len(self.waiting) > WAITING_LIMIT:
            self._turn_away(f"more than {WAITING_LIMIT:,} packets of its wait")

    def _turn_away(self, why):
        self.log(f"the connection is closed: {why}")
        self.dropped, self.waiting = True, []

    def _ready(self, seconds=0.0):
        """Serve the sockets: refuse a second client, take what the first sent."""
        watched = ([self.client] if self.client and not self.dropped else []) + [self.listener]
        for each in select.select(watched, [], [], 0 if self.dropped else seconds)[0]:
            if each is self.client:
                self._receive()
            elif not self.client:
                self._accept()
            elif not self._known:                          # it must not keep a debugger out by saying nothing
                self._turn_away("it has not introduced itself as a debugger, and another one came")
            elif not self.dropped:                         # else it waits until the one before is let go
                self._refuse()

    def _accept(self):
        self.client, peer = self.listener.accept()
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.settimeout(STALL_SECONDS)
        self.reader, self.waiting, self.dropped, self.acknowledge = packet.Reader(), [], False, True
        self._spoken = self._known = self.stub.words = self.stub.numbered = False
        self.log(f"a debugger connected from port {peer[1]}")

    def _refuse(self):
        other, peer = self.listener.accept()
        with other:
            try:
                other.settimeout(POLL_SECONDS)
                other.sendall(b"+" + packet.frame(BUSY))
            except OSError:
                pass
        self.log(f"a second debugger from port {peer[1]} was turned away")

    def poll(self):
        """Return whether a run is to be interrupted: Ctrl-C came, or the connection is gone."""
        self._ready()
        if self.dropped and self.client:
            return True
        asked = [each for each in self.waiting if each.kind == "interrupt"]
        self.waiting = [each for each in self.waiting if each.kind not in ("interrupt", "ack")]
        return bool(asked)

    def _handle(self, each):
        if each.kind == "nak" and self._sent:
            self._send(self._sent)
        elif each.kind == "broken" and self.acknowledge:
            self._send(packet.REFUSE)
        elif each.kind == "broken":
            what = f"the packet is broken: wrong checksum, cut off, or longer than {packet.PACKET_LIMIT} bytes"
            self._send(packet.frame(self.stub.refusal(EINVAL, what)))
        elif each.kind == "packet" and not (self._known or each.data.startswith(INTRODUCTIONS)):
            self._turn_away(f"a debugger's first packet is {' or '.join(name.decode() for name in INTRODUCTIONS)}, not {each.data[:16]!r}")
        elif each.kind == "packet":
            self._known = True
            if self.acknowledge:
                self._send(packet.ACKNOWLEDGE)
            reply = self.stub.answer(each.data)
            if reply is not None and not (self.dropped or self.stub.killed and each.data == b"k"):
                self._send(packet.frame(reply))
            if each.data == b"QStartNoAckMode" and reply == b"OK":
                self.acknowledge = False

    def _let_go(self):
        """End the connection; the machine stays as it is."""
        self.client.close()
        self.client = None
        self.log("the debugger went away" + ("; the machine runs on" if self.stub.detached else "; the machine waits as it is"))

    # ---- until the end ----------------------------------------------------------------------------------------------------
    def serve(self):
        """Answer until `k`, or until the machine, let go by a detach, has ended; returns the Stub."""
        while not self.stub.killed:
            if self.client and (self.dropped or self.stub.detached):
                self._let_go()
            if self.stub.exited and not self.client:
                break
            if self.stub.detached and not self.client:
                if not self._run_free():
                    break
            self._ready(POLL_SECONDS if not self.waiting else 0)
            while self.waiting and self.client and not self.stub.killed:
                self._handle(self.waiting.pop(0))
        return self.stub

    def _run_free(self):
        """Let the machine run without a debugger until it ends or one connects; returns whether one did."""
        def connected():
            self._ready()
            if self.client and self.dropped:               # not a debugger, so not a reason to stop
                self._let_go()
            return any(each.kind == "packet" for each in self.waiting)

        stop = self.stub.session.run(pause=connected)
        self.stub.detached = False
        if stop.reason == "ended":
            self.stub.result, self.stub.error = stop.result, stop.error
            return False
        return True
