"""Engines of Unicorn's own in the same process: they behave as stock ones."""
import subprocess
import sys

PROGRAM = """
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc
from emu.core import build
build.entries()
code = bytes.fromhex(
    "b800200000 0f23c0"             # MOV EAX, 0x2000; MOV DR0, RAX
    "b810200000 0f23c8"             # MOV EAX, 0x2010; MOV DR1, RAX
    "b805040000 0f23f8"             # MOV EAX, 0x405; MOV DR7, RAX: both armed
    "0f20e0 0d80000000 0f22e0"      # CR4.PGE set, and cleared: its TLB is flushed
    "0f20e0 2560ffffff 0f22e0"
    "b800040000 0f23f8")            # none armed
uc = Uc(UC_ARCH_X86, UC_MODE_64)
uc.mem_map(0x1000, 0x4000)
uc.mem_write(0x1000, code)
uc.emu_start(0x1000, 0x1000 + len(code))
"""


def test_breakpoints_of_a_foreign_engine_stay_its_own():
    """The engine keeps what belongs to them where ours keep the table of found blocks."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
