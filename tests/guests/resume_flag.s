# Expect: pass. RF in pushed flags: faults and what comes inside a repeated string instruction push 1, all else what it was.
        .include "lib.s"

        .equ    SOURCE, 0x600000
        .equ    TARGET, 0x800000
        .equ    VECTOR_TIMER, 0x70
        .equ    STORES, 0x20000
        .macro  STEP
        pushfq
        or      qword ptr [rsp], RFLAGS_TF
        popfq
        .endm
test:   ON      VECTOR_TIMER, interrupted
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_DIVIDE, 0xB
        APIC_WRITE APIC_LVT_TIMER, VECTOR_TIMER
        mov     ecx, 0x20000
        mov     esi, SOURCE
        mov     edi, TARGET
        APIC_WRITE APIC_INITIAL_COUNT, 20000
        sti
        nop
movs:   rep     movsb
        cli
        EQ      qword ptr [rip + where], offset movs
        BITS    dword ptr [rip + flags], RFLAGS_RF
        EQ      ecx, 0

        APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_PERIODIC) | VECTOR_TIMER
        mov     dword ptr [rip + inside], 0     # many of them, at pages' ends and anywhere
        APIC_WRITE APIC_INITIAL_COUNT, 19999
        mov     ecx, STORES
        mov     edi, TARGET
        sti
stos:   rep     stosb
        cli
        APIC_WRITE APIC_INITIAL_COUNT, 0
        ABOVE   dword ptr [rip + inside], 3
        EQ      dword ptr [rip + wrong], 0

        mov     dword ptr [rip + count], 0
        APIC_WRITE APIC_INITIAL_COUNT, 20000
        sti
        mov     ecx, 40000
spin:   dec     ecx
        jnz     spin
        cli
        APIC_WRITE APIC_INITIAL_COUNT, 0
        ABOVE   dword ptr [rip + count], 0
        NOBITS  dword ptr [rip + flags], RFLAGS_RF      # between two instructions

        ON      VECTOR_DB, stepped
        mov     qword ptr [rip + ends], offset stepped_movs
        mov     esi, SOURCE
        mov     edi, TARGET
        mov     ecx, 3
        STEP
        rep     movsb
stepped_movs:
        nop
        EQ      dword ptr [rip + steps], 3
        EQ      dword ptr [rip + resumed], 2    # but for the last iteration
        mov     dword ptr [rip + steps], 0
        mov     dword ptr [rip + resumed], 0
        mov     qword ptr [rip + ends], offset stepped_outs
        mov     esi, SOURCE
        mov     ecx, 3
        mov     edx, PORT_POST
        STEP
        rep     outsb
stepped_outs:
        nop
        EQ      dword ptr [rip + steps], 3
        EQ      dword ptr [rip + resumed], 2

        EXPECT  VECTOR_UD
        ud2
        CAUGHT
        BITS    dword ptr [rip + fault_rflags], RFLAGS_RF
        mov     ecx, 0x12345                    # no such MSR: a hypervisor raises this one
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        BITS    dword ptr [rip + fault_rflags], RFLAGS_RF
        EXPECT  VECTOR_PF
        mov     eax, [WINDOW]
        CAUGHT
        BITS    dword ptr [rip + fault_rflags], RFLAGS_RF
        EXPECT_AT VECTOR_BP, NOTHING, .after_int3
        int3
.after_int3:
        CAUGHT
        NOBITS  dword ptr [rip + fault_rflags], RFLAGS_RF

        ON      VECTOR_DB, 0                    # an access that a hypervisor answers leaves none set
        lea     rax, [rip + .after_access]
        mov     dr0, rax
        mov     eax, DR7_ONE | DR7_L0
        mov     dr7, rax
        EXPECT_AT VECTOR_DB, NOTHING, .after_access
        mov     ebx, MEMORY_LOCAL_APIC
        mov     ebx, [rbx + 16 * APIC_VERSION]
.after_access:
        nop
        CAUGHT
        PASS

interrupted:
        mov     rax, [rdi + FRAME_RIP]
        mov     [rip + where], rax
        mov     rax, [rdi + FRAME_RFLAGS]
        mov     [rip + flags], rax
        inc     dword ptr [rip + count]
        cmp     qword ptr [rip + where], offset stos
        jne     1f
        inc     dword ptr [rip + inside]
        cmp     qword ptr [rdi + FRAME_RCX], 0          # done: it would have been found after it
        je      2f
        cmp     qword ptr [rdi + FRAME_RCX], STORES     # no iteration yet: 0
        setne   cl
        shr     eax, shift(RFLAGS_RF)
        and     eax, 1
        cmp     al, cl
        je      1f
2:      inc     dword ptr [rip + wrong]
1:      APIC_WRITE APIC_EOI, 0
        ret
stepped:
        inc     dword ptr [rip + steps]
        test    qword ptr [rdi + FRAME_RFLAGS], RFLAGS_RF
        jz      1f
        inc     dword ptr [rip + resumed]
1:      mov     rax, [rip + ends]
        cmp     [rdi + FRAME_RIP], rax
        jne     2f
        and     qword ptr [rdi + FRAME_RFLAGS], ~RFLAGS_TF
2:      ret
        .align  8
where:  .quad   0
flags:  .quad   0
ends:   .quad   0
count:  .quad   0
inside: .quad   0
wrong:  .quad   0
steps:  .quad   0
resumed: .quad  0
