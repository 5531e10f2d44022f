# Expect: pass. INT n obeys the gate: DPL, presence, type and IDT limit; error codes name the gate.
        .include "lib.s"

        .equ    GATE, 0x90
test:   EXPECT_AT GATE, NOTHING, .after
        int     GATE
.after: CAUGHT
        mov     byte ptr [rip + idt + 16 * GATE + 5], 0x0E      # not present
        EXPECT  VECTOR_NP, GATE * 8 + 2
        int     GATE
        CAUGHT
        mov     byte ptr [rip + idt + 16 * GATE + 5], 0x8C      # a call gate: not for the IDT
        EXPECT  VECTOR_GP, GATE * 8 + 2
        int     GATE
        CAUGHT
        mov     byte ptr [rip + idt + 16 * GATE + 5], 0x85      # a task gate does not exist in 64-bit mode
        EXPECT  VECTOR_GP, GATE * 8 + 2
        int     GATE
        CAUGHT
        mov     byte ptr [rip + idt + 16 * GATE + 5], 0x8E
        mov     word ptr [rip + idt + 16 * GATE + 2], 0         # null code selector
        EXPECT  VECTOR_GP, 0
        int     GATE
        CAUGHT
        mov     word ptr [rip + idt + 16 * GATE + 2], DATA      # not code
        EXPECT  VECTOR_GP, DATA
        int     GATE
        CAUGHT
        mov     word ptr [rip + idt + 16 * GATE + 2], 0x88      # beyond the GDT
        EXPECT  VECTOR_GP, 0x88
        int     GATE
        CAUGHT
        mov     word ptr [rip + idt + 16 * GATE + 2], CODE32    # D = 1, L = 0
        EXPECT  VECTOR_GP, CODE32
        int     GATE
        CAUGHT
        mov     word ptr [rip + idt + 16 * GATE + 2], CODE64
        RING3
        EXPECT  VECTOR_GP, GATE * 8 + 2         # DPL 0
        int     GATE
        CAUGHT
        RING0
        mov     word ptr [rip + idt_pointer], 16 * GATE - 1
        lidt    [rip + idt_pointer]
        EXPECT  VECTOR_GP, GATE * 8 + 2         # beyond the IDT
        int     GATE
        CAUGHT
        lidt    [rip + .all]
        PASS
.all:   .word   0xFFF
        .quad   idt
