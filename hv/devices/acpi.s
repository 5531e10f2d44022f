# acpi.s - ACPI PM1 registers and timer of a partition.  Calling convention: port_table.s.
#
# The root partition keeps such registers for its children by this very file.
# Source  ACPI, "ACPI Hardware Specification"; PC16550D, "Registers"

# reference_ticks - Cycles of a clock since the partition began.  Entry: rdi = Hz, rbp = partition.  Exit: rax.  Changes rdx, rcx.
reference_ticks:
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rax, [rbp + PART_STARTED]
        mul     rdi
        mov     ecx, HZ_TSC
        div     rcx
        ret

# pm_timer_read - Entry, Exit, Keeps: as a device of port_read.
pm_timer_read:
        mov     edi, HZ_PM_TIMER
        call    reference_ticks
        and     eax, (1 << ACPI_VALUES_TIMER_BITS) - 1
        ret

# pm1_read - Entry, Exit, Keeps: as a device of port_read.
pm1_read:
        xor     eax, eax
        cmp     edi, PORT_PM1_ENABLE
        jb      1f                              # no event has happened
        mov     eax, [rbp + PART_PM1_ENABLE]
        cmp     edi, PORT_PM1_CONTROL
        jb      1f
        mov     eax, [rbp + PART_PM1_CONTROL]
        or      eax, PM1CNT_SCI_EN
1:      ret
# pm1_write - Entry, Exit, Keeps: as a device of port_write.
pm1_write:
        cmp     edi, PORT_PM1_ENABLE
        jb      2f
        cmp     edi, PORT_PM1_CONTROL
        jae     1f
        mov     [rbp + PART_PM1_ENABLE], dx
        ret
1:      movzx   eax, dx
        and     eax, ~PM1CNT_SLP_EN & 0xFFFF
        mov     [rbp + PART_PM1_CONTROL], eax
        test    edx, PM1CNT_SLP_EN
        jz      2f
        and     edx, PM1CNT_SLP_TYP
        cmp     edx, put(PM1CNT_SLP_TYP, ACPI_VALUES_S5)
        jne     2f
        xor     esi, esi                        # soft off: the partition has ended well
        jmp     partition_ends
2:      ret
