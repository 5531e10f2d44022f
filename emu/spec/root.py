"""What the root partition of `firmware/root` and the host's management say to each other, and the devices it gives to its children.

Layouts and their use: firmware/root/README.md.
"""
from emu.bits import codes

ROOTVM = codes("ROOTVM", "firmware/root/README.md, \"States\"", NONE=(0, "no virtual machine"), READY=(1, "has memory, does not run yet"),
               RUNS=(2, "runs"), PAUSED=(3, "is suspended"), FAILED=(4, "cannot go on"))
ROOTS = codes("ROOTS", "firmware/root/README.md, \"Memory map\"", SLOTS=(8, "virtual machines at once"),
              MAILBOX=(0x20_0000, "command of the host"), INPUTS=(0x20_1000, "serial input, a page a slot"),
              REGISTERS=(0x20_9000, "register values for the host"), RECORD=(0x20_9C00, "the root's record of a child, for the host"),
              POOLS=(0x40_0000, "pages to deposit, a MiB a slot"),
              MEMORY=(0xC0_0000, "memory of the children, from here on"), POOL_PAGES=(256, "pages of a slot"))
VMMOST = codes("VMMOST", "firmware/root/README.md, \"Commands\"", PROCESSORS=(8, "of a virtual machine"))
ROOTOP = codes("ROOTOP", "firmware/root/README.md, \"Commands\"",
    HELLO=(1, "memory of the root, value: pages of its pool that are free"), CREATE=(2, "a virtual machine of so many bytes and processors; value: where its memory lies"),
    START=(3, "run from an address"), PAUSE=(4, "suspend"), RESUME=(5, "go on"), STOP=(6, "end, and give everything back"),
    DISK_DONE=(7, "the answer to a disk request; argument: 0, or 1 when it failed"), READ=(8, "registers into the page REGISTERS"),
    WRITE=(9, "registers from the page REGISTERS"), SAVE=(10, "the root's own record of a child, and its reference time, after them"),
    RESTORE=(11, "the other way"))
ROOTSAY = codes("ROOTSAY", "firmware/root/README.md, \"Channel\"",
    REPLY=(1, "sequence number, status, value"), ENDED=(2, "a child ended: code"), FAILED=(3, "a child cannot go on: message type, RIP"),
    DISK=(4, "sector, count, guest-physical address, 1 to write"), READY=(5, "the root has started"))
ROOTSTATUS = codes("ROOTSTATUS", "firmware/root/README.md, \"Commands\"; below 0x10000: HVSTATUS",
    DONE=(0, "done"), NO_SLOT=(0x1_0000, "no such slot, or in another state"), NO_MEMORY=(0x1_0001, "the root has not as much memory left"),
    UNKNOWN=(0x1_0002, "no such command"))
CHANNEL_TAG = codes("CHANNEL_TAG", "firmware/root/README.md, \"Channel\"", CHANNEL=(0xFE, "partition number that stands for the channel"))

# Ports of a child, answered by the root.
VPORT = codes("VPORT", "firmware/root/README.md, \"Devices of a child\"",
    EXIT=(0xF4, "32-bit write: the child ends with this code"), SERIAL=(0x3F8, "16550, eight ports; line 4 of the 8259 pair"),
    TIMER_PERIOD=(0x5000, "32-bit: interrupt each so many units of 100 ns, 0: off"),
    DISK_SECTOR=(0x5010, "32-bit: first sector"), DISK_COUNT=(0x5014, "32-bit: sectors of 512 bytes, 1 to VDISK_MOST"),
    DISK_ADDRESS=(0x5018, "32-bit: guest-physical address"), DISK_COMMAND=(0x501C, "write 1: read the disk, 2: write it; read: DISK_STATUS"))
VDISK = codes("VDISK", "firmware/root/README.md, \"Devices of a child\"", BUSY=(1, "a request is under way"), FAILED=(2, "the last one failed"),
              SECTOR=(512, "bytes"), MOST=(1024, "sectors of a request"))
VVECTOR = codes("VVECTOR", "firmware/root/README.md, \"Devices of a child\"", TIMER=(0x30, "vector of the timer"), DISK=(0x31, "vector of the disk"))
