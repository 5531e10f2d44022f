# Expect: pass; processors=2. MWAIT waits for a store of another processor to the monitored line, or for an interrupt; nothing else.
        .include "lib.s"
        .include "smplib.s"

        .equ    LINE, FREE
        .equ    STATE, FREE + 0x2000            # how far the other processor is: on another page
# REACHED n - Wait until the other processor is there.  STAYS n - It is there still after a while.
        .macro  REACHED n
        mov     ecx, 100000
79:     pause
        cmp     dword ptr [STATE], \n
        je      78f
        dec     ecx
        jnz     79b
78:     EQ      dword ptr [STATE], \n
        .endm
        .macro  STAYS n
        mov     ecx, 1000
79:     pause
        dec     ecx
        jnz     79b
        EQ      dword ptr [STATE], \n
        .endm
        .macro  INTERRUPT
        APIC_WRITE APIC_ICR_HIGH, 1 << 24
        APIC_WRITE APIC_ICR, ICR_ASSERT | 0x61
        .endm
# WAIT n, extensions - Arm, say n, wait, say n + 1.
        .macro  WAIT n, extensions=0
        call    arm
        mov     dword ptr [STATE], \n
        mov     ecx, \extensions
        mwait
        mov     dword ptr [STATE], \n + 1
        .endm
test:   ON      0x61, seen
        WAKE    work
        REACHED 1
        STAYS   1
        mov     dword ptr [LINE + 64], 1        # the next line of the page
        mov     dword ptr [LINE + 0x800], 1
        mov     eax, [LINE]
        STAYS   1
        mov     byte ptr [LINE + 63], 0         # the same value: a store all the same
        REACHED 3
        STAYS   3
        mov     dword ptr [LINE - 2], 0         # its last two bytes
        REACHED 5
        STAYS   5
        sgdt    [LINE + 8]                      # a store of an instruction that the model executes
        REACHED 7
        mov     dword ptr [LINE], 5             # between MONITOR and MWAIT
        REACHED 9
        STAYS   9
        lock xadd [LINE], eax
        REACHED 11
        INTERRUPT                               # interrupts off and no extension: it goes on waiting
        STAYS   11
        mov     dword ptr [LINE], 0
        REACHED 13
        EQ      dword ptr [rip + count], 1
        STAYS   13
        INTERRUPT                               # off, but the extension says that it wakes
        REACHED 15
        EQ      dword ptr [rip + count], 2
        STAYS   15
        INTERRUPT                               # on
        REACHED 17
        EQ      dword ptr [rip + count], 3
        PASS

work:   APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        WAIT    1
        WAIT    3
        WAIT    5
        call    arm
        mov     dword ptr [STATE], 7
.store: pause
        cmp     dword ptr [LINE], 5
        jne     .store
        mwait                                   # the store came before: it does not wait
        WAIT    9
        WAIT    11
        call    take
        WAIT    13, 1
        EQ      dword ptr [rip + count], 1      # not delivered
        call    take
        sti
        WAIT    15
        cli
        mov     dword ptr [STATE], 17
.end:   hlt
        jmp     .end

arm:    mov     eax, LINE + 20
        xor     ecx, ecx
        xor     edx, edx
        monitor
        xor     eax, eax
        ret
take:   sti
        nop
        nop
        cli
        ret
seen:   inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
