# apic_command.s - interrupt commands of the virtual APIC.
#
# Source  SDM 3A, "Issuing Interprocessor Interrupts", "Determining IPI Destination"

# apic_command - Carry out an interrupt command.  Entry: edi = low half, esi = destination (8 bits, or 32 in x2APIC mode).
apic_command:
        mov     eax, edi
        and     eax, ICR_SHORTHAND
        cmp     eax, put(ICR_SHORTHAND, SHORTHAND_OTHERS)
        je      apic_command_done               # there are none
        test    eax, eax
        jnz     apic_command_self
        call    apic_for_us
        jz      apic_command_done
apic_command_self:
        mov     eax, edi
        and     eax, ICR_MODE
        cmp     eax, put(ICR_MODE, DELIVERY_NMI)
        je      apic_command_nmi
        cmp     eax, put(ICR_MODE, DELIVERY_LOWEST)
        ja      apic_command_done
        and     edi, ICR_VECTOR
        cmp     edi, 16
        jae     apic_raise
        or      dword ptr [rbx + VP_APIC + APIC_ESR*16], ESR_SEND_ILLEGAL
        ret
apic_command_nmi:
        mov     dword ptr [rbx + VP_NMI], 1
        WORK    WORK_EVENT
apic_command_done:
        ret

# apic_for_us - Is the destination this VP?  Entry: edi, esi as above.  Exit: zero flag clear when it is.  Changes rax, rcx.
apic_for_us:
        test    dword ptr [rbx + VP_APIC_BASE], APICBASE_EXTD
        jnz     apic_for_us_x2
        cmp     esi, 0xFF
        je      apic_is_us
        test    edi, ICR_LOGICAL
        jnz     1f
        cmp     esi, [rbx + VP_INDEX]
        je      apic_is_us
        xor     eax, eax
        ret
1:      mov     eax, [rbx + VP_APIC + APIC_LDR*16]
        shr     eax, 24
        cmp     dword ptr [rbx + VP_APIC + APIC_DFR*16], 0xFFFFFFFF
        je      2f                              # flat model
        mov     ecx, eax
        xor     ecx, esi
        test    ecx, 0xF0                       # cluster model: same cluster, then a member
        mov     ecx, 0
        cmovnz  eax, ecx
        and     eax, 0x0F
2:      test    eax, esi
        ret
apic_for_us_x2:
        cmp     esi, -1
        je      apic_is_us
        test    edi, ICR_LOGICAL
        jnz     3f
        cmp     esi, [rbx + VP_INDEX]
        je      apic_is_us
        xor     eax, eax
        ret
3:      mov     eax, [rbx + VP_INDEX]           # logical ID: cluster = id / 16, one bit of 16
        mov     ecx, eax
        shr     eax, 4
        mov     edx, esi
        shr     edx, 16
        cmp     eax, edx
        mov     eax, 0
        jne     4f
        bt      esi, ecx
        adc     eax, 0
4:      test    eax, eax
        ret
apic_is_us:
        test    rsp, rsp                        # not zero
        ret
