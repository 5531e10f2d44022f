# spinner.s - count without end with interrupts off: no instruction of it exits, only the preemption timer takes it away.
#
# Entry   LONG state of hv/README.md, "What a partition finds"
# Exit    never; COUNTER, in its own memory, shows how far it came
# Source  SDM 3C, "VMX-Preemption Timer"

        .org    0x100000
        .equ    COUNTER, 0x200000

start:  cli
        xor     eax, eax
.again: inc     rax
        mov     [COUNTER], rax
        jmp     .again
