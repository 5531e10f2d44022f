# cmos.s - the clock and CMOS memory of a partition: status registers that do not make a reader wait, and a midnight.
#
# Calling convention: port_table.s.  The root partition keeps such a clock for its children by this very file.
# Source  MC146818A data sheet, "Registers"

# cmos_read - Entry, Exit, Keeps: as a device of port_read.
cmos_read:
        mov     eax, [rbp + PART_CMOS_INDEX]
        cmp     edi, PORT_RTC_INDEX
        je      3f
        and     eax, 0x7F
        cmp     eax, CMOS_DAY_OF_MONTH
        jb      1f
        cmp     eax, CMOS_KNOWN
        ja      1f
        lea     rcx, [rel cmos_values]
        mov     al, [rcx + rax - CMOS_DAY_OF_MONTH]
        ret
1:      xor     eax, eax
3:      ret
# cmos_write - Entry, Exit, Keeps: as a device of port_write.
cmos_write:
        cmp     edi, PORT_RTC_INDEX
        jne     4f
        mov     [rbp + PART_CMOS_INDEX], edx
4:      ret
        .equ    CMOS_DAY_OF_MONTH, 7
        .equ    CMOS_KNOWN, 13
cmos_values:
        .byte   0x01, 0x01, 0x24                # day, month, year in BCD
        .byte   0x26, 0x02, 0x00, 0x80          # A: divider on; B: 24 hours; C; D: battery good
