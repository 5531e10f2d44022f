# Expect: pass. The shadow of STI and MOV SS ends with the first iteration of a repeated string instruction, not with its last.
        .include "lib.s"

        .equ    VECTOR_IPI, 0x55
        .macro  SELF
        APIC_WRITE APIC_ICR, VECTOR_IPI | put(ICR_SHORTHAND, SHORTHAND_SELF)
        .endm
# ONCE - The interrupt came after exactly one iteration of ten.
        .macro  ONCE
        cli
        EQ      dword ptr [rip + left], 9
        EQ      ecx, 0
        mov     dword ptr [rip + left], -1
        .endm
test:   ON      VECTOR_IPI, taken
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        mov     edi, 0x800000
        mov     ecx, 10
        SELF
        sti
        rep     stosb
        ONCE
        mov     ecx, 10
        mov     esi, 0x600000
        SELF
        sti
        rep     movsb
        ONCE
        mov     ecx, 10
        mov     edx, PORT_POST
        SELF
        sti
        rep     outsb
        ONCE
        PASS
taken:  mov     rax, [rdi + FRAME_RCX]
        mov     [rip + left], eax
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
left:   .quad   -1
