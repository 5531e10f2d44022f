# cost.s - how many cycles a round trip to the hypervisor takes, as the guest sees it.
#
# Source  hvlab's own, hv/README.md, "Numbers"

        .equ    ROUNDS, 2000
        .macro  COST instruction
        rdtsc
        shl     rdx, 32
        lea     r12, [rax + rdx]
        mov     r13d, ROUNDS
78:     mov     ebp, MEMORY_LOCAL_APIC
        xor     eax, eax
        mov     edx, PORT_KEY_COMMAND
        \instruction
        dec     r13d
        jnz     78b
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rax, r12
        xor     edx, edx
        mov     ecx, ROUNDS
        div     rcx
        call    line_number
        .endm

# probe_cost - One line.  Entry: nothing.  Exit: nothing.  Changes all.
probe_cost:
        SAY     "cycles of a round trip: CPUID "
        COST    cpuid
        SAY     ", port "
        COST    "in al, dx"
        SAY     ", APIC page "
        COST    "mov eax, [rbp + APIC_TPR*16]"
        SAY     ", CR8 "
        COST    "mov rax, cr8"
        jmp     line_send
