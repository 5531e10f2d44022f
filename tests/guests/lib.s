# lib.s - what every guest program in this folder stands on.  Included first; the program's code begins at `test`.
#
# Entry   64-bit mode at 1 MiB as firmware/boot/README.md, "Handover", says for LONG payloads
# Exit    PASS, FAIL n, or a failed check: 32-bit write to the debug-exit port
# Source  tests/guests/README.md

        .use    cpu, firmware, platform, apic, uart, msr, paging, cpuid

        .org    0x100000

# ---- address space ----
        .equ    USER, 0x40000000                # the first 2 MiB again, for ring 3
        .equ    WINDOW, 0x60000000              # 512 pages of 4 KiB that MAP fills
        .equ    TABLES, 0x200000                # PML4, PDPT, four PDs
        .equ    WINDOW_PT, TABLES + 0x6000
        .equ    FREE, 0x210000                  # from here on memory is the test's own
        .equ    STACK0, 0x1FF000                # tops of stacks
        .equ    STACK3, 0x1EF000
        .equ    STACK_RSP0, 0x1DF000
        .equ    STACK_IST1, 0x1CF000
        .equ    STACK_IST2, 0x1BF000
        .equ    USER_PAGE, PTE_P | PTE_RW | PTE_US

# ---- selectors ----
        .equ    CODE64, 0x08
        .equ    DATA, 0x10
        .equ    USER_CODE32, 0x1B
        .equ    USER_DATA, 0x23
        .equ    USER_CODE64, 0x2B
        .equ    CODE32, 0x38
        .equ    CODE16, 0x40
        .equ    DATA16, 0x48
        .equ    TSS, 0x50
        .equ    SCRATCH, 0x60                   # four descriptors for the test
        .equ    TSS_BYTES, 104 + 8192 + 1

        .record FRAME                           # what handlers get in rdi
        .field  R15, 8
        .field  R14, 8
        .field  R13, 8
        .field  R12, 8
        .field  R11, 8
        .field  R10, 8
        .field  R9, 8
        .field  R8, 8
        .field  RDI, 8
        .field  RSI, 8
        .field  RBP, 8
        .field  RBX, 8
        .field  RDX, 8
        .field  RCX, 8
        .field  RAX, 8
        .field  VECTOR, 8
        .field  ERROR, 8
        .field  RIP, 8
        .field  CS, 8
        .field  RFLAGS, 8
        .field  RSP, 8
        .field  SS, 8
        .endrecord

        .set    CHECK, 0
        .equ    TO_KERNEL, 0x81                 # software interrupts of the library, DPL 3
        .equ    TO_FAIL, 0x82
        .equ    NOTHING, 0xFFFFFFFF

        .include "lib/macros.s"
        .include "lib/start.s"
        .include "lib/events.s"
        .include "lib/text.s"
        .include "lib/data.s"
