# ioapic.s - the I/O APIC of a partition: 24 pins, redirection table, EOI by message and by register.
#
# Our devices raise edges: an edge on a masked pin is lost, and on a level-triggered pin it counts as a level that is gone
# again by the EOI.  Not here: SMI, INIT and ExtINT entries (nothing is delivered), arbitration.
# Source  Intel 82093AA data sheet, "I/O APIC Registers"; ICH9 data sheet, "EOIR"

        .equ    IOAPIC_PINS, 24
        .record IOA
        .field  ENTRY, IOAPIC_PINS*8
        .field  SELECT, 4
        .field  ID, 4
        .endrecord
        .equ    PINS, PART_IOAPIC + IOA_ENTRY
        .equ    REDIRECT_KEPT, REDIRECT_STATUS | REDIRECT_REMOTE_IRR
        .equ    REDIRECT_LOW, REDIRECT_VECTOR | REDIRECT_MODE | REDIRECT_LOGICAL | REDIRECT_POLARITY | REDIRECT_LEVEL | REDIRECT_MASKED

# ioapic_reset - All pins masked.  Entry: rbp = partition.  Exit: nothing.  Changes rax, rcx.
ioapic_reset:
        mov     ecx, IOAPIC_PINS
        mov     eax, REDIRECT_MASKED
1:      mov     [rbp + rcx*8 + PINS - 8], rax
        loop    1b
        mov     qword ptr [rbp + PART_IOAPIC + IOA_SELECT], 0
        ret

# line_raise - An edge of a device, to both interrupt controllers.  Entry: edi = ISA line, rbx = VP, rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
line_raise:
        push    rdi
        call    pic_raise
        pop     rdi
        test    edi, edi
        jnz     ioapic_raise
        mov     edi, PIN_PIT                    # line 0 is pin 2
ioapic_raise:                                   # edi = pin
        lea     rax, [rbp + rdi*8 + PINS]
        mov     edi, [rax]
        test    edi, REDIRECT_MASKED
        jnz     3f
        mov     esi, [rax + 4]
        shr     esi, 24                         # destination; REDIRECT_LOGICAL is ICR_LOGICAL
        cmp     esi, 0xFF
        jne     1f
        mov     esi, -1                         # broadcast in x2APIC mode too
        test    dword ptr [rbx + VP_APIC_BASE], APICBASE_EXTD
        jnz     1f
        mov     esi, 0xFF
1:      push    r12
        push    r13
        push    r14
        push    r15
        mov     r12d, edi
        mov     r13d, esi
        mov     r15, rax
        mov     r14, [rbp + PART_VP]
2:      call    apic_meant
        jz      4f
        call    ioapic_send
        mov     eax, r12d
        and     eax, REDIRECT_MODE
        cmp     eax, put(REDIRECT_MODE, DELIVERY_LOWEST)
        je      5f                              # the first one takes it
4:      mov     r14, [r14 + VP_SIBLING]
        test    r14, r14
        jnz     2b
5:      pop     r15
        pop     r14
        pop     r13
        pop     r12
3:      ret

# ioapic_send - Entry: r12 = entry's low half, r14 = VP it goes to, r15 = the entry, rbx = VP this processor is about.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
ioapic_send:
        mov     rsi, r14
        mov     ecx, r12d
        and     ecx, REDIRECT_MODE
        mov     eax, REQUEST_NMI
        cmp     ecx, put(REDIRECT_MODE, DELIVERY_NMI)
        je      request
        cmp     ecx, put(REDIRECT_MODE, DELIVERY_LOWEST)
        ja      ioapic_illegal.done
        mov     edi, r12d
        and     edi, REDIRECT_VECTOR
        cmp     edi, VECTOR_LEAST
        jb      ioapic_illegal
        test    r12d, REDIRECT_LEVEL
        jz      request_vector
        test    r12d, REDIRECT_REMOTE_IRR
        jnz     ioapic_illegal.done             # the one before awaits its EOI
        test    dword ptr [rsi + VP_APIC + APIC_SVR*16], SVR_ENABLE
        jz      ioapic_illegal.done             # software disabled: it takes none
        or      dword ptr [r15], REDIRECT_REMOTE_IRR
        lock bts dword ptr [rsi + VP_REQUESTED_LEVEL], edi
        mov     eax, REQUEST_VECTORS
        jmp     request
ioapic_illegal:
        or      dword ptr [rsi + VP_APIC + APIC_ESR*16], ESR_RECEIVE_ILLEGAL
.done:  ret

# ioapic_eoi - End level-triggered interrupts of a vector.  Entry: edi = vector, rbp = partition.  Exit: nothing.
# Changes rax, rcx.
ioapic_eoi:
        mov     ecx, IOAPIC_PINS
1:      mov     eax, [rbp + rcx*8 + PINS - 8]
        test    eax, REDIRECT_REMOTE_IRR
        jz      2f
        cmp     al, dil
        jne     2f
        and     dword ptr [rbp + rcx*8 + PINS - 8], ~REDIRECT_REMOTE_IRR & 0xFFFFFFFF
2:      loop    1b
        ret

# ioapic_read - Entry: edi = offset in the page, rbp = partition.  Exit: eax = the register.  Changes rcx, rdi.
ioapic_read:
        mov     eax, [rbp + PART_IOAPIC + IOA_SELECT]
        cmp     edi, IOWINDOW_SELECT
        je      2f
        mov     ecx, eax
        xor     eax, eax
        cmp     edi, IOWINDOW_DATA
        jne     2f
        mov     eax, [rbp + PART_IOAPIC + IOA_ID]
        cmp     ecx, IOAPIC_ID
        je      2f
        cmp     ecx, IOAPIC_ARBITRATION
        je      2f
        mov     eax, IOAPIC_VERSION_VALUE
        cmp     ecx, IOAPIC_VERSION
        je      2f
        xor     eax, eax
        sub     ecx, IOAPIC_REDIRECTION
        cmp     ecx, IOAPIC_PINS*2
        jae     2f
        mov     eax, [rbp + rcx*4 + PINS]
2:      ret
        .equ    IOAPIC_VERSION_VALUE, 0x00170020

# ioapic_write - Entry: edi = offset in the page, esi = value, rbx = VP, rbp = partition.  Exit: nothing.
# Changes rax, rcx, rdx, rdi, rsi.
ioapic_write:
        movzx   eax, sil
        cmp     edi, IOWINDOW_EOI
        je      ioapic_write_eoi
        cmp     edi, IOWINDOW_SELECT
        jne     1f
        mov     [rbp + PART_IOAPIC + IOA_SELECT], eax
        ret
1:      cmp     edi, IOWINDOW_DATA
        jne     3f
        mov     ecx, [rbp + PART_IOAPIC + IOA_SELECT]
        cmp     ecx, IOAPIC_ID
        jne     2f
        and     esi, 0x0F000000
        mov     [rbp + PART_IOAPIC + IOA_ID], esi
        ret
2:      sub     ecx, IOAPIC_REDIRECTION
        cmp     ecx, IOAPIC_PINS*2
        jae     3f
        lea     rdx, [rbp + rcx*4 + PINS]
        test    ecx, 1
        jnz     4f
        and     esi, REDIRECT_LOW
        mov     eax, [rdx]
        and     eax, REDIRECT_KEPT
        test    esi, REDIRECT_LEVEL
        jnz     5f
        xor     eax, eax                        # an edge awaits no EOI
5:      or      eax, esi
        mov     [rdx], eax
3:      ret
4:      and     esi, 0xFF000000
        mov     [rdx], esi
        ret
ioapic_write_eoi:
        mov     edi, eax
        jmp     ioapic_eoi
