# Expect: pass. A child's reset: its first VP at the reset vector in its power-up state, the other waits for a start-up IPI; identity and pages are gone, a TSC that moved counts as at power-up.
        .include "rootlib.s"

        .equ    GIVEN, PRIVILEGE_HYPERCALL | PRIVILEGE_SYNIC | PRIVILEGE_RESET | PRIVILEGE_VP_INDEX | PRIVILEGE_REFERENCE_TSC | PRIVILEGE_TIMERS
        .equ    C_COUNT, 0x28000
        .equ    C_SIM, 0x29000
        .equ    C_SLOT, C_SIM + SLOTS_BYTES     # of SINT 1
        .equ    C_TIME, 0x2A000                 # the reference TSC page; its first word is 0 when it is of no use
        .macro  C_WRMSR msr, value
        mov     ecx, \msr
        mov     eax, \value
        xor     edx, edx
        wrmsr
        .endm
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end, GIVEN
        MORE_VP 1, 0x7000
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_UNMAPPED_GPA     # the fetch at the reset vector
        EQ      byte ptr [SLOT0 + SLOTS_DATA + 5], 2
        mov     eax, 0xFFFFFFF0
        EQ      [SLOT0 + SLOTS_DATA + 56], rax
        EQ      dword ptr [SLOT0 + SLOTS_DATA], 0       # VP 0
        GET     HVREG_RIP
        EQ      rax, 0xFFF0
        GET     HVREG_ES + 1
        mov     ecx, 0xFFFF0000
        EQ      rax, rcx
        GET     HVREG_CR0
        EQ      eax, CR0_ET | CR0_CD | CR0_NW
        GET     HVREG_EFER
        EQ      rax, 0
        GET     HVREG_GUEST_OS_ID
        EQ      rax, 0
        GET     HVREG_SCONTROL
        EQ      rax, 0
        GET     HVREG_SIMP
        EQ      rax, 0
        EQ      dword ptr [CHILD + C_SIM], 0x1234       # its own page shows again
        mov     eax, [CHILD + C_COUNT]          # VP 1 counts no more
        mov     ebx, eax
        mov     r14d, 10
1:      CALL_FAST HVCALL_SPIN_WAIT, 1
        dec     r14d
        jnz     1b
        EQ      [CHILD + C_COUNT], ebx
        NE      ebx, 0
        DONE_MESSAGE
        GET     HVREG_REFERENCE_TSC
        EQ      rax, 0
        SET     HVREG_REFERENCE_TSC, C_TIME | 1
        call    long_child
        EQ      eax, 0
        SET     HVREG_RIP, CHILD_CODE + guest_after - guest
        WATCH_PORT 0x10
        RESUME
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        NE      dword ptr [SLOT0 + SLOTS_DATA + 48], 0
        ADVANCE
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        EQ      dword ptr [SLOT0 + SLOTS_DATA + 48], 0  # the message that waited is gone
        ADVANCE
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        EQ      dword ptr [SLOT0 + SLOTS_DATA + 48], HVMESSAGE_TIMER_EXPIRED    # its timer sends the next one
        DONE_MESSAGE
        END_CHILD
        PASS
guest:  mov     ecx, HVMSR_VP_INDEX
        rdmsr
        test    eax, eax
        jnz     guest_wait.other
        mov     dword ptr [C_SIM], 0x1234
        mov     ecx, HVMSR_GUEST_OS_ID
        mov     eax, 1
        mov     edx, eax
        wrmsr
        mov     ecx, HVMSR_SIMP
        mov     eax, C_SIM | 1
        xor     edx, edx
        wrmsr
        mov     ecx, HVMSR_SCONTROL
        mov     eax, 1
        wrmsr
        mov     ecx, HVMSR_REFERENCE_TSC
        mov     eax, C_TIME | 1
        wrmsr
        cmp     dword ptr [C_TIME], 0
        je      guest_bad
        mov     ecx, MSR_TSC
        xor     eax, eax
        wrmsr
        cmp     dword ptr [C_TIME], 0
        jne     guest_bad
        call    guest_timer
        mov     dword ptr [C_SLOT], 1           # full: another message of the timer waits
        call    guest_timer
1:      cmp     dword ptr [C_COUNT], 1000
        jb      1b
        mov     ecx, HVMSR_RESET
        mov     eax, 1
        xor     edx, edx
        wrmsr
guest_bad:
        ud2
guest_after:
        mov     eax, [C_TIME]
        out     0x10, eax
        C_WRMSR HVMSR_SIMP, C_SIM | 1
        C_WRMSR HVMSR_SCONTROL, 1
        call    guest_wait
        mov     eax, [C_SLOT]
        out     0x10, eax
        call    guest_timer
        mov     eax, [C_SLOT]
        out     0x10, eax
        ud2
guest_timer:                                    # a message to SINT 1, at once
        C_WRMSR (HVMSR_SINT0 + 1), SINT_MASKED | 0x50
        C_WRMSR HVMSR_STIMER0_CONFIG, STIMER_AUTO_ENABLE | put(STIMER_SINT, 1)
        C_WRMSR HVMSR_STIMER0_COUNT, 1
guest_wait:
        mov     ecx, 100000
3:      pause
        dec     ecx
        jnz     3b
        ret
.other: inc     dword ptr [C_COUNT]             # VP 1 counts
        jmp     .other
guest_end:
        LIBRARY
