# ioapic_page.s - accesses to the page of the I/O APIC.
#
# Source  Intel 82093AA data sheet, "I/O APIC Registers"

# mmio_write_io - The part of mmio_write for what is not the local APIC.
# Entry: eax = value, r12 = address, rbx = VP, rbp = partition.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
mmio_write_io:
        call    mmio_is_ioapic
        jnz     1f                              # nothing there: lost
        mov     esi, eax
        mov     edi, r12d
        and     edi, PAGE - 1
        cmp     edi, IOWINDOW_DATA
        jne     ioapic_write                    # the other registers have one byte that matters
        cmp     dword ptr [rbx + VP_OP_SIZE], 4
        jae     ioapic_write
1:      ret
# mmio_read_io - That of mmio_read.  Entry: r12 = address, rbp = partition.  Exit: rax = what lies there.  Changes rcx, rdx, rdi.
mmio_read_io:
        call    mmio_is_ioapic
        mov     rax, -1
        jnz     2f
        mov     edi, r12d
        and     edi, PAGE - 4
        call    ioapic_read
        mov     ecx, r12d
        and     ecx, 3
        shl     ecx, 3
        shr     rax, cl
2:      ret

# mmio_is_ioapic - Entry: r12 = address.  Exit: zero flag set when it lies in the page of the I/O APIC.  Changes rcx, rdx.
mmio_is_ioapic:
        mov     rdx, r12
        and     rdx, -PAGE
        mov     ecx, MEMORY_IOAPIC
        cmp     rdx, rcx
        ret
