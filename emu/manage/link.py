"""The service's end of a worker process: it never waits for it and never raises; whatever goes wrong with it ends the worker."""
import json
import os
import selectors
import subprocess
import sys
import time
from contextlib import suppress

WAITS_MOST = 32 << 20                                     # bytes that a worker has not taken yet
ANSWER_MOST = 4 << 20                                     # bytes of an answer: 1024 sectors in base64, and room
FAREWELL_SECONDS = 5                                      # seconds for what a worker still has to do when its machine has ended
INPUT_PIECE = 1 << 16


def command(disk, console):
    """Return the command line of a worker of this process."""
    return [sys.executable, "-m", "emu.manage.worker", disk, console, str(os.getpid())]


class Link:
    """A worker process.

    answer(dict): called for each line of it; ended(why): called once, when the process is gone and all that it sent was read.
    """

    def __init__(self, selector, disk, console, answer, ended):
        self._selector, self._answer, self._ended = selector, answer, ended
        self._process = subprocess.Popen(command(disk, console), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.pid = self._process.pid
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        os.set_blocking(self._output.fileno(), False)
        self._waits, self._heard, self._writing = bytearray(), bytearray(), False
        self._deadline = 0.0                              # 0: it may live as long as it likes
        self._why = ""                                    # why we ended it
        self.over = False
        selector.register(self._output, selectors.EVENT_READ, lambda _: self._read())

    def send(self, request):
        """Hand it a request: now, or when it takes it."""
        if self._input is None:
            return                                        # it ends: that is noticed where it is heard
        self._waits += json.dumps(request).encode() + b"\n"
        if len(self._waits) > WAITS_MOST:
            self.kill(f"it has left {WAITS_MOST >> 20} MiB of requests waiting")
        self._write()

    def finish(self):
        """Let it end when it has done what it was asked."""
        if not self._deadline:
            self._deadline = time.monotonic() + FAREWELL_SECONDS
            self._write()

    def kill(self, why):
        """End it at once."""
        self._why = self._why or why
        self._deadline = self._deadline or time.monotonic()
        self._waits.clear()
        self._process.kill()
        self._write()

    @property
    def ends(self):
        """Is it about to end, so that `tick` has to be called often?"""
        return bool(self._deadline) and not self.over

    def _write(self):
        try:
            while self._waits:
                del self._waits[:os.write(self._input.fileno(), self._waits[:INPUT_PIECE])]
        except BlockingIOError:
            pass
        except OSError:                                   # it does not read any more
            self._waits.clear()
            self._deadline = self._deadline or time.monotonic() + FAREWELL_SECONDS
        wanted = bool(self._waits)
        if wanted and not self._writing:
            self._selector.register(self._input, selectors.EVENT_WRITE, lambda _: self._write())
        elif self._writing and not wanted:
            self._selector.unregister(self._input)
        self._writing = wanted
        if self._deadline and not wanted and self._input is not None:
            with suppress(OSError):
                self._input.close()
            self._input = None

    def _read(self):
        try:
            data = os.read(self._output.fileno(), 1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(self._output)
            self._output.close()
            self._output = None
            self._deadline = self._deadline or time.monotonic() + FAREWELL_SECONDS
            self.tick()
            return
        self._heard += data
        while b"\n" in self._heard:
            line, _, rest = bytes(self._heard).partition(b"\n")
            self._heard[:] = rest
            self._take(line)
        if len(self._heard) > ANSWER_MOST:
            self._heard.clear()
            self.kill("its answer has no end")

    def _take(self, line):
        try:
            answer = json.loads(line)
            if not isinstance(answer, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as error:
            self.kill(f"it sent a malformed answer: {error}")
            return
        self._answer(answer)

    def tick(self):
        """Look whether it has ended; a worker that takes too long over it is killed."""
        if self.over:
            return
        if self._deadline and time.monotonic() > self._deadline:
            self._waits.clear()
            self._write()
            self._process.kill()
        if self._output is None and (code := self._process.poll()) is not None:
            self.over = True
            self._waits.clear()
            self._write()
            if self._input is not None:
                with suppress(OSError):
                    self._input.close()
                self._input = None
            self._ended(self._why or (f"signal {-code}" if code < 0 else f"exit code {code}"))
