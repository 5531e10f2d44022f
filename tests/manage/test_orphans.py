"""kill -9 at any moment: no process stays, no lock, no row that is wrong, no file that is half; and the next service goes on."""
import base64
import os
import random
import signal
import threading
import time
from contextlib import suppress

import pytest

from emu.errors import HvlabError
from emu.manage import files, store
from tests.manage.lab import nothing_is_wrong, processes

LIFE = (("start", {}), ("type", {"data": base64.b64encode(b"abd").decode()}), ("pause", {}), ("resume", {}), ("checkpoint", {}),
        ("stop", {}), ("apply", {}), ("type", {"data": base64.b64encode(b"q").decode()}), ("start", {}), ("stop", {}), ("delete", {}))


def live(lab, stop):
    """Run the script again and again until it is to stop, or the service is gone."""
    while not stop.is_set():
        with suppress(HvlabError):
            lab.ask("list")
            with files.making(lab.folder) as own:
                files.write_whole(own / files.DISK, [lab.disk])
                store.Store(lab.folder).add("one", 4 << 20, made=own)
        for do, more in LIFE:
            try:
                if lab.ask(do, name="one", **more) is None:
                    return
            except HvlabError:
                pass                                      # its worker was killed, so it is in another state
            time.sleep(lab.dice.uniform(0, 0.1))
        if lab.ask("list") is None:
            return


def kill_at_random(lab, moments, seed):
    """Kill the service or a worker at so many moments, and examine what is left each time."""
    lab.dice = dice = random.Random(seed)
    lab("create", "one", "--kernel", str(files.Path(__file__).parent / "echo.s"), "--disk-size", "64K", "--memory", "4M")
    lab("create", "other", "--kernel", str(files.Path(__file__).parent / "echo.s"), "--disk-size", "64K", "--memory", "4M")
    lab.disk = lab.file("one", files.DISK).read_bytes()
    done = 0
    while done < moments:
        lab("start", "other")
        service = lab.ask("list")["service"]
        stop = threading.Event()
        thread = threading.Thread(target=live, args=(lab, stop))
        thread.start()
        while done < moments:
            time.sleep(dice.uniform(0.05, 1.5))
            workers = [pid for pid in processes(lab.folder) if pid != service]
            done += 1
            if workers and dice.random() < 0.5:
                kill(dice.choice(workers))
                answer = lab.ask("list")                  # the service and the others go on
                assert answer is not None and answer["service"] == service
                with suppress(HvlabError):
                    lab.ask("start", name="other")
            else:
                kill(service)
                break
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
        if done == moments:
            kill(service)
        end = time.monotonic() + 20
        while processes(lab.folder):
            assert time.monotonic() < end, processes(lab.folder)
            time.sleep(0.02)
        nothing_is_wrong(lab.folder)


def kill(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_killed_at_some_moments_of_its_life(lab):
    kill_at_random(lab, 3, 12)


@pytest.mark.slow
def test_killed_at_more_moments_of_its_life(lab):
    kill_at_random(lab, 25, 0)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(1, 4))
def test_killed_at_a_hundred_moments_of_its_life(lab, seed):
    kill_at_random(lab, 25, seed)
