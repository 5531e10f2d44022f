"""The public name of `emu.debug.views.vmcs`."""
from emu.debug.views.vmcs import Change, Verdict, Vmcs, check, difference, processor_of, rows

__all__ = ["Change", "Verdict", "Vmcs", "check", "difference", "processor_of", "rows"]
