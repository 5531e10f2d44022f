# reset.s - the first instructions: real mode, CS base 0xFFFF0000, to 32-bit protected mode.
#
# Entry   the reset vector 0xFFFFFFF0, in the state of SDM 3A, "Processor State After Reset"
# Exit    main, in 32-bit protected mode with flat segments
# Source  SDM 3A, "Switching to Protected Mode"

        .org    0xFFFFFF00
        .code16
reset_16:
        cli
        cld
        fninit                                  # every exception masked, as firmware leaves it
        lgdtd   cs:[gdt_pointer - SEGMENT]
        mov     eax, cr0
        and     eax, ~(CR0_CD | CR0_NW) & 0xFFFFFFFF
        or      eax, CR0_PE | CR0_NE
        mov     cr0, eax
        ljmp    CODE32, dword reset_32

        .code32
reset_32:
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     esp, LOW_STACK
        lgdt    [low_gdt_pointer]               # others_start fills it before anything loads a segment
        jmp     main

# Descriptors are accessed already, so that the processor never writes to the ROM.
        .align  8
gdt:    .quad   0
        .quad   GDT_CODE64                      # CODE64: 64-bit, DPL 0
        .quad   GDT_CODE32                      # CODE32: flat, DPL 0
        .quad   GDT_DATA                        # DATA: flat, writable
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt
low_gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   LOW_GDT

        .org    0xFFFFFFF0
        .code16
reset_vector:
        jmp     near reset_16
        .org    0xFFFFFFFF
        .byte   0
