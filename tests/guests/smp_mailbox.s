# Expect: pass; processors=4. Parked processors leave their mailboxes one by one, each with its own APIC ID and argument.
        .include "lib.s"
        .include "smplib.s"

test:   EQ      dword ptr [rip + processors], 4
        WAKE    work
        mov     ecx, [rip + processors]
        dec     ecx
.wait:  pause
        cmp     [rip + count], ecx
        jne     .wait
        EQ      dword ptr [rip + seen], 0xE     # processors 1, 2, 3
        PASS
work:   APIC_READ APIC_ID
        shr     eax, 24
        cmp     eax, edi                        # the argument is the number
        jne     .done
        lock bts [rip + seen], eax
.done:  lock inc dword ptr [rip + count]
.halt:  hlt
        jmp     .halt
        .align  8
count:  .quad   0
seen:   .quad   0
