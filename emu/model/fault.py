"""How a kernel says that an access or instruction did not complete."""
from emu.jit import kernel
from emu.spec.cpu import VECTOR
from emu.spec.outcome import FAULT, RESULT, STOP
from emu.state import env_of


@kernel
def raise_exception(c, vector, error):
    """Note an exception with its error code (ignored for vectors without one); returns RESULT.FAULT."""
    c.fault = FAULT.EXCEPTION
    c.fault_vector = vector
    c.fault_error = error
    return RESULT.FAULT


@kernel
def raise_exit(c, reason, qualification):
    """Note that a VM exit with this basic reason is due; returns RESULT.FAULT."""
    c.fault = FAULT.EXIT
    c.fault_vector = reason
    c.fault_qualification = qualification
    return RESULT.FAULT


@kernel
def unmodelled(c, row, a, b):
    """Stop the machine: `row` of UNMODELLED, with two operands for its text; returns RESULT.FAULT."""
    c.fault = FAULT.STOP
    c.stop = STOP.UNMODELLED
    c.stop_a = row
    c.stop_b = a
    c.stop_c = b
    if c.env:
        c.stop_rip = env_of(c.env)[0].rip
    return RESULT.FAULT


@kernel
def gp0(c):
    """Note #GP(0)."""
    return raise_exception(c, VECTOR.GP, 0)


@kernel
def ud(c):
    """Note #UD."""
    return raise_exception(c, VECTOR.UD, 0)
