# mailbox.s - the request mailbox of a VP: bits set by anyone, taken over by the VP's own processor before it enters it.
#
# Source  hv/README.md, "Scheduling, locks, isolation"

# request - Entry: rsi = VP, eax = REQUEST bits; rbx = VP this processor is about.  Exit: nothing.  Changes rax, rcx, rdx.
request:
        lock or [rsi + VP_REQUESTS], eax
        cmp     rsi, rbx
        jne     1f
        WORK    WORK_REQUESTS
        ret
1:      mov     rdx, [rsi + VP_PROCESSOR]
        cmp     rdx, gs:[CPU_SELF]
        jne     kick
        cmp     dword ptr [rsi + VP_STATE], VP_HALTED
        jne     3f
        WORK    WORK_YIELD                      # let it wake
3:      ret
# kick - Interrupt another processor.  Entry: rdx = its block.  Exit: nothing.  Changes rax, rdx.
kick:   mov     rax, [rdx + CPU_NUMBER]
        shl     eax, 24
        mov     edx, MEMORY_LOCAL_APIC
        mov     [rdx + APIC_ICR_HIGH*16], eax
        mov     dword ptr [rdx + APIC_ICR*16], KICK_VECTOR
        ret

# request_vector - An edge-triggered interrupt.  Entry: rsi = VP, edi = vector, rbx = VP this processor is about.
# Exit: nothing.  Changes rax, rcx, rdx.
request_vector:
        cmp     rsi, rbx
        je      apic_raise
        lock bts dword ptr [rsi + VP_REQUESTED], edi
        mov     eax, REQUEST_VECTORS
        jmp     request

# requests_take - Entry: rbx = VP, on its processor, rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
requests_take:
        cmp     dword ptr [rel uart_waits], 0
        je      5f
        call    uart_poll
5:
        xor     eax, eax
        xchg    eax, [rbx + VP_REQUESTS]
        test    eax, REQUEST_NMI
        jz      1f
        mov     dword ptr [rbx + VP_NMI], 1
        WORK    WORK_EVENT
1:      test    eax, REQUEST_LEAVE | REQUEST_FLUSH | REQUEST_INIT | REQUEST_SIPI | REQUEST_RESET | REQUEST_WITHDRAW
        jnz     requests_rare
requests_vectors:
        test    eax, REQUEST_VECTORS
        jz      3f
        xor     ecx, ecx
2:      xor     eax, eax
        xchg    eax, [rbx + rcx*4 + VP_REQUESTED]
        test    dword ptr [rbx + VP_APIC + APIC_SVR*16], SVR_ENABLE
        jz      4f                              # software disabled: it takes none
        mov     edx, ecx
        shl     edx, 4
        or      [rbx + rdx + VP_APIC + APIC_IRR*16], eax
        not     eax
        and     [rbx + rdx + VP_APIC + APIC_TMR*16], eax
        xor     eax, eax
        xchg    eax, [rbx + rcx*4 + VP_REQUESTED_LEVEL]
        or      [rbx + rdx + VP_APIC + APIC_IRR*16], eax
        or      [rbx + rdx + VP_APIC + APIC_TMR*16], eax
4:      inc     ecx
        cmp     ecx, 8
        jb      2b
        WORK    WORK_EVENT
3:      cmp     dword ptr [rbx + VP_WAITING], 0
        jne     messages_deliver
        ret

requests_rare:
        test    eax, REQUEST_FLUSH
        jz      1f
        push    rax
        call    vp_flush
        pop     rax
1:      test    eax, REQUEST_INIT
        jz      2f
        mov     dword ptr [rbx + VP_STATE], VP_PARKED
        mov     dword ptr [rbx + VP_STARTING], 0
        mov     ecx, eax
        and     ecx, REQUEST_NMI                # one that came after it is held
        mov     [rbx + VP_NMI], ecx
        WORK    WORK_YIELD
2:      test    eax, REQUEST_SIPI
        jz      3f
        cmp     dword ptr [rbx + VP_STATE], VP_PARKED   # any other ignores it
        jne     3f
        cmp     dword ptr [rbx + VP_STARTING], 0
        jne     3f
        movzx   ecx, byte ptr [rbx + VP_SIPI]   # of this one: another may come before it starts
        shl     ecx, 8
        inc     ecx
        mov     [rbx + VP_STARTING], ecx
3:      test    eax, REQUEST_RESET
        jz      4f
        mov     dword ptr [rbx + VP_STATE], VP_RUNNABLE
        mov     dword ptr [rbx + VP_STARTING], 2
        WORK    WORK_YIELD
4:      test    eax, REQUEST_WITHDRAW
        jz      5f
        call    level_withdraw
5:      test    eax, REQUEST_LEAVE
        jz      requests_vectors
        WORK    WORK_YIELD
        jmp     requests_vectors
