# Expect: pass. Four VPs of a child: started by hypercall and by INIT-SIPI, IPIs and remote flushes between them, identified by their index.
        .include "rootlib.s"
        .use    cpuid

        .equ    GIVEN, PRIVILEGE_HYPERCALL | PRIVILEGE_APIC | PRIVILEGE_VP_INDEX
        .equ    IPI, 0x61
        .equ    ROUNDS, 50
        .equ    C_PAGE, 0x20000                 # the child's: hypercall page, input, IDT, a page table, two pages, what VPs report
        .equ    C_INPUT, 0x22000
        .equ    C_IDT, 0x23000
        .equ    C_PT, 0x24000
        .equ    C_ONE, 0x25000
        .equ    C_TWO, 0x26000
        .equ    C_TOLD, 0x27000                 # of each VP: ready, IPIs, value seen
        .equ    C_GO, 0x27100
        .equ    C_REAL, 0x8000                  # where the start-up IPI begins
        .equ    C_WINDOW, 0x200000              # the second 2 MiB, by C_PT
        .equ    ALL_OTHERS, 0b1110

test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end, GIVEN
        mov     qword ptr [CHILD + CHILD_TABLES + 0x2008], C_PT | 3
        mov     qword ptr [CHILD + C_PT], C_ONE | 3
        mov     dword ptr [CHILD + C_ONE], 1
        mov     dword ptr [CHILD + C_TWO], 2
        lea     rsi, [rip + real]
        mov     edi, CHILD + C_REAL
        mov     ecx, real_end - real
        rep movsb
        WATCH_PORT 0x10
        MORE_VP 1, 0x7000
        MORE_VP 2, 0x6000
        mov     esi, 2                          # it runs already
        mov     edx, 0x6000
        call    start_vp
        EQ      eax, HVSTATUS_INVALID_VP_STATE
        mov     esi, 9
        call    start_vp
        EQ      eax, HVSTATUS_INVALID_VP_INDEX
        call    clear_input                     # VP 3 waits for the start-up IPI
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 3
        OK      HVCALL_CREATE_VP
        mov     dword ptr [INPUT + 8], 3
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 3
        mov     dword ptr [INPUT + 16], HVREG_EXPLICIT_SUSPEND
        CALL_HV HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, 1)
        EQ      ax, 0
        call    clear_input                     # APIC ID to VP index
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 16], 2
        mov     dword ptr [INPUT + 20], 50
        CALL_HV HVCALL_VP_INDEX_OF_APIC | put(HVINPUT_COUNT, 2)
        mov     rcx, put(HVRESULT_DONE, 1) | HVSTATUS_INVALID_PARAMETER
        EQ      rax, rcx
        EQ      dword ptr [OUTPUT], 2
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        EQ      byte ptr [SLOT0 + SLOTS_DATA + 48], 0
        EQ      dword ptr [CHILD + C_TOLD + 3 * 32], 0x3333
        mov     eax, [CHILD + C_TOLD + 1 * 32 + 8]
        EQ      eax, ROUNDS
        mov     eax, [CHILD + C_TOLD + 2 * 32 + 8]
        EQ      eax, ROUNDS
        END_CHILD
        PASS

real:   .code16                                 # VP 3, from the start-up IPI: says so, and sleeps
        mov     word ptr cs:[0], 0x9090
        mov     ax, C_TOLD >> 4
        mov     ds, ax
        mov     word ptr [3 * 32], 0x3333
1:      cli
        hlt
        jmp     1b
        .code64
real_end:

        .macro  C_WRMSR msr, value
        mov     ecx, \msr
        mov     eax, \value
        xor     edx, edx
        wrmsr
        .endm
        .macro  C_CALL code
        mov     rcx, \code
        mov     edx, C_INPUT
        mov     eax, C_PAGE
        call    rax
        test    eax, eax
        jnz     guest_bad
        .endm
guest:  mov     ecx, HVMSR_VP_INDEX
        rdmsr
        shl     eax, 5
        lea     rbp, [rax + C_TOLD]
        CHILD_GATE C_IDT, IPI, guest_ipi
        CHILD_LOADS
        mov     ecx, MSR_APIC_BASE              # only VP 0's has the BSP bit, and keeps it
        rdmsr
        or      eax, APICBASE_EXTD
        wrmsr
        C_WRMSR X2APIC_FIRST + APIC_SVR, SVR_ENABLE | 0xFF
        mov     ecx, HVMSR_VP_INDEX
        rdmsr
        test    eax, eax
        jnz     guest_other
        mov     ecx, HVMSR_GUEST_OS_ID
        mov     eax, 1
        mov     edx, eax
        wrmsr
        C_WRMSR HVMSR_HYPERCALL, C_PAGE | 1
