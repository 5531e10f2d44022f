"""What the rest of the model asks of the virtualization extension: the seam between the two.

The extension is VMX, `emu.model.vmx`, and these are its kernels themselves, so that asking costs nothing.  A second extension is
a second folder with these functions; this module is then where the processor's mode chooses between the two.

- instructions: `owns` its own by their INSN kind, `execute` them; `check` whether another instruction exits, `time_exits`
  whether RDTSC, RDTSCP and PAUSE may
- registers: what CR0, CR4 and CR8 are to a guest that reads and writes them; `clts_changes`
- events: whether an `exception` or `software_exception` exits; `leave` the guest
- task switches, which are exits or stops: `task_switch` through the IDT, `task_transfer` by CALL and JMP, `task_iret`
- IRET and NMIs: `iret` and `iret_done` account for one, `iret_unblocks` whether it would change anything
- between instructions: `boundary`, the exit that is due; `next_boundary_deadline` and `window_awaited`, when the next may be
- `tsc_multiplier`: what the guest's time-stamp counter is scaled by
- `read_field` and `write_field`: VMREAD and VMWRITE, which `emu.core.fast` does without an event

Not here, as they lie lower: second-level paging (`emu.model.memory.ept`: `active`, `translate`, `verdict`, `granted`), and what
each side's time-stamp counter adds (`CPU.tsc_guest_offset`).
"""
from emu.jit import kernel
from emu.model.vmx.exit import leave
from emu.model.vmx.intercept import (
    boundary,
    check,
    clts_changes,
    cr0_seen,
    cr0_to_write,
    cr4_seen,
    cr4_to_write,
    cr8_read,
    cr8_write,
    cr_read_exits,
    exception,
    iret,
    iret_done,
    iret_unblocks,
    next_boundary_deadline,
    software_exception,
    time_exits,
    tpr_shadow,
    window_awaited,
)
from emu.model.vmx.task import BY_IDT
from emu.model.vmx.task import iret as task_iret
from emu.model.vmx.task import switch as task_switch
from emu.model.vmx.task import transfer as task_transfer
from emu.model.vmx.vmcs import fields
from emu.model.vmx.vmx import execute, read_field, write_field
from emu.spec.insn import INSN
from emu.spec.vmcs import FIELD

__all__ = ["BY_IDT", "boundary", "check", "clts_changes", "cr0_seen", "cr0_to_write", "cr4_seen", "cr4_to_write", "cr8_read",
           "cr8_write", "cr_read_exits", "exception", "execute", "iret", "iret_done", "iret_unblocks", "leave",
           "next_boundary_deadline", "owns", "read_field", "software_exception", "task_iret", "task_switch", "task_transfer",
           "time_exits", "tpr_shadow", "tsc_multiplier", "window_awaited", "write_field"]


@kernel
def owns(kind):
    """Return whether an instruction of this kind belongs to the extension."""
    return INSN.VMCALL <= kind <= INSN.VMFUNC


@kernel
def tsc_multiplier(c):
    """Return what the time-stamp counter of the guest is multiplied by: 48 fraction bits."""
    return fields(c)[FIELD.TSC_MULTIPLIER]
