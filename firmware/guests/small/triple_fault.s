# triple_fault.s - an exception without an IDT that could take it.
#
# Entry   LONG state of hv/README.md, "What a partition finds"
# Exit    0xE000_0001
# Source  SDM 3A, "Interrupt 8 - Double Fault Exception (#DF)"

        .org    0x100000

start:  lidt    [rip + nothing]                 # limit 0
        ud2

nothing: .word  0
        .quad   0