1:      pause
        cmp     dword ptr [C_TOLD + 1 * 32], 1
        jne     1b
2:      pause
        cmp     dword ptr [C_TOLD + 2 * 32], 1
        jne     2b
        mov     ecx, X2APIC_FIRST + APIC_ICR    # VP 3: INIT, start-up
        mov     edx, 3
        mov     eax, put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT
        wrmsr
        mov     edx, 3
        mov     eax, put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | C_REAL >> 12
        wrmsr
3:      pause
        cmp     dword ptr [C_TOLD + 3 * 32], 0x3333
        jne     3b

        call    guest_topology
        mov     r12d, 1
guest_round:
        mov     dword ptr [C_INPUT], IPI        # an IPI to all others, by hypercall or by the APIC
        mov     dword ptr [C_INPUT + 4], 0
        mov     qword ptr [C_INPUT + 8], 0b0110
        test    r12d, 1
        jz      4f
        C_CALL  HVCALL_CLUSTER_IPI
        jmp     5f
4:      mov     ecx, X2APIC_FIRST + APIC_ICR
        mov     edx, 1
        mov     eax, IPI | ICR_ASSERT
        wrmsr
        mov     edx, 2
        mov     eax, IPI | ICR_ASSERT
        wrmsr
5:      pause
        cmp     [C_TOLD + 1 * 32 + 8], r12d
        jb      5b
        cmp     [C_TOLD + 2 * 32 + 8], r12d
        jb      5b
        mov     eax, C_ONE | 3                  # the window shows another page; nobody may see the old one after the flush
        mov     r13d, 1
        test    r12d, 1
        jz      6f
        mov     eax, C_TWO | 3
        mov     r13d, 2
6:      mov     [C_PT], eax
        mov     qword ptr [C_INPUT], 0
        mov     qword ptr [C_INPUT + 8], HVFLUSH_ALL_SPACES
        mov     qword ptr [C_INPUT + 16], 0b111
        C_CALL  HVCALL_FLUSH_SPACE
        mov     [C_GO], r12d
7:      pause
        cmp     [C_TOLD + 1 * 32 + 16], r12d
        jne     7b
8:      pause
        cmp     [C_TOLD + 2 * 32 + 16], r12d
        jne     8b
        cmp     [C_TOLD + 1 * 32 + 20], r13d
        jne     guest_bad
        cmp     [C_TOLD + 2 * 32 + 20], r13d
        jne     guest_bad
        cmp     [C_WINDOW], r13d
        jne     guest_bad
        inc     r12d
        cmp     r12d, ROUNDS
        jbe     guest_round
        cmp     dword ptr [C_TOLD + 24], 1
        jne     guest_bad
        cmp     dword ptr [C_TOLD + 1 * 32 + 24], 1
        jne     guest_bad
        cmp     dword ptr [C_TOLD + 2 * 32 + 24], 1
        jne     guest_bad
        xor     eax, eax
guest_tell:
        out     0x10, al
guest_bad:
        mov     eax, 1
        jmp     guest_tell

guest_other:
        mov     dword ptr [rbp], 1
        sti
9:      mov     eax, [C_GO]
        mov     edx, [C_WINDOW]
        mov     [rbp + 20], edx
        mov     [rbp + 16], eax
        test    eax, eax
        jz      9b
        cmp     dword ptr [rbp + 24], 1
        je      9b
        call    guest_topology                  # now all four are there
        jmp     9b
# guest_topology - Does CPUID know which of the four this is?  1 at [rbp + 24].
guest_topology:
        lea     r8, [rbp - C_TOLD]
        shr     r8d, 5                          # index
        mov     eax, 1
        cpuid
        test    edx, FEATURE_D_HTT
        jz      1f
        shr     ebx, 16
        cmp     bl, 4
        jne     1f
        shr     ebx, 8
        cmp     ebx, r8d
        jne     1f
        mov     eax, 4
        xor     ecx, ecx
        cpuid
        shr     eax, 26
        cmp     eax, 3
        jne     1f
        mov     eax, 0x0B
        mov     ecx, 1
        cpuid
        cmp     eax, 2
        jne     1f
        cmp     ebx, 4
        jne     1f
        cmp     edx, r8d
        jne     1f
        mov     dword ptr [rbp + 24], 1
1:      ret
guest_ipi:
        inc     dword ptr [rbp + 8]
        push    rax
        push    rcx
        push    rdx
        C_WRMSR HVMSR_EOI, 0
        pop     rdx
        pop     rcx
        pop     rax
        iretq
        CHILD_DESCRIPTORS C_IDT
guest_end:
        LIBRARY
