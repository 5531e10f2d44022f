# intercept_registers.s - messages of MSR and CPUID intercepts.
#
# Source  TLFS, "HV_X64_MSR_INTERCEPT_MESSAGE", "HV_X64_CPUID_INTERCEPT_MESSAGE"

# seen_msr - Entry: esi = access, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
seen_msr:
        mov     edi, HVMESSAGE_MSR_INTERCEPT
        mov     edx, SEEN_SIZE + 24
        mov     ecx, 1
        call    seen_begin
        mov     eax, [rbx + VP_RCX]
        mov     [r8 + SEEN_SIZE], eax
        mov     rax, [rbx + VP_RDX]
        mov     [r8 + SEEN_SIZE + 8], rax
        mov     rax, [rbx + VP_RAX]
        mov     [r8 + SEEN_SIZE + 16], rax
        ret

# seen_cpuid - Entry: rdi = row of what the guest would get, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
seen_cpuid:
        push    r12
        mov     r12, rdi
        mov     edi, HVMESSAGE_CPUID_INTERCEPT
        mov     esi, SEEN_EXECUTE
        mov     edx, SEEN_SIZE + 64
        mov     ecx, 1
        call    seen_begin
        lea     rdi, [r8 + SEEN_SIZE]
        lea     rsi, [rbx + VP_RAX]             # RAX, RCX, RDX, RBX
        mov     ecx, 4
        rep movsq
        mov     eax, [r12]
        stosq
        mov     eax, [r12 + 8]
        stosq
        mov     eax, [r12 + 12]
        stosq
        mov     eax, [r12 + 4]
        stosq
        pop     r12
        ret
