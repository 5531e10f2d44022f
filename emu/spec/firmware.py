"""What the boot firmware leaves in memory, and what the loader leaves for the firmware: offsets and addresses.

Shared by firmware/boot/*.s, hv/*/*.s, guest programs and the loaders; drawn in firmware/boot/README.md.
"""
from emu.bits import codes

LOW = codes("LOW", "ours: physical addresses below 1 MiB; the firmware's own lie where a BIOS has its ROM, which the memory map reserves",
    FREE=(0x500, "first byte that images may use; below: real-mode vectors, BIOS data area"),
    EBDA=(0x9_FC00, "end of usable low memory"), ACPI=(0xE_0000, "RSDP, RSDT, XSDT, FADT, FACS, DSDT, SPCR, MADT"),
    BOOT=(0xE_4000, "boot information, a BOOT structure"), E820=(0xE_4100, "memory map, entries of E820_SIZE bytes"),
    MAILBOXES=(0xE_4400, "one MAILBOX per processor, by APIC ID, up to 16"),
    BLOCK=(0xE_5000, "boot block, a BLOCK structure; the loader writes it before power-on"),
    TRAMPOLINE=(0xE_6000, "16-bit start of the other processors: start-up vector 0xE6"),
    GDT=(0xE_7000, "global descriptor table: 0x08 64-bit code, 0x10 32-bit code, 0x18 data"),
    PARK_STACKS=(0xE_8000, "0x200 bytes per parked processor"), STACK=(0xE_F000, "top of the first processor's stack"),
    PML4=(0xF_0000, "page tables: PML4, PDPT, four page directories of 2 MiB pages, up to 0xF6000"),
    MP=(0xF_8000, "MP floating pointer structure and configuration table"), HIGH=(0x10_0000, "RAM above the first MiB"))

BLOCK = codes("BLOCK", "ours: boot block, offsets; little-endian; whoever places a payload in memory writes it",
    MAGIC=(0x00, "u64, BLOCKVALUE_MAGIC"), KIND=(0x08, "u32, PAYLOAD"), FLAGS=(0x0C, "u32, 0"), ENTRY=(0x10, "u64, address of the first instruction"),
    REGS=(0x18, "16 u64, values of RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 at entry; RSP 0 keeps the firmware's stack"),
    RANGES=(0x98, "u32, number of ranges that the payload occupies, 0..16"),
    RANGE=(0xA0, "16 x {u64 address, u64 bytes}"), SIZE=(0x1A0, "bytes"))

PAYLOAD = codes("PAYLOAD", "ours: how a payload is entered",
    LONG=(0, "64-bit mode, 4 GiB identity mapped, other processors parked at mailboxes; RDI 0 becomes the boot information"),
    FLAT=(1, "32-bit protected mode, flat, paging off: multiboot-1; other processors halted"),
    LINUX=(2, "the same, for the Linux 32-bit boot protocol"),
    LINUX64=(3, "64-bit mode, 4 GiB identity mapped: Linux 64-bit boot protocol; other processors halted"))

BLOCKVALUE = codes("BLOCKVALUE", "ours", MAGIC=(0x3130_544F_4F42_5648, 'the bytes "HVBOOT01"'))

BOOT = codes("BOOT", "ours: boot information, offsets; what RDI points to at a LONG payload's entry",
    MAGIC=(0x00, 'u64, BOOTVALUE_MAGIC'), E820=(0x08, "u64, address of the memory map"), E820_COUNT=(0x10, "u32, its entries"),
    PROCESSORS=(0x14, "u32, processors found, this one included"), MAILBOXES=(0x18, "u64, address of the mailboxes"),
    RSDP=(0x20, "u64, address of the ACPI root pointer"), MEMORY=(0x28, "u64, bytes of RAM in all"),
    BLOCK=(0x30, "u64, address of the boot block"), SIZE=(0x38, "bytes"))

BOOTVALUE = codes("BOOTVALUE", "ours", MAGIC=(0x3130_4F46_4E49_5648, 'the bytes "HVINFO01"'))

MAILBOX = codes("MAILBOX", "ours: one per processor, index = APIC ID; a parked processor jumps when ENTRY is not 0",
    ENTRY=(0x00, "u64, 64-bit address to jump to; store it last"), ARGUMENT=(0x08, "u64, value of RDI there"),
    STATE=(0x10, "u32, PARK"), SIZE=(0x40, "bytes"))

PARK = codes("PARK", "ours: MAILBOX.STATE", ABSENT=(0, "never started"), PARKED=(1, "polls ENTRY"), LEFT=(2, "has jumped"))

E820 = codes("E820", 'ACPI, "System Address Map Interfaces": offsets of an entry, and types',
    BASE=(0, "u64"), LENGTH=(8, "u64"), TYPE=(16, "u32"), ATTRIBUTES=(20, "u32, 1"), SIZE=(24, "bytes of an entry"),
    RAM=(1, "type: usable"), RESERVED=(2, "type: not usable"))

FWCFG = codes("FWCFG", 'QEMU, "QEMU Firmware Configuration (fw_cfg) Device": selectors',
    RAM_SIZE=(0x0003, "u64 bytes of RAM"), PROCESSORS=(0x0005, "u16 number of processors"))
