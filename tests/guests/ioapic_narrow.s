# Expect: pass. The I/O APIC's index register takes writes of one and two bytes; its data register words.
        .include "lib.s"

test:   mov     ebx, MEMORY_IOAPIC
        mov     dword ptr [rbx], 0x12           # the entry of pin 1
        mov     byte ptr [rbx], 0x01
        mov     eax, [rbx + 0x10]
        EQ      eax, 0x00170020                 # version
        mov     word ptr [rbx], 0x1201          # one byte counts
        EQ      dword ptr [rbx], 1
        mov     dword ptr [rbx], 0x14
        mov     dword ptr [rbx + 0x10], 0x10055
        mov     byte ptr [rbx], 0x14
        EQ      dword ptr [rbx + 0x10], 0x10055
        mov     byte ptr [rbx + 0x40], 0x55     # EOI: nothing is pending
        PASS
