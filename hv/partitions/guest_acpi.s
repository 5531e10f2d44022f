# guest_acpi.s - ACPI tables for guests that look for them: the firmware's own, less what a partition does not have.
#
# A partition with more VPs than the machine has processors shows as many as those.
# The tables lie at the same address (LOW_ACPI) in the machine and in the partition, so their pointers hold.  MADT entries
# of other processors and of what else a partition lacks get a type that software skips.
# Source  ACPI, "Root System Description Pointer (RSDP)", "Multiple APIC Description Table (MADT)"

        .equ    ACPI_BYTES, 0x4000              # more than the firmware's tables take
        .equ    RSDP_XSDT, 24
        .equ    SDT_LENGTH, 4
        .equ    SDT_CHECKSUM, 9
        .equ    SDT_HEADER, 36
        .equ    SIGNATURE_MADT, 0x43495041      # "APIC"
        .equ    MADT_ENTRIES, 44
        .equ    MADT_LOCAL_APIC, 0
        .equ    MADT_IO_APIC, 1
        .equ    MADT_OVERRIDE, 2
        .equ    MADT_LOCAL_NMI, 4
        .equ    MADT_SKIPPED, 0x80              # for OEM use
        .equ    MADT_ID, 3

# guest_acpi - Entry: rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
guest_acpi:
        mov     rax, [rel firmware_rsdp]
        cmp     rax, LOW_ACPI
        jne     acpi_checksum.done              # tables elsewhere: a guest finds none
        mov     esi, LOW_ACPI
        mov     r8, [rbp + PART_BASE]
        lea     rdi, [r8 + LOW_ACPI]
        mov     ecx, ACPI_BYTES / 8
        rep movsq
        mov     rsi, [r8 + LOW_ACPI + RSDP_XSDT]
        mov     edx, [r8 + rsi + SDT_LENGTH]
        add     rdx, rsi                        # end of the XSDT
        add     rsi, SDT_HEADER
1:      cmp     rsi, rdx
        jae     acpi_checksum.done
        mov     rdi, [r8 + rsi]
        add     rsi, 8
        cmp     dword ptr [r8 + rdi], SIGNATURE_MADT
        jne     1b

        add     rdi, r8
        mov     ecx, [rdi + SDT_LENGTH]
        lea     rdx, [rdi + rcx]                # end of the MADT
        lea     rsi, [rdi + MADT_ENTRIES]
2:      cmp     rsi, rdx
        jae     acpi_checksum
        movzx   eax, byte ptr [rsi]
        cmp     al, MADT_LOCAL_NMI
        je      5f
        cmp     al, MADT_IO_APIC
        je      5f
        cmp     al, MADT_OVERRIDE
        je      5f
        cmp     al, MADT_LOCAL_APIC
        jne     4f
        call    vps_count
        cmp     [rsi + MADT_ID], al
        jb      5f
4:      mov     byte ptr [rsi], MADT_SKIPPED
5:      movzx   eax, byte ptr [rsi + 1]
        add     rsi, rax
        test    eax, eax
        jnz     2b
acpi_checksum:                                  # rdi = table, ecx = bytes: their sum becomes 0
        mov     byte ptr [rdi + SDT_CHECKSUM], 0
        xor     eax, eax
6:      add     al, [rdi + rcx - 1]
        dec     ecx
        jnz     6b
        neg     al
        mov     [rdi + SDT_CHECKSUM], al
.done:  ret
