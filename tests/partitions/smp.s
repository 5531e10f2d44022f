# Expect: pass. Three VPs of a partition of the table: what says so, INIT and start-up IPI, IPIs, a line of the I/O APIC to another VP.
        .include "hvlib.s"
        .use    cpuid

        .equ    INFO_VPS, 0xE5018               # guest information
        .equ    VPS, 3
        .equ    STARTED, 0x8000                 # where the start-up IPI begins
        .equ    TOLD, 0x9000                    # of each VP: its number and 0x10; at 0x10 how many; at 0x20 IPIs, a word each
        .equ    IPI, 0x61
        .equ    DEAF, 0x62
        .equ    HIGHER, 0x71
        .equ    ROUNDS, 20
        .equ    X2, X2APIC_FIRST
        .equ    OTHERS, put(ICR_SHORTHAND, SHORTHAND_OTHERS)
        .equ    PIN, 2                          # of the 8254's line

test:   EQ      qword ptr [INFO_VPS], VPS
        mov     eax, LEAF_FEATURES
        cpuid
        mov     eax, ebx
        shr     eax, 16
        EQ      eax, 4                          # room for IDs, and ours: 0
        BITS    edx, FEATURE_D_HTT
        mov     eax, LEAF_TOPOLOGY
        mov     ecx, 1
        cpuid
        EQ      ebx, VPS
        lea     rsi, [rip + real]
        mov     edi, STARTED
        mov     ecx, real_end - real
        rep movsb
        mov     word ptr [IPI * 4], real_ipi - real             # vector table of real mode
        mov     word ptr [IPI * 4 + 2], STARTED >> 4
        mov     word ptr [HIGHER * 4], real_ipi - real
        mov     word ptr [HIGHER * 4 + 2], STARTED >> 4
        mov     word ptr [DEAF * 4], real_deaf - real
        mov     word ptr [DEAF * 4 + 2], STARTED >> 4
        mov     word ptr [VECTOR_NMI * 4], real_nmi - real
        mov     word ptr [VECTOR_NMI * 4 + 2], STARTED >> 4
        mov     qword ptr [TOLD + 0x30], 0
        mov     qword ptr [TOLD], 0
        mov     qword ptr [TOLD + 0x10], 0
        mov     qword ptr [TOLD + 0x20], 0
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT | OTHERS
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | OTHERS | STARTED >> 12
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | OTHERS | STARTED >> 12
1:      pause
        cmp     dword ptr [TOLD + 0x10], VPS - 1
        jb      1b
        EQ      dword ptr [TOLD + 0x10], VPS - 1                # the second one started nobody again
        EQ      dword ptr [TOLD], 0x121100

        mov     ebx, 1                          # ---- IPIs to each ----
2:      mov     esi, ROUNDS
3:      mov     eax, ebx
        shl     eax, 24
        mov     edi, MEMORY_LOCAL_APIC
        mov     [rdi + APIC_ICR_HIGH*16], eax
        mov     dword ptr [rdi + APIC_ICR*16], IPI | ICR_ASSERT
        mov     ecx, ROUNDS + 1
        sub     ecx, esi
4:      pause
        cmp     [TOLD + 0x20 + rbx*2], cx
        jne     4b
        dec     esi
        jnz     3b
        inc     ebx
        cmp     ebx, VPS
        jb      2b

        mov     edi, MEMORY_IOAPIC              # ---- the 8254's line goes to VP 2 ----
        mov     dword ptr [rdi], 0x10 + 2 * PIN + 1
        mov     dword ptr [rdi + 0x10], 2 << 24
        mov     dword ptr [rdi], 0x10 + 2 * PIN
        mov     dword ptr [rdi + 0x10], IPI
        mov     al, 0x30                        # once, in a millisecond
        out     PORT_PIT_CONTROL, al
        mov     al, 0xA9
        out     PORT_PIT0, al
        mov     al, 4
        out     PORT_PIT0, al
5:      pause
        cmp     word ptr [TOLD + 0x24], ROUNDS + 1
        jne     5b
        EQ      word ptr [TOLD + 0x22], ROUNDS

        mov     edi, MEMORY_LOCAL_APIC          # ---- halted with interrupts off, VP 2 sleeps until an NMI comes ----
        mov     dword ptr [rdi + APIC_ICR_HIGH*16], 2 << 24
        mov     dword ptr [rdi + APIC_ICR*16], DEAF | ICR_ASSERT
6:      pause
        cmp     word ptr [TOLD + 0x30], 1
        jne     6b
        mov     dword ptr [rdi + APIC_ICR*16], HIGHER | ICR_ASSERT
        rdtsc
        lea     esi, [rax + 5000000]            # it has had several slices by then
7:      pause
        rdtsc
        cmp     eax, esi
        js      7b
        EQ      word ptr [TOLD + 0x32], 0
        EQ      word ptr [TOLD + 0x24], ROUNDS + 1
        mov     dword ptr [rdi + APIC_ICR*16], put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
8:      pause
        cmp     word ptr [TOLD + 0x32], 1
        jne     8b
9:      pause
        cmp     word ptr [TOLD + 0x24], ROUNDS + 2              # and then takes what waited
        jne     9b
        PASS

real:   .code16
        mov     ax, cs
        mov     ds, ax
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7000
        mov     eax, 1
        cpuid
        shr     ebx, 24
        mov     si, bx                          # our number
        shl     bx, 8
        sub     sp, bx                          # a stack of our own
        mov     ax, si
        add     al, 0x10
        mov     [si + 0x1000], al
        mov     ecx, 0x1B
        rdmsr
        or      ah, 0xC                         # x2APIC
        wrmsr
        mov     ecx, X2 + APIC_SVR
        mov     eax, SVR_ENABLE | 0xFF
        xor     edx, edx
        wrmsr
        lock inc word ptr [0x1010]
        sti
1:      hlt
        jmp     1b
real_ipi:
        shl     si, 1
        inc     word ptr [si + 0x1020]
        shr     si, 1
        mov     ecx, X2 + APIC_EOI
        xor     eax, eax
        xor     edx, edx
        wrmsr
        iret
real_deaf:
        inc     word ptr [0x1030]
        hlt
        inc     word ptr [0x1032]
        mov     ecx, X2 + APIC_EOI
        xor     eax, eax
        xor     edx, edx
        wrmsr
real_nmi:
        iret
        .code64
real_end:
