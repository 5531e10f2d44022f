# Expect: pass. MOV from CR amid other instructions reads what MOV to CR wrote, and takes no time; interrupts come where they are due.
        .include "lib.s"

        .equ    VECTOR_TIMER, 0x41

test:   ON      VECTOR_TIMER, fired
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_DIVIDE, 0xB             # by 1
        APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_PERIODIC) | VECTOR_TIMER
        APIC_WRITE APIC_INITIAL_COUNT, 2003
        mov     rax, cr0
        mov     r8, rax
        mov     rax, cr3
        mov     r9, rax
        mov     rax, cr4
        mov     r10, rax
        xor     r11d, r11d
        mov     ebp, 2000
        sti
.again: mov     ebx, ebp                        # CR8 from 0 to 3: the timer's vector stays above it
        and     ebx, 3
        mov     cr8, rbx
        mov     cr2, rbp
        mov     rcx, cr0
        mov     rdx, cr2
        mov     rsi, cr3
        mov     rdi, cr4
        mov     r13, cr8
        EQ      rcx, r8
        EQ      rdx, rbp
        EQ      rsi, r9
        EQ      rdi, r10
        EQ      r13, rbx
        add     r11, r13
        xor     r8, 1 << 3                      # CR0.TS
        mov     cr0, r8
        mov     r12, cr0
        EQ      r12, r8
        dec     ebp
        jnz     .again
        cli
        EQ      r11, 3000
        ABOVE   dword ptr [rip + count], 10
        rdtsc
        mov     esi, eax
        rdtsc
        sub     eax, esi
        mov     edi, eax
        rdtsc
        mov     esi, eax
        mov     rcx, cr4                        # none of these exits in a partition
        mov     rcx, cr2
        mov     r15, cr0
        rdtsc
        sub     eax, esi
        EQ      eax, edi
        PASS
fired:  inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
