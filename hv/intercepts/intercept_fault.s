# intercept_fault.s - messages of memory accesses and exceptions, and of what a VP cannot go on after; how messages travel.
#
# Source  TLFS, "Intercept Message Formats", "HV_X64_MEMORY_INTERCEPT_MESSAGE", "HV_X64_EXCEPTION_INTERCEPT_MESSAGE"

        .record SEEN_MEMORY
        .field  HEADER, SEEN_SIZE
        .field  CACHE, 4
        .field  BYTES, 1
        .field  INFO, 1                         # linear address valid, and it is the access's own
        .field  TPR, 1
        .field  RESERVED, 1
        .field  GVA, 8
        .field  GPA, 8
        .field  CODE, 16
        .endrecord
# seen_memory - Entry: edi = message type, r12 = guest-physical address, r13 = exit qualification, rbx = VP,
# rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
seen_memory:
        xor     esi, esi
        test    r13d, QUAL_EPT_WRITE
        jz      1f
        mov     esi, SEEN_WRITE
1:      test    r13d, QUAL_EPT_FETCH
        jz      2f
        mov     esi, SEEN_EXECUTE
2:      mov     edx, SEEN_MEMORY_SIZE
        xor     ecx, ecx
        call    seen_begin
        mov     dword ptr [r8 + SEEN_MEMORY_CACHE], MEMTYPE_WB
        mov     [r8 + SEEN_MEMORY_GPA], r12
        mov     eax, [rbx + VP_APIC + APIC_TPR*16]
        mov     [r8 + SEEN_MEMORY_TPR], al
        test    r13d, QUAL_EPT_LINEAR
        jz      4f
        VMGET   rax, VMCS_GUEST_LINEAR_ADDRESS
        mov     [r8 + SEEN_MEMORY_GVA], rax
        mov     eax, 1
        test    r13d, QUAL_EPT_FINAL
        jz      3f
        mov     eax, 3
3:      mov     [r8 + SEEN_MEMORY_INFO], al
4:      cmp     dword ptr [rbx + VP_AGAIN], 0
        jne     5f                              # not the instruction's own access
        test    r13d, QUAL_EPT_FETCH
        jnz     5f
        lea     rdi, [r8 + SEEN_MEMORY_CODE]
        call    seen_bytes
        mov     [r8 + SEEN_MEMORY_BYTES], al
5:      ret

        .record SEEN_FAULT
        .field  HEADER, SEEN_SIZE
        .field  VECTOR, 2
        .field  INFO, 1                         # error code valid, software
        .field  BYTES, 1
        .field  ERROR, 4
        .field  PARAMETER, 8
        .field  RESERVED, 8
        .field  CODE, 16
        .field  DS, 16
        .field  SS, 16
        .field  REGISTERS, 128
        .endrecord
# seen_exception - Entry: r12 = exit interruption information, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
seen_exception:
        call    iret_blocks
        mov     edi, HVMESSAGE_EXCEPTION_INTERCEPT
        mov     esi, SEEN_EXECUTE
        mov     edx, SEEN_FAULT_SIZE
        mov     eax, r12d
        and     eax, INTR_TYPE
        xor     ecx, ecx
        cmp     eax, put(INTR_TYPE, EVENT_HARD)
        setne   cl                              # INT3, INTO: the exit gives the length
        call    seen_begin
        mov     [r8 + SEEN_FAULT_VECTOR], r12b
        xor     eax, eax
        test    r12d, INTR_ERROR
        jz      1f
        VMGET   rax, VMCS_EXIT_INTERRUPTION_ERROR_CODE
        mov     [r8 + SEEN_FAULT_ERROR], eax
        mov     eax, 1
1:      mov     ecx, r12d
        and     ecx, INTR_TYPE
        cmp     ecx, put(INTR_TYPE, EVENT_HARD)
        je      2f
        or      eax, 2
2:      mov     [r8 + SEEN_FAULT_INFO], al
        cmp     r12b, VECTOR_PF
        je      3f
        cmp     r12b, VECTOR_DB
        jne     4f
3:      VMGET   rax, VMCS_EXIT_QUALIFICATION
        mov     [r8 + SEEN_FAULT_PARAMETER], rax
4:      mov     r10d, 6
        call    reg_segment
        mov     [r8 + SEEN_FAULT_DS], rax
        mov     [r8 + SEEN_FAULT_DS + 8], rdx
        mov     r10d, 4
        call    reg_segment
        mov     [r8 + SEEN_FAULT_SS], rax
        mov     [r8 + SEEN_FAULT_SS + 8], rdx
        lea     rdi, [r8 + SEEN_FAULT_REGISTERS]
        mov     rsi, rbx
        mov     ecx, 16
        rep movsq
        VMGET   rax, VMCS_GUEST_RSP
        mov     [r8 + SEEN_FAULT_REGISTERS + VP_RSP], rax
        lea     rdi, [r8 + SEEN_FAULT_CODE]
        call    seen_bytes
        mov     [r8 + SEEN_FAULT_BYTES], al
        ret

# child_fatal - A VP of a created partition cannot go on.  Entry: esi = end code, as partition_fatal, rbx = VP, rbp = partition.
# Exit: nothing.  Keeps rbx, rbp, r12-r15.
child_fatal:
        mov     edi, HVMESSAGE_UNRECOVERABLE
        cmp     esi, CODE_TRIPLE
        je      .report
        cmp     esi, CODE_ENTRY
        je      child_refused
        mov     edi, HVMESSAGE_UNSUPPORTED
.report:
        mov     edx, SEEN_SIZE
        cmp     edi, HVMESSAGE_UNRECOVERABLE
        je      2f
        mov     edx, 8                          # VP and a word
2:      push    rdi
        push    rdx
        xor     esi, esi
        xor     ecx, ecx
        call    seen_begin
        pop     rdx
        pop     rdi
        cmp     edi, HVMESSAGE_UNSUPPORTED
        jne     3f
        mov     dword ptr [r8 + 4], 1           # an intercept that is not supported
        mov     qword ptr [rbx + VP_INTERCEPT + NODE_LENGTH], 16
        VMGET   rax, VMCS_EXIT_REASON
        mov     [r8 + 8], rax
        ret
3:      cmp     edx, 8
        jne     4f
        mov     dword ptr [r8 + 4], 0
4:      ret

child_refused:                                  # the event of the entry that failed waits again
        VMGET   rax, VMCS_ENTRY_INTERRUPTION_INFO
        test    eax, INTR_VALID
        jz      5f
        mov     [rbx + VP_AGAIN], eax
        VMGET   rax, VMCS_ENTRY_EXCEPTION_ERROR_CODE
        mov     [rbx + VP_AGAIN_ERROR], eax
        VMGET   rax, VMCS_ENTRY_INSTRUCTION_LENGTH
        mov     [rbx + VP_AGAIN_LENGTH], eax
        xor     eax, eax
        VMPUT   VMCS_ENTRY_INTERRUPTION_INFO, rax
5:      mov     edi, HVMESSAGE_INVALID_REGISTER
        jmp     child_fatal.report

# intercept_send - The VP has left its processor: its message, if there is one, goes.  Entry: r11 = VP, rbx = the same.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
intercept_send:
        xor     eax, eax
        xchg    eax, [r11 + VP_INTERCEPT_DUE]
        test    eax, eax
        jz      1f
        lea     rdi, [r11 + VP_INTERCEPT]
        call    intercept_reader
        jz      1f
        xor     edx, edx
        jmp     message_queue
1:      ret

# intercept_forget - Take it back, if it waits still.  Entry: r11 = VP.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
intercept_forget:
        lea     rdi, [r11 + VP_INTERCEPT]
# node_forget - The same, of a node.  Entry: rdi = node, r11 = its VP.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
node_forget:
        call    intercept_reader
        jz      1f
        xor     edx, edx
        jmp     message_forget
1:      ret
# intercept_parent - Entry: rbx = VP.  Exit: rsi and zero flag as intercept_reader's.  Changes nothing else.
intercept_parent:
        mov     rsi, [rbx + VP_PARTITION]
        jmp     intercept_reader.parent
# intercept_reader - Entry: r11 = VP.  Exit: rsi = its parent's first VP, zero flag set when there is none.  Changes nothing else.
intercept_reader:
        mov     rsi, [r11 + VP_PARTITION]
.parent:
        mov     rsi, [rsi + PART_PARENT]
        mov     rsi, [rsi + PART_VP]
        test    rsi, rsi
        ret
