# held.s - the example of docs/debugging.md: an interrupt that never comes.
        .use    apic, platform
        .org    0x100000
start:  mov     ebx, MEMORY_LOCAL_APIC
        mov     dword ptr [rbx + APIC_SVR * 16], SVR_ENABLE | 0xFF
        mov     dword ptr [rbx + APIC_TPR * 16], 0x60           # classes 6 and below wait
        mov     dword ptr [rbx + APIC_ICR * 16], put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | 0x50
wait:   jmp     wait
