"""The current virtual-machine control structure: words of its region for kernels, names for people.

Shadow VMCSs are not modelled: this processor does not offer VMCS shadowing.
"""
from emu.bits import LOW_32, U64, name_of, shift_of, show
from emu.jit import kernel, words
from emu.spec.profile import SUPPORTED
from emu.spec.vmcs import ENCODING, ENCODINGS, FIELD, GROUP, INDEX_BITS, REGION_WORDS, VMCS, WIDTH, group_of, width_of
from emu.spec.vmx import ACTIVITY, FORMAT, REASON, VMERROR

SLOTS, MASK, READ_ONLY = ENCODINGS.index, ENCODINGS.mask, ENCODINGS.read_only
INDEX_SHIFT, GROUP_SHIFT = U64(shift_of(ENCODING.INDEX)), U64(shift_of(ENCODING.GROUP) - INDEX_BITS)
WIDTH_SHIFT = U64(shift_of(ENCODING.WIDTH) - INDEX_BITS - 2)
LOW_INDEX = U64((1 << INDEX_BITS) - 1)
IS_QUAD = WIDTH.QUAD << U64(shift_of(ENCODING.WIDTH))
UNUSED = ~(ENCODING.HIGH | LOW_INDEX << INDEX_SHIFT | ENCODING.GROUP | ENCODING.WIDTH)   # bits no field of ours has


@kernel
def fields(c):
    """View the words of the current VMCS (uint64[512], by FIELD index) of a CPU record."""
    return words(c.vmcs, REGION_WORDS)


@kernel
def index_of(encoding):
    """Return the word index of the field with this VMCS encoding (uint64), 0 when this processor lacks it.

    Source: SDM 3D, "Field Encoding in VMCS"
    """
    if encoding & UNUSED:
        return 0
    if encoding & ENCODING.HIGH and encoding & ENCODING.WIDTH != IS_QUAD:
        return 0
    word = SLOTS[encoding >> INDEX_SHIFT & LOW_INDEX | (encoding & ENCODING.GROUP) >> GROUP_SHIFT |
                 (encoding & ENCODING.WIDTH) >> WIDTH_SHIFT]
    return word if SUPPORTED[word] else 0


@kernel
def read_only(index):
    """Return whether the field at word `index` is VM-exit information, which VMWRITE refuses."""
    return READ_ONLY[index] != 0


@kernel
def read(v, index, encoding):
    """Return the field at word `index` of VMCS words `v`, its high half when bit 0 of `encoding` is 1."""
    if encoding & ENCODING.HIGH:
        return v[index] >> 32
    return v[index]


@kernel
def write(v, index, encoding, value):
    """Write the field at word `index`, or its high half when bit 0 of `encoding` is 1; drops excess bits of `value`."""
    if encoding & ENCODING.HIGH:
        v[index] = v[index] & LOW_32 | value << 32
    else:
        v[index] = value & MASK[index]


def decode(name, value):
    """Return what the value of field `name` means, in words, or "" when a number says it all."""
    if name == "EXIT_REASON":
        basic = name_of(REASON, value & 0xFFFF)
        return f"{basic}, VM-entry failure" if value >> 31 & 1 else basic
    if name == "GUEST_ACTIVITY":
        return name_of(ACTIVITY, value)
    if name == "VM_INSTRUCTION_ERROR":
        return name_of(VMERROR, value) if value else ""
    return show(FORMAT[name], value) if name in FORMAT else ""


class View:
    """A VMCS by field names: `vmcs.guest_rip`, `vmcs.guest_rip = 0x1000`; shares memory with the kernels.

    region: uint64[512], the VMCS region.  A value that does not fit the field raises ValueError.
    """

    __slots__ = ("_region",)

    def __init__(self, region):
        object.__setattr__(self, "_region", region)

    @classmethod
    def of(cls, c):
        """Return the view of the current VMCS of a CPU record."""
        return cls(words(c.vmcs, REGION_WORDS))

    def __getattr__(self, name):
        return int(self._region[_word(name)])

    def __setattr__(self, name, value):
        word = _word(name)
        if not 0 <= int(value) <= int(MASK[word]):
            raise ValueError(f"{name.upper()} has {int(MASK[word]).bit_length()} bits, {int(value):#x} does not fit")
        self._region[word] = U64(int(value))

    def __getitem__(self, name):
        return getattr(self, name.lower())

    def __setitem__(self, name, value):
        setattr(self, name.lower(), value)

    def address(self, name):
        """Return the host address of the 64-bit word that holds a field."""
        return self._region.ctypes.data + 8 * int(_word(name))

    def __dir__(self):
        return [name.lower() for name in VMCS._fields] + ["listing"]

    def listing(self, absent=False):
        """Return [(group, [(name, encoding, width in bits, value, decoded text), ...]), ...].

        absent: whether to list fields that this processor lacks.
        """
        groups = {int(code): (name.lower(), []) for name, code in zip(GROUP._fields, GROUP, strict=True)}
        for name, encoding in zip(VMCS._fields, VMCS, strict=True):
            if absent or SUPPORTED[getattr(FIELD, name)]:
                value = self[name]
                groups[group_of(encoding)][1].append((name, int(encoding), width_of(encoding), value,
                                                      decode(name, value)))
        return list(groups.values())


def _word(name):
    try:
        return getattr(FIELD, name.upper())
    except AttributeError:
        raise AttributeError(f"the VMCS has no field {name.upper()}") from None
