# apic_command.s - interrupt commands of the virtual APIC, to any VP of the partition.
#
# Source  SDM 3A, "Issuing Interprocessor Interrupts", "Determining IPI Destination"

# apic_command - Carry out an interrupt command.  Entry: edi = low half, esi = destination (8 bits, or 32 in x2APIC mode), rbx = VP.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
apic_command:
        push    r12
        push    r13
        push    r14
        mov     r12d, edi
        mov     r13d, esi
        mov     r14, [rbx + VP_PARTITION]
        mov     r14, [r14 + PART_VP]
1:      call    apic_meant
        jz      2f
        call    apic_send
        mov     eax, r12d
        and     eax, ICR_MODE
        cmp     eax, put(ICR_MODE, DELIVERY_LOWEST)
        je      3f                              # the first one takes it
2:      mov     r14, [r14 + VP_SIBLING]
        test    r14, r14
        jnz     1b
3:      pop     r14
        pop     r13
        pop     r12
        ret

# apic_send - Entry: r12 = command, r14 = VP it goes to, rbx = sender.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
apic_send:
        mov     rsi, r14
        mov     eax, r12d
        and     eax, ICR_MODE
        cmp     eax, put(ICR_MODE, DELIVERY_NMI)
        je      apic_send_nmi
        cmp     eax, put(ICR_MODE, DELIVERY_INIT)
        je      apic_send_init
        cmp     eax, put(ICR_MODE, DELIVERY_SIPI)
        je      apic_send_startup
        cmp     eax, put(ICR_MODE, DELIVERY_LOWEST)
        ja      apic_sent
        mov     edi, r12d
        and     edi, ICR_VECTOR
        cmp     edi, VECTOR_LEAST
        jae     request_vector
        or      dword ptr [rbx + VP_APIC + APIC_ESR*16], ESR_SEND_ILLEGAL
        ret
apic_send_nmi:
        mov     eax, REQUEST_NMI
        jmp     request
apic_send_init:
        mov     eax, r12d
        and     eax, ICR_LEVEL | ICR_ASSERT
        cmp     eax, ICR_LEVEL                  # level de-assert: no effect
        je      apic_sent
        lock and dword ptr [rsi + VP_REQUESTS], ~(REQUEST_SIPI | REQUEST_NMI)  # what came before it is void
        mov     eax, REQUEST_INIT
        jmp     request
apic_send_startup:                              # of two the first counts; a VP that does not wait for one ignores it
        test    dword ptr [rsi + VP_REQUESTS], REQUEST_SIPI
        jnz     apic_sent
        movzx   eax, r12b
        mov     [rsi + VP_SIPI], eax
        mov     eax, REQUEST_SIPI
        jmp     request
apic_sent:
        ret

# apic_meant - Is a VP a destination?  Entry: r14 = VP, r12, r13 as above, rbx = sender.  Exit: zero flag clear when it is.
# Changes rax, rcx, rdx.
apic_meant:
        mov     eax, r12d
        and     eax, ICR_SHORTHAND
        jz      1f
        cmp     eax, put(ICR_SHORTHAND, SHORTHAND_ALL)
        je      apic_is_meant
        cmp     eax, put(ICR_SHORTHAND, SHORTHAND_SELF)
        je      2f
        cmp     rbx, r14                        # all but itself
        ret
2:      cmp     rbx, r14
        je      apic_is_meant
        xor     eax, eax
        ret
1:      test    dword ptr [rbx + VP_APIC_BASE], APICBASE_EXTD
        jnz     apic_meant_x2
# apic_addressed - The same by an 8-bit destination.  Entry: r14 = VP, r12 as above, r13 = destination.
# Exit: zero flag clear when it is.  Changes rax, rcx.
apic_addressed:
        cmp     r13d, 0xFF
        je      apic_is_meant
        test    r12d, ICR_LOGICAL
        jz      apic_physical
        mov     eax, [r14 + VP_APIC + APIC_LDR*16]
        shr     eax, 24
        cmp     dword ptr [r14 + VP_APIC + APIC_DFR*16], 0xFFFFFFFF
        je      1f                              # flat model
        mov     ecx, eax
        xor     ecx, r13d
        test    ecx, 0xF0                       # cluster model: same cluster, then a member
        mov     ecx, 0
        cmovnz  eax, ecx
        and     eax, 0x0F
1:      test    eax, r13d
        ret
apic_physical:
        cmp     r13d, [r14 + VP_INDEX]
        je      apic_is_meant
        xor     eax, eax
        ret
apic_meant_x2:
        cmp     r13d, -1
        je      apic_is_meant
        test    r12d, ICR_LOGICAL
        jz      apic_physical
        mov     eax, [r14 + VP_INDEX]           # logical ID: cluster = id / 16, one bit of 16
        mov     ecx, eax
        shr     eax, 4
        mov     edx, r13d
        shr     edx, 16
        cmp     eax, edx
        mov     eax, 0
        jne     1f
        and     ecx, 15
        bt      r13d, ecx
        adc     eax, 0
1:      test    eax, eax
        ret
apic_is_meant:
        test    rsp, rsp                        # not zero
        ret
