# Expect: pass. CR0.NE = 0: an unmasked x87 exception asserts FERR#, on a PC interrupt line 13. SDM 1, "MS-DOS Compatibility Mode"
        .include "lib.s"
test:   ON      0x2D, irq13
        mov     al, 0x11
        out     0x20, al
        out     0xA0, al
        mov     al, 0x20
        out     0x21, al
        mov     al, 0x28
        out     0xA1, al
        mov     al, 4
        out     0x21, al
        mov     al, 2
        out     0xA1, al
        mov     al, 1
        out     0x21, al
        out     0xA1, al
        mov     al, 0xFB
        out     0x21, al
        mov     al, 0xDF
        out     0xA1, al
        mov     rax, cr0
        and     eax, ~(CR0_EM | CR0_TS | CR0_NE) & 0xFFFFFFFF
        or      eax, CR0_MP
        mov     cr0, rax
        fninit
        fldcw   [rip + control]
        fld1
        fldz
        fdivp   st(1), st(0)
        sti
        fwait
        nop
        nop
        cli
        EQ      dword ptr [rip + hits], 1
        PASS
irq13:  inc     dword ptr [rip + hits]
        fnclex
        mov     al, 0
        out     0xF0, al
        mov     al, 0x20
        out     0xA0, al
        out     0x20, al
        ret
        .align 8
hits:   .quad 0
control: .word 0x037B
