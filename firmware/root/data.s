# data.s - what the root keeps.

        .balign 16
gdt:    .quad   0
        .quad   GDT_CODE64                      # code: 64-bit
        .quad   GDT_DATA                        # data
gdt_pointer:
        .word   . - gdt - 1
        .quad   gdt
idt_pointer:
        .word   256 * 16 - 1
        .quad   idt
        .balign 8
memory_end: .quad 0                             # of the root
sequence: .quad 0                               # of the last command
said:   .fill   4, 8, 0                         # payload of what is said to the host
        .balign 16
vms:    .fill   ROOTS_SLOTS * VM_BYTES, 1, 0
idt:    .fill   256, 16, 0
