"""Packets of gdb's remote serial protocol: taken out of a stream of bytes, and framed.

Source: Debugging with GDB, "Remote Protocol: Overview"
"""
from collections import namedtuple

PACKET_LIMIT = 0x10000                                     # bytes of a packet that is still taken
ACKNOWLEDGE, REFUSE, INTERRUPT = b"+", b"-", 3
ESCAPE, ESCAPED = 0x7D, b"#$}*"

Packet = namedtuple("Packet", "kind data")                 # kind: "packet", "broken", "interrupt", "ack", "nak"


def escape(data):
    """Return bytes with those escaped that would end or begin a packet, or repeat."""
    return b"".join(bytes((ESCAPE, byte ^ 0x20)) if byte in ESCAPED else bytes((byte,)) for byte in data)


def unescape(data):
    """Return the bytes that were escaped."""
    found, waiting = bytearray(), False
    for byte in data:
        if waiting:
            found.append(byte ^ 0x20)
            waiting = False
        elif byte == ESCAPE:
            waiting = True
        else:
            found.append(byte)
    return bytes(found)


def frame(data):
    """Return the packet that carries bytes as they are (already escaped where they are binary)."""
    return b"$" + data + b"#%02x" % (sum(data) & 0xFF)


class Reader:
    """Takes packets out of the bytes of a connection, in any pieces; what lies between packets is passed over."""

    def __init__(self):
        self._left, self._oversize = bytearray(), False

    def feed(self, data):
        """Take more bytes; yields a Packet for each that is complete.  "broken": wrong checksum or too long."""
        self._left += data
        while self._left:
            byte = self._left[0]
            if byte == ord("$"):
                done = self._packet()
                if done is None:
                    return
                yield done
                continue
            del self._left[0]
            if byte == INTERRUPT:
                yield Packet("interrupt", b"")
            elif byte in b"+-":
                yield Packet("ack" if byte == ord("+") else "nak", b"")

    def _packet(self):
        """Return the packet at the front, None when it is not complete."""
        end = self._left.find(b"#", 1)
        again = self._left.find(b"$", 1, end if end > 0 else len(self._left))
        if again > 0 and not self._oversize:               # the one before was cut off
            del self._left[:again]
            return Packet("broken", b"")
        if end < 0 or len(self._left) < end + 3:
            if len(self._left) > PACKET_LIMIT:
                self._oversize = True
                del self._left[1:]
            return None
        data, told = bytes(self._left[1:end]), bytes(self._left[end + 1:end + 3])
        del self._left[:end + 3]
        oversize, self._oversize = self._oversize or end > PACKET_LIMIT, False
        whole = not oversize and told.lower() == b"%02x" % (sum(data) & 0xFF)
        return Packet("packet", data) if whole else Packet("broken", data[:32])
