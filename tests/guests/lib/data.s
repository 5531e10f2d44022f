# data.s - descriptor tables, TSS, what the macros keep.

        .align  16, 0
gdt:    .quad   0
        .quad   0x00AF9B000000FFFF              # CODE64
        .quad   0x00CF93000000FFFF              # DATA
        .quad   0x00CFFB000000FFFF              # USER_CODE32
        .quad   0x00CFF3000000FFFF              # USER_DATA
        .quad   0x00AFFB000000FFFF              # USER_CODE64
        .quad   0x00CFF3000000FFFF              # data again, for SYSEXIT
        .quad   0x00CF9B000000FFFF              # CODE32
        .quad   0x00009B000000FFFF              # CODE16: base 0, limit 64 KiB
        .quad   0x000093000000FFFF              # DATA16
        .word   TSS_BYTES - 1                   # TSS: available, 64-bit
        .word   tss & 0xFFFF
        .byte   tss >> 16 & 0xFF, 0x89, 0, tss >> 24 & 0xFF
        .quad   0
scratch_descriptors:
        .fill   4, 8
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .quad   gdt
idt_pointer:
        .word   256 * 16 - 1
        .quad   idt
        .align  8, 0
boot_information: .quad 0
processors:     .quad 0
kernel_rsp:     .quad 0
expect_vector:  .quad NOTHING
expect_error:   .quad 0
expect_resume:  .quad 0
expect_rip:     .quad 0
fault_error:    .quad 0
fault_rip:      .quad 0
fault_address:  .quad 0
fault_rflags:   .quad 0
failed:         .quad 0
hooks:          .fill 256, 8
        .align  16, 0
idt:    .fill   256, 16
        .align  16, 0
tss:    .long   0
tss_rsp0:       .quad STACK_RSP0, 0, 0
        .quad   0
tss_ist1:       .quad STACK_IST1
tss_ist2:       .quad STACK_IST2, 0, 0, 0, 0, 0
        .quad   0
        .word   0
        .word   104                             # I/O permission bitmap
tss_bitmap:
        .fill   8192, 1, 0xFF
        .byte   0xFF
        .assert . - tss == TSS_BYTES
        .align  16
