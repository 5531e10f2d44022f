# Expect: pass. Instructions of many forms reach the APIC page and memory that does not exist through the decoder.
        .include "hvlib.s"

        .equ    NOWHERE, 0xF0000000
test:   mov     ebx, MEMORY_LOCAL_APIC
        mov     dword ptr [rbx + APIC_SVR*16], SVR_ENABLE | 0xF0
        EQ      dword ptr [rbx + APIC_SVR*16], SVR_ENABLE | 0xF0
        or      dword ptr [rbx + APIC_SVR*16], 0x0F
        EQ      dword ptr [rbx + APIC_SVR*16], SVR_ENABLE | 0xFF
        mov     r9d, 0x0F000000
        mov     [rbx + APIC_LDR*16], r9d
        mov     r10, -1
        mov     r10d, [rbx + APIC_LDR*16]
        EQ64    r10, 0x0F000000                 # upper half cleared
        mov     ecx, APIC_LDR
        shl     ecx, 4
        EQ      dword ptr [rbx + rcx], 0x0F000000
        movzx   eax, byte ptr [rbx + APIC_LDR*16 + 3]
        EQ      eax, 0x0F
        mov     dx, [rbx + APIC_LDR*16 + 2]
        EQ      dx, 0x0F00
        mov     ah, [rbx + APIC_LDR*16 + 3]
        EQ      ah, 0x0F
        and     dword ptr [rbx + APIC_LDR*16], 0
        test    dword ptr [rbx + APIC_LDR*16], -1
        CONDITION jz, eax, eax
        add     r9d, [rbx + APIC_VERSION*16]
        and     r9d, 0xFF
        EQ      r9d, 0x14
        mov     eax, [abs64]                    # a plain access in between

        mov     ebx, NOWHERE
        EQ      dword ptr [rbx], -1
        mov     qword ptr [rbx], 0
        EQ      qword ptr [rbx], -1
        movsx   rax, word ptr [rbx]
        EQ      rax, -1
        movzx   eax, word ptr [rbx]
        EQ      eax, 0xFFFF
        PASS
        .align  8
abs64:  .quad   0
