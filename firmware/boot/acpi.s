# acpi.s - ACPI tables at LOW_ACPI: templates, processor entries, checksums.
#
# Source  ACPI, "Root System Description Pointer (RSDP)", "Extended System Description Table (XSDT)",
#         "Fixed ACPI Description Table (FADT)", "Multiple APIC Description Table (MADT)", "Package";
#         Microsoft, "Serial Port Console Redirection Table (SPCR)"

        .equ    RSDP_AT, LOW_ACPI
        .equ    HEADER, 36                      # bytes of a system description table header
        .equ    HEADER_LENGTH, 4
        .equ    HEADER_CHECKSUM, 9
        .equ    MADT_PROCESSOR, 8               # bytes of a processor local APIC entry
        .equ    AT, LOW_ACPI - acpi_template    # from the ROM's copy to the place in memory

        .code32
# acpi_build - Copy the templates, append processors to the MADT, set checksums.  Entry: nothing.  Exit: nothing.
# Changes all but esp.
acpi_build:
        mov     esi, offset acpi_template
        mov     edi, LOW_ACPI
        mov     ecx, acpi_end - acpi_template
        cld
        rep movsb
        xor     eax, eax                        # edi: end of the MADT; eax: processor
.next:  mov     word ptr [edi], 0x0800          # type 0, length 8
        mov     [edi + 2], al                   # ACPI processor ID
        mov     [edi + 3], al                   # local APIC ID
        mov     dword ptr [edi + 4], 1          # enabled
        add     edi, MADT_PROCESSOR
        inc     eax
        cmp     eax, [LOW_BOOT + BOOT_PROCESSORS]
        jb      .next
        sub     edi, madt + AT
        mov     [madt + AT + HEADER_LENGTH], edi

        mov     esi, offset tables
.sum:   lodsd
        test    eax, eax
        jz      .rsdp
        mov     ecx, [eax + HEADER_LENGTH]
        lea     edi, [eax + HEADER_CHECKSUM]
        call    checksum
        jmp     .sum
.rsdp:  mov     eax, RSDP_AT
        mov     ecx, 20                         # the ACPI 1.0 part
        mov     edi, RSDP_AT + 8
        call    checksum
        mov     ecx, 36
        mov     edi, RSDP_AT + 32
        call    checksum
        mov     dword ptr [LOW_BOOT + BOOT_RSDP], RSDP_AT
        ret

# checksum - Make bytes sum to 0 by one of them.  Entry: eax = first, ecx = how many, edi = the one.  Exit: nothing.
# Changes ecx, edx.
checksum:
        mov     byte ptr [edi], 0
        xor     edx, edx
.add:   add     dl, [eax + ecx - 1]
        dec     ecx
        jnz     .add
        neg     dl
        mov     [edi], dl
        ret

        .align  4
tables: .long   rsdt + AT, xsdt + AT, fadt + AT, dsdt + AT, spcr + AT, madt + AT, 0

        .align  64
acpi_template:
        RSDP    rsdt + AT, xsdt + AT
        .align  16, 0
rsdt:   TABLE   RSDT, rsdt_end - rsdt, 1, HVLABSYS
        .long   fadt + AT, madt + AT, spcr + AT
rsdt_end:
        .align  16, 0
xsdt:   TABLE   XSDT, xsdt_end - xsdt, 1, HVLABSYS
        .quad   fadt + AT, madt + AT, spcr + AT
xsdt_end:
        .align  64, 0
facs:   FACS
        .align  16, 0
fadt:   TABLE   FACP, fadt_end - fadt, 3, HVLABSYS      # legacy devices, 8042; WBINVD, C1, no sleep button (fixed), reset register
        FADT    facs + AT, dsdt + AT, PORT_SMI_COMMAND, ACPI_VALUES_ENABLE, ACPI_VALUES_DISABLE, 0x32, 0x0003, 0x0425
fadt_end:
        .assert fadt_end - fadt == 244, "a revision 3 FADT has 244 bytes"
        .align  16, 0
dsdt:   TABLE   DSDT, dsdt_end - dsdt, 1, HVLABSYS
        SLEEP5
dsdt_end:
        .align  16, 0
spcr:   TABLE   SPCR, spcr_end - spcr, 2, HVLABSYS      # the console is COM1
        .byte   0, 0, 0, 0                      # a 16550 and all it has
        IOPORTS 8, 1, PORT_UART
        .byte   0x03, IRQ_UART                  # interrupts by the 8259 pair and by the I/O APIC
        .long   IRQ_UART
        .byte   7, 0, 1, 0                      # 115200 baud, no parity, one stop bit, no flow control
        .byte   0, 0                            # VT100; language
        .word   0xFFFF, 0xFFFF                  # no PCI device
        .byte   0, 0, 0
        .long   0
        .byte   0
        .long   0
spcr_end:
        .assert spcr_end - spcr == 80, "a revision 2 SPCR has 80 bytes"
        .align  16, 0
madt:   TABLE   APIC, 0, 3, HVLABSYS                   # acpi_build sets the length
        .long   MEMORY_LOCAL_APIC
        .long   1                               # a PC's 8259 pair exists too
        .byte   1, 12, 0, 0                     # I/O APIC, ID 0, interrupts from 0
        .long   MEMORY_IOAPIC, 0
        .byte   2, 10, 0, 0                     # override: ISA line 0 is pin 2, as the bus has it
        .long   PIN_PIT
        .word   0
        .byte   2, 10, 0, IRQ_SCI               # override: the power interrupt, active high, level
        .long   IRQ_SCI
        .word   0x000D
        .byte   4, 6, 0xFF                      # NMI on LINT1 of every processor
        .word   0
        .byte   1
acpi_end:
