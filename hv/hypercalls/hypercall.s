# hypercall.s - the hypercall interface: who may call, how the input is laid out, what comes back.
#
# Inside: r12 = input value, r13 = input GPA or first fast quadword, r14 = output GPA or second, r15 = row of the call.
# Handlers follow the contract at calls (hypercall_rows.s).
# Source  TLFS, "Hypercall Interface"

# A row: bytes of the input header, of an input element and of the output (of an element), CALL flags, privilege, handler.
        .record CALL
        .field  HEADER, 2
        .field  ELEMENT, 2
        .field  OUTPUT, 2
        .field  FLAGS, 2
        .field  PRIVILEGE, 8                    # bit of the partition's mask, or 0
        .field  HANDLER, 8
        .endrecord
        .equ    CALL_REP, 1                     # a repeat call
        .equ    CALL_VARIABLE, 2                # has a variable header
        .equ    CALL_LOCKED, 4                  # under parts_lock
        .equ    CALL_LATER, 0x10000             # no status: RIP stays at VMCALL, the guest calls again

# exit_vmcall - A hypercall, from privilege level 0.  Entry, Exit, Keeps: as a handler of exits.
exit_vmcall:
        test    dword ptr [rbp + PART_FLAGS], ENLIGHTENED
        jz      fault_ud
        test    dword ptr [rbp + PART_HYPERCALL], HVPAGE_ENABLE
        jz      fault_ud
        call    guest_cpl
        test    eax, eax
        jnz     fault_ud
        call    guest_is_long
        mov     [rbx + VP_CALL_LONG], eax
        jz      call_32
        mov     r12, [rbx + VP_RCX]
        mov     r13, [rbx + VP_RDX]
        mov     r14, [rbx + VP_R8]
        call    call_do                         # rax = result, or carry: go on later
        jc      call_again
        mov     [rbx + VP_RAX], rax
        jmp     advance

call_again:                                     # rax = input value with the start moved on; RIP stays at VMCALL
        mov     [rbx + VP_RCX], rax
        ret

call_32:
        VMGET   rax, VMCS_GUEST_CR0
        test    eax, CR0_PE
        jz      fault_ud
        mov     r12d, [rbx + VP_RAX]
        mov     eax, [rbx + VP_RDX]
        shl     rax, 32
        or      r12, rax
        mov     r13d, [rbx + VP_RCX]
        mov     eax, [rbx + VP_RBX]
        shl     rax, 32
        or      r13, rax
        mov     r14d, [rbx + VP_RSI]
        mov     eax, [rbx + VP_RDI]
        shl     rax, 32
        or      r14, rax
        call    call_do
        mov     edx, eax
        pushfq
        mov     [rbx + VP_RAX], rdx
        shr     rax, 32
        mov     [rbx + VP_RDX], rax
        popfq
        jnc     advance
        ret

# call_do - Entry: r12, r13, r14 as above, rbx = VP, rbp = partition.
# Exit: rax = result value, carry clear; or carry set and rax = input value to go on with.  Keeps rbx, rbp.
call_do:
        inc     qword ptr [rbp + PART_HYPERCALLS]
        movzx   eax, r12w
        cmp     eax, CALLS
        jae     call_no_code
        lea     rdx, [rel calls]
        mov     r15, [rdx + rax*8]
        test    r15, r15
        jz      call_no_code
        mov     rax, HVINPUT_RESERVED1 | HVINPUT_RESERVED2 | HVINPUT_RESERVED3 | HVINPUT_NESTED
        test    r12, rax
        jnz     call_bad_input
        mov     edx, r12d
        shr     edx, shift(HVINPUT_VARIABLE)
        and     edx, get(HVINPUT_VARIABLE, HVINPUT_VARIABLE)
        mov     [rbx + VP_CALL_VARIABLE], edx
        jz      1f
        test    word ptr [r15 + CALL_FLAGS], CALL_VARIABLE
        jz      call_bad_input
1:      call    call_counts                     # eax = repetitions, ecx = start
        test    word ptr [r15 + CALL_FLAGS], CALL_REP
        jnz     2f
        or      eax, ecx
        jnz     call_bad_input
        mov     eax, 1                          # one output
        xor     edi, edi
        jmp     3f
2:      cmp     ecx, eax                        # also refuses a count of 0
        jae     call_bad_input
        movzx   edi, word ptr [r15 + CALL_ELEMENT]
        imul    edi, eax
3:      movzx   ecx, word ptr [r15 + CALL_HEADER]
        lea     ecx, [rcx + rdx*8]
        mov     [rbx + VP_CALL_LIST], ecx       # offset of the first element
        add     ecx, edi
        mov     [rbx + VP_CALL_BYTES], ecx
        movzx   edx, word ptr [r15 + CALL_OUTPUT]
        imul    edx, eax
        mov     [rbx + VP_CALL_RESULT], edx
        test    r12d, HVINPUT_FAST
        jnz     call_fast
        call    call_memory
        jc      call_misaligned

# call_run - The lists are known: privilege, then the handler.  Entry: r12, r15 as above, rbx = VP, rbp = partition.
# Exit: rax and carry as call_do's.  Keeps rbx, rbp.
call_run:
        mov     rax, [r15 + CALL_PRIVILEGE]
        test    rax, rax
        jz      1f
        test    rax, [rbp + PART_PRIVILEGES]
        jz      call_denied
1:      test    word ptr [r15 + CALL_FLAGS], CALL_LOCKED
        jz      call_handle
        SPIN    rel parts_lock
        call    call_handle
        mov     dword ptr [rel parts_lock], 0   # MOV leaves the carry
        ret
# call_handle - Entry: r12, r15 as above, rbx = VP, rbp = partition.  Exit: rax and carry as call_do's.  Keeps rbx, rbp.
call_handle:
        test    word ptr [r15 + CALL_FLAGS], CALL_REP
        jnz     call_rep
        mov     rsi, [rbx + VP_CALL_INPUT]
        mov     rdi, [rbx + VP_CALL_OUTPUT]
        mov     ecx, [rbx + VP_CALL_VARIABLE]
        call    qword ptr [r15 + CALL_HANDLER]
        cmp     eax, CALL_LATER
        je      call_later
call_over:
        clc
        ret
call_later:
        mov     rax, r12
        stc
        ret
call_no_code:
        mov     eax, HVSTATUS_INVALID_HYPERCALL_CODE
        clc
        ret
# call_bad_input - Entry: nothing.  Exit: eax = status, carry clear.  Changes nothing else.
call_bad_input:
        mov     eax, HVSTATUS_INVALID_HYPERCALL_INPUT
        clc
        ret
call_misaligned:
        mov     eax, HVSTATUS_INVALID_ALIGNMENT
        clc
        ret
call_denied:
        mov     eax, HVSTATUS_ACCESS_DENIED
        clc
        ret
