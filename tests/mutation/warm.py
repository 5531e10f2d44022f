"""A process that has loaded everything, and runs tests on each mutant in a child of its own: `python -m tests.mutation.warm`.

To start Python, to import the tests and to load compiled kernels takes longer than most tests.  Here it happens once.
Standard input: a line of JSON with the tests that load the kernels, then one for each run: number, tests, seconds.
Standard output: a line of JSON for each run: verdict and the test that failed.
"""
import contextlib
import json
import os
import signal
import sys
import tempfile
import time

OPTIONS = ["-p", "tests.mutation.plugin", "-q", "-n", "0", "--tb=no", "-rfE", "-p", "no:cacheprovider"]


def in_child(action, seconds):
    """Do something in a child; returns (exit code, what it printed), code None when it was stopped after so many seconds."""
    sys.stdout.flush()
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            code = 70
            with contextlib.suppress(BaseException):
                os.setsid()
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                code = int(action())
                sys.stdout.flush()
            os._exit(code)
        code = _wait(child, time.monotonic() + seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)                # it, when it did not end, and what it started
        if code is None:
            os.waitpid(child, 0)
        output.seek(0)
        return code, output.read().decode(errors="replace")


def _wait(child, end):
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    return None


def main():
    """Load, then answer."""
    import pytest

    from tests.mutation import selector, verdict_of

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def run(number, tests):
        os.environ["HVLAB_MUTANT"] = str(number)            # for what the tests start
        selector.choose(number)
        return pytest.main([*OPTIONS, "-x", *tests])

    for line in sys.stdin:
        number, tests, seconds = json.loads(line)
        if number == 0:
            run(number, tests)
            verdict = None
        else:
            verdict = verdict_of(*in_child(lambda number=number, tests=tests: run(number, tests), seconds))
        print(json.dumps(verdict), file=answers, flush=True)


if __name__ == "__main__":
    main()
