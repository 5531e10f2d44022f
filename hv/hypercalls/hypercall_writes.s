# hypercall_writes.s - registers that only a parent writes: those that make a mode.
#
# Source  TLFS, "HvCallSetVpRegisters"; SDM 3A, "Control Registers"

# reg_refused - Entry: nothing.  Exit: eax = status.  Changes nothing else.
reg_refused:
        mov     eax, HVSTATUS_INVALID_REGISTER_VALUE
        ret

# reg_rflags_write - Entry: rsi = value, r10 = field.  Exit: eax = status.  Changes rsi.
reg_rflags_write:
        test    rsi, ~RFLAGS_KNOWN
        jnz     reg_refused
        or      esi, RFLAGS_ONE
        vmwrite r10, rsi
        xor     eax, eax
        ret

# reg_cr0_write - Entry, Exit, Keeps: as a writer of regs.
reg_cr0_write:
        mov     eax, CR0_KNOWN
        not     rax
        test    rsi, rax
        jnz     reg_refused
        or      esi, CR0_ET
        VMPUT   VMCS_CR0_READ_SHADOW, rsi
        and     esi, ~(CR0_CD | CR0_NW) & 0xFFFFFFFF
        or      esi, CR0_NE
        vmwrite r10, rsi
        jmp     reg_paging
# reg_cr4_write - Entry, Exit, Keeps: as a writer of regs.
reg_cr4_write:
        test    rsi, ~CR4_GUEST
        jnz     reg_refused
        VMPUT   VMCS_CR4_READ_SHADOW, rsi
        or      esi, CR4_VMXE
        vmwrite r10, rsi
        jmp     reg_paging
# reg_cr3_write - Entry, Exit, Keeps: as a writer of regs.
reg_cr3_write:
        mov     rax, rsi
        shr     rax, 52
        jnz     reg_refused
        vmwrite r10, rsi
        jmp     reg_paging

# reg_efer_write - Entry, Exit, Keeps: as a writer of regs.
reg_efer_write:
        test    rsi, ~EFER_KNOWN
        jnz     reg_refused
        vmwrite r10, rsi
        VMGET   rax, VMCS_ENTRY_CONTROLS
        and     eax, ~ENTRYC_GUEST_64 & 0xFFFFFFFF
        test    esi, EFER_LMA
        jz      1f
        or      eax, ENTRYC_GUEST_64
1:      vmwrite rcx, rax

# reg_paging - After a change of what translates: old translations go, PAE paging reads its four entries.
# Entry: rbx = VP, rbp = partition.  Exit: eax = status 0.  Changes rcx, rdx, rdi, rsi.
reg_paging:
        mov     dword ptr [rbx + VP_STALE], 1   # its processor may be another one
        push    r8
        call    vpid_flush
        VMGET   rax, VMCS_GUEST_EFER
        test    eax, EFER_LMA
        jnz     1f
        VMGET   rax, VMCS_GUEST_CR0
        test    eax, CR0_PG
        jz      1f
        VMGET   rax, VMCS_GUEST_CR4
        test    eax, CR4_PAE
        jz      1f
        call    pdptes_load                     # one that is wrong shows at the entry
1:      pop     r8
        xor     eax, eax
        ret

# reg_segment_write - Entry: rsi = base; rdi = limit, selector, attributes; r10 = 2 * number.  Exit: eax = status.
# Changes rcx, rdi.
reg_segment_write:
        lea     ecx, [r10 + VMCS_GUEST_ES_BASE]
        vmwrite rcx, rsi
        mov     eax, edi
        lea     ecx, [r10 + VMCS_GUEST_ES_LIMIT]
        vmwrite rcx, rax
        shr     rdi, 32
        movzx   eax, di
        lea     ecx, [r10 + VMCS_GUEST_ES_SELECTOR]
        vmwrite rcx, rax
        shr     edi, 16
        test    edi, AR_P
        jnz     1f
        or      edi, AR_UNUSABLE
1:      lea     ecx, [r10 + VMCS_GUEST_ES_ACCESS_RIGHTS]
        vmwrite rcx, rdi
        xor     eax, eax
        ret

