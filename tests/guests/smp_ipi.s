# Expect: pass; processors=4. IPIs reach one processor, all others, all, and logical destinations, each exactly once.
        .include "lib.s"
        .include "smplib.s"

        .macro  SEND high, low
        APIC_WRITE APIC_ICR_HIGH, \high
        APIC_WRITE APIC_ICR, ICR_ASSERT | \low
        .endm
        .macro  COUNTS n
        mov     ecx, 100000
79:     pause
        cmp     dword ptr [rip + count], \n
        je      78f
        dec     ecx
        jnz     79b
78:     EQ      dword ptr [rip + count], \n
        .endm
test:   ON      0x61, seen
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_LDR, 1 << 24            # flat model: one bit a processor
        WAKE    work
        mov     ecx, [rip + processors]
        dec     ecx
.ready: pause
        cmp     [rip + ready], ecx
        jne     .ready
        SEND    2 << 24, 0x61                   # physical
        COUNTS  1
        EQ      dword ptr [rip + mask], 4
        SEND    0, 0x61 | put(ICR_SHORTHAND, SHORTHAND_OTHERS)
        COUNTS  4
        EQ      dword ptr [rip + mask], 0xE
        sti
        SEND    0, 0x61 | put(ICR_SHORTHAND, SHORTHAND_ALL)
        COUNTS  8
        cli
        EQ      dword ptr [rip + mask], 0xF
        mov     dword ptr [rip + mask], 0
        SEND    0x0A << 24, 0x61 | ICR_LOGICAL  # bits 1 and 3
        COUNTS  10
        EQ      dword ptr [rip + mask], 0xA
        SEND    0xFF << 24, 0x61                # broadcast by destination: ourselves too
        COUNTS  13
        sti
        COUNTS  14
        cli
        PASS
work:   APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        mov     ecx, edi
        mov     edx, 1 << 24
        shl     edx, cl
        mov     eax, MEMORY_LOCAL_APIC
        mov     [rax + APIC_LDR * 16], edx
        lock inc dword ptr [rip + ready]
.halt:  sti
        hlt
        jmp     .halt
seen:   APIC_READ APIC_ID
        shr     eax, 24
        lock bts [rip + mask], eax
        lock inc dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
mask:   .quad   0
ready:  .quad   0
