# Expect: pass. IA32_APIC_BASE moves the registers over RAM that was in use and back; nothing answers where they were.
        .include "lib.s"

        .equ    BITS_ON, APICBASE_EN | APICBASE_BSP
test:   mov     ebx, FREE
        mov     edi, MEMORY_LOCAL_APIC
        mov     r12d, [rdi + 16 * APIC_VERSION]
        mov     dword ptr [rbx + 16 * APIC_TPR], 0x11223344     # in use, and writable
        mov     dword ptr [rbx + 16 * APIC_VERSION], 5
        WRMSR   MSR_APIC_BASE, FREE | BITS_ON
        EQ      [rbx + 16 * APIC_VERSION], r12d
        mov     dword ptr [rbx + 16 * APIC_TPR], 0x40
        EQ      dword ptr [rbx + 16 * APIC_TPR], 0x40
        mov     rax, cr8
        EQ      rax, 4
        EQ      dword ptr [rdi + 16 * APIC_TPR], 0xFFFFFFFF
        mov     dword ptr [rdi + 16 * APIC_TPR], 0x50           # nothing takes it
        mov     rax, cr8
        EQ      rax, 4
        mov     edx, PORT_PCI_ADDRESS                           # what the processor itself reads
        lea     rsi, [rbx + 16 * APIC_TPR]
        outsd
        WRMSR   MSR_APIC_BASE, MEMORY_LOCAL_APIC | BITS_ON
        EQ      dword ptr [rbx + 16 * APIC_TPR], 0x11223344
        EQ      dword ptr [rbx + 16 * APIC_VERSION], 5
        EQ      dword ptr [rdi + 16 * APIC_TPR], 0x40
        mov     dword ptr [rdi + 16 * APIC_TPR], 0
        PASS
