# hypercall.s - the hypercall interface: who may call, how the input is laid out, what comes back.
#
# Inside: r12 = input value, r13 = input GPA or first fast quadword, r14 = output GPA or second, r15 = row of the call.
# Handlers: entry rsi = input header, rdi = output list, edx = element number, rbx = VP, rbp = partition; exit eax = HVSTATUS;
# they keep rbx, rbp, r12-r15.
# Source  TLFS, "Hypercall Interface"

# A row: bytes of the input header, of an input element and of an output element, CALL flags, handler.
        .record CALL
        .field  HEADER, 4
        .field  ELEMENT, 4
        .field  OUTPUT, 4
        .field  FLAGS, 4
        .field  HANDLER, 8
        .endrecord
        .equ    CALL_REP, 1                     # a repeat call
        .equ    CALL_DENIED, 2                  # no partition has the privilege

exit_vmcall:
        test    dword ptr [rbp + PART_FLAGS], ENLIGHTENED
        jz      fault_ud
        test    dword ptr [rbp + PART_HYPERCALL], HVPAGE_ENABLE
        jz      fault_ud
        call    guest_cpl
        test    eax, eax
        jnz     fault_ud
        call    guest_is_long
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

# call_do - Exit: rax = result value, carry clear; or carry set and rax = input value to go on with.
call_do:
        inc     qword ptr [rbp + PART_HYPERCALLS]
        movzx   eax, r12w
        cmp     eax, CALLS
        jae     call_no_code
        lea     rdx, [rel calls]
        mov     r15, [rdx + rax*8]
        test    r15, r15
        jz      call_no_code
        mov     rax, HVINPUT_RESERVED1 | HVINPUT_RESERVED2 | HVINPUT_RESERVED3 | HVINPUT_NESTED | HVINPUT_VARIABLE
        test    r12, rax
        jnz     call_bad_input
        mov     rax, r12
        shr     rax, shift(HVINPUT_COUNT)
        and     eax, get(HVINPUT_COUNT, HVINPUT_COUNT)          # repetitions
        mov     rcx, r12
        shr     rcx, shift(HVINPUT_START)
        and     ecx, get(HVINPUT_START, HVINPUT_START)
        test    dword ptr [r15 + CALL_FLAGS], CALL_REP
        jnz     1f
        or      eax, ecx
        jnz     call_bad_input
        jmp     2f
1:      cmp     ecx, eax                        # also refuses a count of 0
        jae     call_bad_input

2:      test    r12d, HVINPUT_FAST
        jz      3f
        test    dword ptr [r15 + CALL_FLAGS], CALL_REP
        jnz     call_bad_input
        cmp     dword ptr [r15 + CALL_HEADER], 16
        ja      call_bad_input
        mov     [rbx + VP_FAST], r13
        mov     [rbx + VP_FAST + 8], r14
        lea     rsi, [rbx + VP_FAST]
        jmp     4f
3:      mov     edx, eax
        imul    eax, [r15 + CALL_ELEMENT]
        add     eax, [r15 + CALL_HEADER]
        mov     rdi, r13
        call    call_list
        jc      call_misaligned
        mov     rsi, rax
        mov     eax, edx
        imul    eax, [r15 + CALL_OUTPUT]
        mov     rdi, r14
        call    call_list
        jc      call_misaligned
        mov     rdi, rax
4:      mov     eax, HVSTATUS_ACCESS_DENIED
        test    dword ptr [r15 + CALL_FLAGS], CALL_DENIED
        jnz     call_over
        test    dword ptr [r15 + CALL_FLAGS], CALL_REP
        jnz     call_rep
        call    qword ptr [r15 + CALL_HANDLER]
call_over:
        clc
        ret
call_no_code:
        mov     eax, HVSTATUS_INVALID_HYPERCALL_CODE
        clc
        ret
call_bad_input:
        mov     eax, HVSTATUS_INVALID_HYPERCALL_INPUT
        clc
        ret
call_misaligned:
        mov     eax, HVSTATUS_INVALID_ALIGNMENT
        clc
        ret
