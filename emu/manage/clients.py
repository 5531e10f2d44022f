"""Clients of the service: connections to its socket, each with one request, a line of JSON, and one answer, another line.

Nothing here waits for a client: one that is slow, silent, endless or gone costs the virtual machines nothing.
"""
import json
import os
import selectors
import socket
import time
from contextlib import suppress

from emu.errors import ConfigError, ManageError
from emu.manage import files

REQUEST_MOST = 1 << 20                                    # bytes
CLIENTS_MOST = 64                                         # at once; for more, those go that have said no request yet
CLIENT_SECONDS = 10                                       # seconds to say a request, and to take an answer


class Client:
    """A connection: it sends its request, waits, takes the answer."""

    def __init__(self, connection, selector, asked, gone):
        self._connection, self._selector, self._asked, self._gone = connection, selector, asked, gone
        self._heard, self._waits, self._asks = bytearray(), b"", False
        self.deadline = time.monotonic() + CLIENT_SECONDS  # None: it waits for us
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, lambda _: self._read())

    def _read(self):
        if self._asks:                                    # heard already, in this turn of the loop
            return
        try:
            data = self._connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._heard += data
        line, end, _ = bytes(self._heard).partition(b"\n")
        if len(self._heard) > REQUEST_MOST:
            self._listen_no_more()
            self.answer({"error": f"not a request: it has more than {REQUEST_MOST} bytes", "code": 2})
        elif end or (not data and self._heard):
            self._listen_no_more()
            self._request(line)
        elif not data:
            self.close()

    @property
    def silent(self):
        """Has it not sent a whole request yet?"""
        return self._connection.fileno() >= 0 and self.deadline is not None and not self._asks

    def order(self):
        """Return the sort key of silent clients: those that have sent nothing for the longest time come first."""
        return bool(self._heard), self.deadline

    def look(self):
        """Hear what a silent one has said meanwhile."""
        self._read()

    def _listen_no_more(self):
        self._asks = True
        self._selector.unregister(self._connection)
        self.deadline = None

    def _request(self, line):
        try:
            request = json.loads(line)
            if not (isinstance(request, dict) and isinstance(request.get("do"), str)):
                raise ValueError("an object with \"do\" is one")
        except (ValueError, RecursionError) as error:
            self.answer({"error": f"not a request: {error}", "code": 2})
            return
        self._asked(self, request)

    def answer(self, answer):
        """Send the answer, as fast as the client takes it, and end."""
        self._waits = json.dumps(answer).encode() + b"\n"
        self.deadline = time.monotonic() + CLIENT_SECONDS
        self._selector.register(self._connection, selectors.EVENT_WRITE, lambda _: self._write())
        self._write()

    def _write(self):
        try:
            self._waits = self._waits[self._connection.send(self._waits):]
        except BlockingIOError:
            return
        except OSError:
            self._waits = b""
        if not self._waits:
            self.close()

    def close(self):
        """End the connection."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(self._connection)
        self._connection.close()
        self._gone(self)


class Clients:
    """The socket of a service and who is connected; asked(client, request): called for each request."""

    def __init__(self, folder, selector, asked):
        self._folder, self._selector, self._asked = folder, selector, asked
        self._held = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        self._clients: set[Client] = set()
        self._listener, self._accepts, self._again = None, False, 0.0
        self._listen()

    def _listen(self):
        """Listen on the socket; the caller holds the folder's lock, so a socket that is there belongs to no service."""
        with files.socket_path(self._folder) as path:
            listener = socket.socket(socket.AF_UNIX)
            before = os.umask(0o177)
            try:
                with suppress(FileNotFoundError):
                    os.unlink(path)
                listener.bind(path)
            except OSError as error:
                listener.close()
                raise ConfigError(f"{files.shown(self._folder / files.SOCKET)}: {error.strerror}") from None
            finally:
                os.umask(before)
        listener.listen()
        listener.setblocking(False)
        self._listener, self._inode = listener, self._there()
        self._accepting(True)

    def _there(self):
        """Return what identifies the socket that has our name now, or None."""
        try:
            found = os.stat(files.SOCKET, dir_fd=self._held)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _accepting(self, wanted):
        wanted = wanted and self._listener.fileno() >= 0
        if wanted != self._accepts:
            if wanted:
                self._selector.register(self._listener, selectors.EVENT_READ, lambda _: self._accept())
            else:
                self._selector.unregister(self._listener)
            self._accepts = wanted

    def _accept(self):
        for _ in range(CLIENTS_MOST):                     # the queue may be long
            if not self._room():
                break
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:                               # no more descriptors, or it is gone already
                self._accepting(False)
                self._again = time.monotonic() + 0.1
                return
            self._clients.add(Client(connection, self._selector, self._asked, self._clients.discard))
        self._accepting(self._may())

    def _may(self):
        """Is there room for another client, or can it be made?"""
        return len(self._clients) < CLIENTS_MOST or any(each.silent for each in self._clients)

    def _room(self):
        """Make room for another client: one that says nothing must not keep others waiting.  Returns whether there is some."""
        for client in sorted((each for each in self._clients if each.silent), key=Client.order):
            if len(self._clients) < CLIENTS_MOST:
                break
            client.look()                                 # it may have said something just now
            if client.silent:
                client.close()
        return len(self._clients) < CLIENTS_MOST

    def tick(self):
        """Let go of clients that take too long; returns False when the state folder is gone, and no client can connect any more."""
        now = time.monotonic()
        for client in [each for each in self._clients if each.deadline and each.deadline < now]:
            client.close()
        if now > self._again:
            self._accepting(self._may())
        if os.fstat(self._held).st_nlink == 0:
            return False
        if self._there() != self._inode:                  # somebody has removed it
            self._accepting(False)
            self._listener.close()
            with suppress(ConfigError):
                self._listen()
        return True

    def close(self):
        """Listen no more; clients that were answered may take their answers yet."""
        self._accepting(False)
        self._listener.close()
        with suppress(OSError):
            if self._there() == self._inode:
                os.unlink(files.SOCKET, dir_fd=self._held)
        for client in list(self._clients):
            client.close()
        os.close(self._held)


def ask(folder, **request):
    """Send a request to the service of a state folder; returns its answer, or None when there is no service."""
    try:
        with files.socket_path(folder) as path, socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile("rb").readline()
        answer = json.loads(line) if line.endswith(b"\n") else None
    except (FileNotFoundError, NotADirectoryError, ConnectionError):      # none, or it ends just now
        return None
    except OSError as error:
        raise ConfigError(f"{files.shown(folder)}: {error.strerror}") from None
    except ValueError as error:
        raise ManageError(f"the service sent a malformed answer: {error}") from None
    if answer and "error" in answer:
        raise (ConfigError if answer.get("code") == ConfigError.exit_code else ManageError)(answer["error"])
    return answer
