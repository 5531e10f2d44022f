# assert.s - HvCallAssertVirtualInterrupt: a parent interrupts a child.
#
# Source  TLFS, "HvCallAssertVirtualInterrupt", "HV_INTERRUPT_CONTROL"

        .record ASSERT
        .field  PARTITION, 8
        .field  TYPE, 4
        .field  CONTROL, 4                      # level, logical destination
        .field  DESTINATION, 8
        .field  VECTOR, 4
        .field  VTL, 4
        .endrecord
# call_assert - Edge-triggered interrupts of the types that an interrupt command has.
call_assert:
        call    map_target
        jc      3f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     dword ptr [rsi + ASSERT_VTL], 0
        jne     3f
        test    dword ptr [rsi + ASSERT_CONTROL], ~2 & 0xFFFFFFFF
        jnz     3f
        mov     ecx, [rsi + ASSERT_TYPE]
        mov     edx, 1 << DELIVERY_FIXED | 1 << DELIVERY_LOWEST | 1 << DELIVERY_NMI | 1 << DELIVERY_INIT | 1 << DELIVERY_SIPI
        cmp     ecx, 7
        ja      3f
        bt      edx, ecx
        jnc     3f
        mov     edi, [rsi + ASSERT_VECTOR]
        cmp     edi, 255
        ja      3f
        cmp     ecx, DELIVERY_NMI
        je      1f
        cmp     ecx, DELIVERY_INIT
        jne     2f
1:      test    edi, edi
        jnz     3f
2:      push    r12
        push    r13
        push    r14
        shl     ecx, shift(ICR_MODE)
        or      ecx, edi
        mov     r12d, ecx
        test    dword ptr [rsi + ASSERT_CONTROL], 2
        jz      4f
        or      r12d, ICR_LOGICAL
4:      mov     r13, [rsi + ASSERT_DESTINATION]
        mov     r14, [r10 + PART_VP]
        xor     edi, edi                        # VPs reached
        mov     rcx, r13
        shr     rcx, 32
        jnz     7f
5:      test    r14, r14
        jz      7f
        call    apic_addressed
        jz      6f
        push    rdi
        call    apic_send
        pop     rdi
        inc     edi
        mov     eax, r12d
        and     eax, ICR_MODE
        cmp     eax, put(ICR_MODE, DELIVERY_LOWEST)
        je      7f
6:      mov     r14, [r14 + VP_SIBLING]
        jmp     5b
7:      pop     r14
        pop     r13
        pop     r12
        mov     eax, HVSTATUS_INVALID_VP_INDEX
        mov     ecx, HVSTATUS_SUCCESS
        test    edi, edi
        cmovnz  eax, ecx
3:      ret