# reg_table_write - Limit in bits 63:48 of rsi, base in rdi, by r10 = 0 GDTR, 2 IDTR.  Entry, Exit, Keeps: as a writer of regs.
reg_table_write:
        shr     rsi, 48
        lea     ecx, [r10 + VMCS_GUEST_GDTR_LIMIT]
        vmwrite rcx, rsi
        lea     ecx, [r10 + VMCS_GUEST_GDTR_BASE]
        vmwrite rcx, rdi
        xor     eax, eax
        ret

        .equ    PEND_VALID, 1
        .equ    PEND_ERROR, 1 << 4
# reg_pending - HvRegisterPendingInterruption: an event that is to be delivered at the next entry.
# Entry, Exit, Keeps: as a reader of regs.
reg_pending:
        xor     edx, edx
        mov     ecx, [rbx + VP_AGAIN]
        xor     eax, eax
        test    ecx, ecx
        jz      2f
        movzx   eax, cl
        shl     eax, 16
        mov     edx, ecx
        and     edx, INTR_TYPE
        shr     edx, 7                          # bits 10:8 to 3:1
        or      eax, edx
        mov     edx, [rbx + VP_AGAIN_LENGTH]
        and     edx, 15
        shl     edx, 5
        or      eax, edx
        or      eax, PEND_VALID
        test    ecx, INTR_ERROR
        jz      1f
        or      eax, PEND_ERROR
1:      mov     edx, [rbx + VP_AGAIN_ERROR]
        shl     rdx, 32
        or      rax, rdx
        xor     edx, edx
2:      ret
# reg_pending_write - Entry, Exit, Keeps: as a writer of regs.
reg_pending_write:
        xor     ecx, ecx
        test    esi, PEND_VALID
        jz      1f
        mov     ecx, esi
        shr     ecx, 16
        cmp     ecx, 255
        ja      reg_refused
        mov     eax, esi
        shl     eax, 7
        and     eax, INTR_TYPE
        or      ecx, eax
        or      ecx, INTR_VALID
        test    esi, PEND_ERROR
        jz      1f
        or      ecx, INTR_ERROR
1:      mov     [rbx + VP_AGAIN], ecx
        mov     eax, esi
        shr     eax, 5
        and     eax, 15
        mov     [rbx + VP_AGAIN_LENGTH], eax
        shr     rsi, 32
        mov     [rbx + VP_AGAIN_ERROR], esi
        and     ecx, INTR_TYPE                  # an IRET gets its fault: its handler begins with NMIs unblocked
        cmp     ecx, put(INTR_TYPE, EVENT_HARD)
        jne     2f
        test    dword ptr [rbx + VP_SUSPENDED], SUSPEND_INTERCEPT
        jz      2f
        cmp     dword ptr [rbx + VP_INTERCEPT + NODE_TYPE], HVMESSAGE_EXCEPTION_INTERCEPT
        jne     2f
        cmp     dword ptr [rbx + VP_IRET], 0
        je      2f
        VMGET   rax, VMCS_GUEST_INTERRUPTIBILITY
        and     eax, ~BLOCKING_NMI & 0xFFFFFFFF
        vmwrite rcx, rax
2:      xor     eax, eax
        ret

# reg_interrupt_state - Shadow of STI and MOV SS, NMIs masked.
# Entry, Exit, Keeps: as a reader of regs.
reg_interrupt_state:
        VMGET   rdx, VMCS_GUEST_INTERRUPTIBILITY
        xor     eax, eax
        test    edx, BLOCKING_STI | BLOCKING_MOV_SS
        setnz   al
        test    edx, BLOCKING_NMI
        jz      1f
        or      eax, 2
1:      xor     edx, edx
        ret
# reg_interrupt_state_write - Entry, Exit, Keeps: as a writer of regs.
reg_interrupt_state_write:
        xor     eax, eax
        test    esi, 1
        jz      1f
        mov     eax, BLOCKING_MOV_SS
1:      test    esi, 2
        jz      2f
        or      eax, BLOCKING_NMI
2:      VMPUT   VMCS_GUEST_INTERRUPTIBILITY, rax
        xor     eax, eax
        ret
