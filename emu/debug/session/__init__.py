"""A debugger's hold on a machine: sessions, threads, points, conditions, trace events.

`from emu.debug.session import Session` is the public name.
"""


def __getattr__(name):
    if name == "Session":
        from emu.debug.session.session import Session

        return Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
