# Expect: pass. A VP that INIT stopped while an interrupt waited for IF starts by HvCallStartVirtualProcessor without it, and runs on with interrupts on.
        .include "rootlib.s"

        .equ    IPI, 0x61
        .equ    C_IDT, 0x24000
        .equ    C_STARTS, 0x28000               # of VP 1: starts, rounds of its loop, IPIs
        .equ    C_ROUNDS, 0x28004
        .equ    C_IPIS, 0x28008
        .macro  C_X2 register, high, low
        mov     ecx, X2APIC_FIRST + \register
        mov     eax, \low
        mov     edx, \high
        wrmsr
        .endm
        .macro  STOPPED_AT place
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        EQ      qword ptr [SLOT0 + SLOTS_DATA + 24], CHILD_CODE + \place - guest
        .endm
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end, PRIVILEGE_VP_INDEX
        WATCH_PORT 0x10
        MORE_VP 1, 0x7000
        SET     HVREG_EXPLICIT_SUSPEND, 0
        STOPPED_AT guest_stopped
        EQ      dword ptr [CHILD + C_IPIS], 0
        mov     esi, 1
        mov     edx, 0x7000
        call    start_vp
        EQ      eax, 0
        ADVANCE
        DONE_MESSAGE
        RESUME
        STOPPED_AT guest_done
        EQ      dword ptr [CHILD + C_STARTS], 2
        EQ      dword ptr [CHILD + C_IPIS], 1
        DONE_MESSAGE
        END_CHILD
        PASS

guest:  CHILD_GATE C_IDT, IPI, guest_ipi
        CHILD_LOADS
        mov     ecx, MSR_APIC_BASE
        rdmsr
        or      eax, APICBASE_EXTD
        wrmsr
        C_X2    APIC_SVR, 0, SVR_ENABLE | 0xFF
        mov     ecx, HVMSR_VP_INDEX
        rdmsr
        test    eax, eax
        jnz     guest_other
1:      pause
        cmp     dword ptr [C_ROUNDS], 100
        jb      1b
        C_X2    APIC_ICR, 1, IPI | ICR_ASSERT
        call    guest_wait
        C_X2    APIC_ICR, 1, put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT
        call    guest_wait
        mov     dword ptr [C_ROUNDS], 0
guest_stopped:
        out     0x10, al
2:      pause
        cmp     dword ptr [C_ROUNDS], 100000    # more than one interrupt window lets through
        jb      2b
        cmp     dword ptr [C_IPIS], 0
        jne     guest_done
        C_X2    APIC_ICR, 1, IPI | ICR_ASSERT
3:      pause
        cmp     dword ptr [C_IPIS], 0
        je      3b
guest_done:
        out     0x10, al
guest_wait:                                     # several slices of both
        rdtsc
        lea     ebx, [rax + 5000000]
4:      pause
        rdtsc
        cmp     eax, ebx
        js      4b
        ret
guest_other:
        inc     dword ptr [C_STARTS]
        cmp     dword ptr [C_STARTS], 1
        je      5f
        sti
5:      inc     dword ptr [C_ROUNDS]
        pause
        jmp     5b
guest_ipi:
        inc     dword ptr [C_IPIS]
        push    rax
        push    rcx
        push    rdx
        C_X2    APIC_EOI, 0, 0
        pop     rdx
        pop     rcx
        pop     rax
        iretq
        CHILD_DESCRIPTORS C_IDT
guest_end:
        LIBRARY
