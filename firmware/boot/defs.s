# defs.s - constants of the boot ROM and its first address.

        .use    cpu, firmware, platform, apic, uart, msr, cpuid, paging

        .equ    ROM, 0xFFFE0000
        .equ    SEGMENT, 0xFFFF0000             # base of CS after reset: IP is an offset into it
        .equ    CODE64, 0x08                    # selectors in LOW_GDT
        .equ    CODE32, 0x10
        .equ    DATA, 0x18
        .equ    MIB, 0x100000

        .org    ROM
