# halted.s - halt with interrupts off: nothing can wake it.
#
# Entry   LONG state of hv/README.md, "What a partition finds"
# Exit    0xE000_0002
# Source  hv/README.md, "The life of an interrupt"

        .org    0x100000

start:  cli
        hlt
        jmp     start
