# assert.s - HvCallAssertVirtualInterrupt and HvCallClearVirtualInterrupt: a parent interrupts a child.
#
# Level-triggered and external requests, and what their end reports to the parent, are in assert_lasting.s.
# Source  TLFS, "HvCallAssertVirtualInterrupt", "HvCallClearVirtualInterrupt", "HV_INTERRUPT_CONTROL", "HV_INTERRUPT_TYPE"

        .record ASSERT
        .field  PARTITION, 8
        .field  TYPE, 4
        .field  CONTROL, 4                      # level, logical destination
        .field  DESTINATION, 8
        .field  VECTOR, 4
        .field  VTL, 4
        .endrecord
        .equ    CONTROL_LEVEL, 1
        .equ    CONTROL_LOGICAL, 2
        .equ    ASSERT_LINT0, 8                 # beyond the types of an interrupt command
        .equ    ASSERT_LINT1, 9
        .equ    VECTOR_NONE, 0xFFFFFFFF         # withdraw
        .equ    TYPES_VECTOR, 1 << DELIVERY_FIXED | 1 << DELIVERY_LOWEST | 1 << DELIVERY_EXTINT
        .equ    TYPES_PLAIN, 1 << DELIVERY_NMI | 1 << DELIVERY_INIT | 1 << ASSERT_LINT0 | 1 << ASSERT_LINT1    # without a vector
        .equ    TYPES_ALL, TYPES_VECTOR | TYPES_PLAIN | 1 << DELIVERY_SIPI
# call_assert - HvCallAssertVirtualInterrupt.  Entry, Exit, Keeps: as a handler of calls.
call_assert:
        call    map_target
        jc      assert_done
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     dword ptr [rsi + ASSERT_VTL], 0
        jne     assert_done
        mov     r8d, [rsi + ASSERT_CONTROL]
        test    r8d, ~(CONTROL_LEVEL | CONTROL_LOGICAL) & 0xFFFFFFFF
        jnz     assert_done
        mov     ecx, [rsi + ASSERT_TYPE]
        cmp     ecx, ASSERT_LINT1
        ja      assert_done
        mov     edx, TYPES_ALL
        bt      edx, ecx
        jnc     assert_done
        mov     edx, TYPES_VECTOR
        bt      edx, ecx
        setc    r9b                             # it may be level-triggered, and withdrawn
        test    r8d, CONTROL_LEVEL
        jz      1f
        test    r9b, r9b
        jz      assert_done
1:      mov     edi, [rsi + ASSERT_VECTOR]
        cmp     edi, 255
        jbe     2f
        cmp     edi, VECTOR_NONE
        jne     assert_done
        test    r9b, r9b
        jz      assert_done
2:      mov     edx, TYPES_PLAIN
        bt      edx, ecx
        jnc     3f
        test    edi, edi
        jnz     assert_done
3:      mov     rdx, [rsi + ASSERT_DESTINATION]
        cmp     ecx, DELIVERY_EXTINT
        je      external_assert
        lea     r9, [rel assert_edge]
        test    r8d, CONTROL_LEVEL
        jz      4f
        lea     r9, [rel level_assert]
4:      cmp     ecx, ASSERT_LINT0
        jb      assert_all
        lea     r9, [rel assert_local]
        jmp     assert_all
assert_done:
        ret

# assert_all - Every VP that is addressed, or the first one.
# Entry: ecx = type, edi = vector, rdx = destination, r8d = control, r10 = partition, r9 = what to do: r14 = VP, r12 = command,
# r13 = type and vector.  Exit: eax = status.  Changes rcx, rdx, rdi, rsi.
assert_all:
        push    r12
        push    r13
        push    r14
        mov     r12d, ecx
        shl     r12d, shift(ICR_MODE)
        and     r12d, ICR_MODE                  # the local ones get theirs from the VP
        movzx   eax, dil
        or      r12d, eax
        test    r8d, CONTROL_LOGICAL
        jz      1f
        or      r12d, ICR_LOGICAL
1:      shl     rdi, 32
        or      rdi, rcx
        push    rdi                             # vector, type
        mov     r13, rdx
        mov     r14, [r10 + PART_VP]
        mov     eax, HVSTATUS_INVALID_VP_INDEX
        shr     rdx, 32
        jnz     4f
2:      test    r14, r14
        jz      4f
        push    rax
        call    apic_addressed
        pop     rax
        jz      3f
        mov     rdi, [rsp]
        push    r9
        push    r12
        call    r9
        pop     r12
        pop     r9
        xor     eax, eax
        cmp     dword ptr [rsp], DELIVERY_LOWEST
        je      4f
3:      mov     r14, [r14 + VP_SIBLING]
        jmp     2b
4:      pop     rdi
        pop     r14
        pop     r13
        pop     r12
        ret

# assert_edge - What is done to a VP: an edge.  Entry: rdi = vector << 32 | type, r12 = command, r14 = VP, rbx = caller's.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r12.
assert_edge:
        shr     rdi, 32
        cmp     edi, VECTOR_NONE
        jne     apic_send
        ret                                     # there is nothing to withdraw
# assert_local - By the entry of its local vector table.  Entry, Exit, Changes: as a request of assert_edge.
assert_local:
        mov     eax, APIC_LVT_LINT0 * 16
        cmp     edi, ASSERT_LINT0
        je      1f
        mov     eax, APIC_LVT_LINT1 * 16
1:      mov     r12d, [r14 + rax + VP_APIC]
        test    r12d, LVT_MASKED
        jnz     2f
        and     r12d, LVT_VECTOR | LVT_MODE     # laid out as a command
        .assert LVT_MODE == ICR_MODE && LVT_VECTOR == ICR_VECTOR
        jmp     apic_send
2:      ret
