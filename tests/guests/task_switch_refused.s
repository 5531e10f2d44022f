# Expect: unmodelled. A far call to an available TSS in protected mode stops the machine by name.
        .include "lib.s"
        .include "modelib.s"

test:   LEAVE_LONG
        lgdt    [gdt32_pointer]
        lcall   TSS32, 0
        mov     eax, 1
        out     PORT_DEBUG_EXIT, eax
        hlt

        .equ    TSS32, 0x68
        .align  8, 0
gdt32:  .fill   13, 8
        .word   103, tss32 & 0xFFFF
        .byte   tss32 >> 16 & 0xFF, 0x89, 0, tss32 >> 24
gdt32_pointer:
        .word   14 * 8 - 1
        .long   gdt32
        .code64
