# Expect: pass. A gate's IST index loads RSP from the TSS, aligned down to 16, at any privilege level.
        .include "lib.s"

        .equ    GATE, 0x91
test:   ON      GATE, seen
        mov     byte ptr [rip + idt + 16 * GATE + 4], 2
        mov     byte ptr [rip + idt + 16 * GATE + 5], 0xEE
        int     GATE
        mov     qword ptr [rip + tss_ist2], STACK_IST2 + 9
        int     GATE
        RING3
        int     GATE
        RING0
        EQ      dword ptr [rip + count], 3
        mov     qword ptr [rip + tss_rsp0], STACK_RSP0 + 7      # without IST too
        mov     byte ptr [rip + idt + 16 * GATE + 4], 0
        ON      GATE, plain
        RING3
        int     GATE
        RING0
        EQ      dword ptr [rip + count], 4
        PASS
seen:   inc     dword ptr [rip + count]
        EQ      rdi, offset STACK_IST2 - FRAME_SIZE
        ret
plain:  inc     dword ptr [rip + count]
        EQ      rdi, offset STACK_RSP0 - FRAME_SIZE
        ret
        .align  8
count:  .quad   0
