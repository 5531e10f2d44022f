# Expect: pass. The I/O APIC routes pin 2 (PIT) to a vector; its registers read back; masking stops it.
        .include "lib.s"

        .macro  IOAPIC_WRITE register, value
        mov     ebx, MEMORY_IOAPIC
        mov     dword ptr [rbx + IOWINDOW_SELECT], \register
        mov     dword ptr [rbx + IOWINDOW_DATA], \value
        .endm
test:   ON      0x70, fired
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        IOAPIC_WRITE IOAPIC_REDIRECTION + 2 * PIN_PIT + 1, 0    # destination: APIC 0
        IOAPIC_WRITE IOAPIC_REDIRECTION + 2 * PIN_PIT, 0x70     # fixed, edge
        mov     dword ptr [rbx + IOWINDOW_SELECT], IOAPIC_REDIRECTION + 2 * PIN_PIT
        EQ      dword ptr [rbx + IOWINDOW_DATA], 0x70
        mov     dword ptr [rbx + IOWINDOW_SELECT], IOAPIC_VERSION
        mov     eax, [rbx + IOWINDOW_DATA]
        shr     eax, 16
        EQ      al, 23                          # 24 entries
        mov     al, 0x34
        out     PORT_PIT_CONTROL, al
        mov     al, 1193 & 0xFF
        out     PORT_PIT0, al
        mov     al, 1193 >> 8
        out     PORT_PIT0, al
.wait:  sti
        hlt
        cli
        cmp     dword ptr [rip + count], 3
        jb      .wait
        IOAPIC_WRITE IOAPIC_REDIRECTION + 2 * PIN_PIT, 0x70 | LVT_MASKED
        mov     r12d, [rip + count]
        sti
        mov     ecx, 3000000
.quiet: dec     ecx
        jnz     .quiet
        cli
        EQ      dword ptr [rip + count], r12d
        PASS
fired:  inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
