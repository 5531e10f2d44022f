# Expect: pass. An NMI that waits comes after IRET, at the instruction it returns to, also on an IST; IRET that faults unblocks too.
        .include "lib.s"

# NMI - To APIC 0, ourselves, in x2APIC mode.  Changes rax, rcx, rdx.
        .macro  NMI
        WRMSR   X2APIC_FIRST + APIC_ICR, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
        .endm
test:   RDMSR   MSR_APIC_BASE
        or      eax, APICBASE_EXTD
        wrmsr
        WRMSR   X2APIC_FIRST + APIC_SVR, SVR_ENABLE | 0xFF
        ON      VECTOR_NMI, seen
        NMI
        call    settle
        EQ      dword ptr [rip + count], 3
        mov     rax, [rip + places]
        EQ      [rip + places + 8], rax         # where the IRET before it returned to
        EQ      [rip + places + 16], rax
        mov     byte ptr [rip + idt + 16 * VECTOR_NMI + 4], 1   # on an IST: it would begin on its own frame without end
        mov     dword ptr [rip + count], 0
        NMI
        call    settle
        EQ      dword ptr [rip + count], 3
        mov     rax, [rip + places]
        EQ      [rip + places + 8], rax
        EQ      [rip + places + 16], rax
        mov     byte ptr [rip + idt + 16 * VECTOR_NMI + 4], 0

        ON      VECTOR_NMI, faulty
        ON      VECTOR_GP, refused
        mov     dword ptr [rip + count], 0
        mov     [rip + stack], rsp
        NMI
        call    settle
        FAIL    100
unblocked:
        EQ      dword ptr [rip + count], 2      # at the first instruction of the #GP handler
        mov     rax, offset stubs + 16 * VECTOR_GP
        EQ      [rip + places + 8], rax
        PASS

settle: mov     ecx, 1000
1:      pause
        loop    1b
        ret
note:   mov     eax, [rip + count]
        lea     rcx, [rip + places]
        mov     rdx, [rdi + FRAME_RIP]
        mov     [rcx + rax*8], rdx
        inc     dword ptr [rip + count]
        ret
seen:   call    note
        cmp     dword ptr [rip + count], 3
        je      2f
        NMI
2:      ret
faulty: call    note
        cmp     dword ptr [rip + count], 1
        jne     2f
        mov     qword ptr [rdi + FRAME_CS], 0xFFF8
        NMI
2:      ret
refused:
        EQ      qword ptr [rdi + FRAME_ERROR], 0xFFF8
        mov     rsp, [rip + stack]
        jmp     unblocked
        .align  8
count:  .quad   0
stack:  .quad   0
places: .fill   4, 8
