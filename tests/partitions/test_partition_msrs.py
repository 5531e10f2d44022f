"""The MSRs of a partition are those of the bare machine, but for the differences that docs/choices.md lists."""
import pytest

from emu.asm import assemble
from emu.image import of_assembly
from emu.machine import Config, Machine
from emu.machine.partition import base_of
from emu.spec.msr import ROWS
from tests.guests.guests import FOLDER

MEMORY, READ, WROTE = 16 << 20, 0x700000, 0x780000
NUMBERS = {name: number for name, number, *_ in ROWS}
TIMES = ("TSC", "TSC_DEADLINE")                            # of the moment
# Not there in a partition: #GP(0)
ABSENT = {"FEATURE_CONTROL", "TSC_ADJUST", "ARCH_CAPABILITIES"}
ABSENT |= {name for name in NUMBERS if name.startswith(("MTRR_FIX", "MTRR_PHYS", "MC0_", "MC1_", "MC2_", "MC3_"))}
OTHER = {"MTRRCAP", "MTRR_DEF_TYPE", "MCG_CAP", "MISC_ENABLE", "BIOS_SIGN_ID", "BIOS_UPDT_TRIG"}         # there, with another value
LIST = """
test:   ON      VECTOR_GP, refused
        lea     r12, [rip + list]
        mov     r13d, {read}
1:      mov     ecx, [r12]
        cmp     ecx, -1
        je      2f
        mov     dword ptr [rip + there], 1
        rdmsr
        mov     [r13], eax
        mov     [r13 + 4], edx
        mov     eax, [rip + there]
        mov     [r13 + 8], eax
        add     r12, 4
        add     r13, 16
        jmp     1b
2:      mov     r13d, {wrote}
{writes}        PASS
refused: add    qword ptr [rdi + FRAME_RIP], 2  # past RDMSR or WRMSR
        mov     dword ptr [rip + there], 0
        ret
        .balign 4
there:  .long   0
list:   .long   {numbers}, 0xFFFFFFFF
"""
WRITES = [("POWER_CTL", 2, 1), ("POWER_CTL", 1, 0), ("POWER_CTL", 1 << 40, 0), ("POWER_CTL", 0, 1), ("PKG_CST_CONFIG_CONTROL", 1 << 15, 0)]


def source(tmp_path):
    writes = "".join(f"""
        mov     dword ptr [rip + there], 1
        mov     ecx, {NUMBERS[name]}
        mov     eax, {value & 0xFFFFFFFF}
        mov     edx, {value >> 32}
        wrmsr
        mov     eax, [rip + there]
        mov     [r13], eax
        add     r13, 4
""" for name, value, _ in WRITES)
    text = LIST.format(read=READ, wrote=WROTE, writes=writes, numbers=", ".join(map(str, NUMBERS.values())))
    path = tmp_path / "msrs.s"
    path.write_text(f'        .include "{FOLDER / "lib.s"}"\n{text}')
    return of_assembly(assemble(path), MEMORY)


def found(image, place):
    """Return ({name: value, None where it is #GP}, [whether each of WRITES was taken])."""
    machine, base = Machine(Config(memory_bytes=MEMORY + (64 << 20 if place == "partition" else 0))), 0
    if place == "partition":
        machine.load_partition(image)
    else:
        machine.load(image)
    result = machine.run(max_cycles=1_000_000_000)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0)
    if place == "partition":
        base = base_of(0, machine.read)
    values = {}
    for n, name in enumerate(NUMBERS):
        row = machine.read(base + READ + 16 * n, 16)
        values[name] = int.from_bytes(row[:8], "little") if row[8] else None
    return values, list(machine.read(base + WROTE, 4 * len(WRITES))[::4])


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    image = source(tmp_path_factory.mktemp("msrs"))
    return found(image, "bare"), found(image, "partition")


def test_partition_has_the_registers_of_the_bare_machine_but_for_what_is_listed(both):
    (bare, _), (partition, _) = both
    assert {name for name in bare if bare[name] is not None and partition[name] is None} == ABSENT
    assert {name for name in bare if bare[name] is None and partition[name] is not None} <= OTHER
    assert {name for name in bare if name not in (*ABSENT, *TIMES) and bare[name] != partition[name]} == OTHER


def test_power_registers_read_and_write_alike(both):
    (bare, taken), (partition, taken_there) = both
    assert bare["PKG_CST_CONFIG_CONTROL"] == partition["PKG_CST_CONFIG_CONTROL"] == 1 << 15
    assert taken == taken_there == [wanted for *_, wanted in WRITES]
