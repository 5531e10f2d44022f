"""Every error that hvlab reports to a person, with the exit code of the command that it ends."""

# Exit codes of the command (docs/commands.md); USAGE: a wrong option, or a file that cannot be used.
OK, GUEST_FAILED, USAGE, ENTRY_FAILED, SHUTDOWN, BUDGET, INTERNAL, RESET, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 7, 130


class HvlabError(Exception):
    """Base of all errors that carry a message for a person; `exit_code` ends the command."""

    exit_code = 6


class ConfigError(HvlabError):
    """A value given by the user is not possible; the message says what came and what is allowed."""

    exit_code = 2


class ImageError(HvlabError):
    """An image file cannot be loaded: truncated, foreign or unsupported."""

    exit_code = 2


class AssemblyError(HvlabError):
    """A source file does not assemble; the message has file and line."""

    exit_code = 2


class EngineError(HvlabError):
    """The execution engine is not the one this program was calibrated for."""

    exit_code = 6


class DebugError(HvlabError):
    """A debugger asked for what is not there: memory that is not mapped, a register that is not known, a breakpoint without number."""

    exit_code = 2


class SnapshotError(HvlabError):
    """A snapshot or a recording cannot be used: altered, of another version, or of another machine."""

    exit_code = 2


class TraceError(HvlabError):
    """A file of a trace cannot be used: altered, truncated or of another version."""

    exit_code = 2


class ReplayError(HvlabError):
    """A run that was repeated is not the recorded one; the message names what differs."""

    exit_code = 1


class Unmodelled(HvlabError):
    """The machine met something that is not modelled, and stops rather than guess.

    what: what was met; rip: where; source: manual volume and section title; place: RIP with its symbol, as text.
    """

    exit_code = 6

    def __init__(self, what, rip=0, source="", place=""):
        self.what, self.rip, self.source = what, rip, source
        super().__init__(f"not modelled: {what} at RIP {place or f'{rip:#x}'}" + (f" ({source})" if source else ""))


class ManageError(HvlabError):
    """A virtual machine cannot do what was asked, or what it runs on has failed; the message says which and why."""

    exit_code = 1
