"""The past of a run: snapshots and their files, the way back, recordings, who wrote a value, where two runs diverge.

`from emu.debug.history import History` is the public name.
"""


def __getattr__(name):
    if name == "History":
        from emu.debug.history.history import History

        return History
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
