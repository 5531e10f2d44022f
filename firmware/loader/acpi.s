# acpi.s - ACPI tables of a child at LOW_ACPI: what its root gives it. Templates, processor entries, checksums.
#
# Source  ACPI, "Root System Description Pointer (RSDP)", "Extended System Description Table (XSDT)",
#         "Fixed ACPI Description Table (FADT)", "Multiple APIC Description Table (MADT)", "Package"

        .use    firmware

        .equ    HEADER_LENGTH, 4
        .equ    HEADER_CHECKSUM, 9
        .equ    MADT_PROCESSOR, 8               # bytes of a processor local APIC entry
        .equ    AT, LOW_ACPI - acpi_template    # from here to the place in memory

# acpi_build - Entry: rbp = processors.  Exit: nothing.  Changes rax, rcx, rdx, rsi, rdi.
acpi_build:
        lea     rsi, [rel acpi_template]
        mov     edi, LOW_ACPI
        mov     ecx, acpi_end - acpi_template
        rep movsb
        xor     eax, eax                        # rdi: end of the MADT; eax: processor
1:      mov     word ptr [rdi], 0x0800          # type 0, length 8
        mov     [rdi + 2], al                   # ACPI processor ID
        mov     [rdi + 3], al                   # local APIC ID
        mov     dword ptr [rdi + 4], 1          # enabled
        add     edi, MADT_PROCESSOR
        inc     eax
        cmp     eax, ebp
        jb      1b
        sub     edi, madt + AT
        mov     [madt + AT + HEADER_LENGTH], edi

        lea     rsi, [rel acpi_tables]
2:      lodsd
        test    eax, eax
        jz      3f
        mov     ecx, [rax + HEADER_LENGTH]
        lea     rdi, [rax + HEADER_CHECKSUM]
        call    acpi_checksum
        jmp     2b
3:      mov     eax, LOW_ACPI
        mov     ecx, 20                         # the ACPI 1.0 part
        mov     edi, LOW_ACPI + 8
        call    acpi_checksum
        mov     ecx, 36
        mov     edi, LOW_ACPI + 32
# acpi_checksum - Make bytes sum to 0 by one of them.  Entry: rax = first, ecx = how many, rdi = the one.  Exit: nothing.
# Changes rcx, rdx.
acpi_checksum:
        mov     byte ptr [rdi], 0
        xor     edx, edx
1:      add     dl, [rax + rcx - 1]
        dec     ecx
        jnz     1b
        neg     dl
        mov     [rdi], dl
        ret

        .include "../boot/acpi_tables.s"

        .balign 4
acpi_tables: .long xsdt + AT, fadt + AT, dsdt + AT, madt + AT, 0

        .balign 64
acpi_template:
        RSDP    0, xsdt + AT                    # no RSDT: the XSDT serves
        .balign 16, 0
xsdt:   TABLE   XSDT, xsdt_end - xsdt, 1, "HVLABVM "
        .quad   fadt + AT, madt + AT
xsdt_end:
        .balign 64, 0
facs:   FACS
        .balign 16, 0
fadt:   TABLE   FACP, fadt_end - fadt, 3, "HVLABVM "     # legacy devices, no VGA, no 8042; WBINVD, C1, no fixed buttons, reset register
        FADT    facs + AT, dsdt + AT, 0, 0, 0, 0, 0x0005, 0x0435
fadt_end:
        .assert fadt_end - fadt == 244, "a revision 3 FADT has 244 bytes"
        .balign 16, 0
dsdt:   TABLE   DSDT, dsdt_end - dsdt, 1, "HVLABVM "
        SLEEP5
dsdt_end:
        .balign 16, 0
madt:   TABLE   APIC, 0, 3, "HVLABVM "                   # acpi_build sets the length
        .long   MEMORY_LOCAL_APIC
        .long   1                               # an 8259 pair exists; no I/O APIC
        .byte   2, 10, 0, IRQ_SCI               # override: the power interrupt, active high, level
        .long   IRQ_SCI
        .word   0x000D
        .byte   4, 6, 0xFF                      # NMI on LINT1 of every processor
        .word   0
        .byte   1
acpi_end:
        .assert acpi_end <= BUFFER, "the loader ends before its buffer"
