# Expect: pass. The 8254's counters: access by bytes, latches, read-back of counts and status, output by mode, the gate of counter 2.
        .include "lib.s"

        .equ    LOW_BYTE, 1                     # access
        .equ    HIGH_BYTE, 2
        .equ    BOTH, 3
        .equ    OUTPUT, 0x80                    # status
        .equ    NULL, 0x40
        .equ    RATE, 2
        .equ    SQUARE, 3
        .macro  CONTROL counter, access, mode
        mov     al, \counter << 6 | \access << 4 | \mode << 1
        out     PORT_PIT_CONTROL, al
        .endm
        .macro  LOAD counter, value
        mov     al, (\value) & 0xFF
        out     PORT_PIT0 + \counter, al
        mov     al, (\value) >> 8
        out     PORT_PIT0 + \counter, al
        TAKEN
        .endm
# TAKEN - The counter has the count: at its next clock, or the one after it.
        .macro  TAKEN
        mov     r8d, 2000
        call    wait
        .endm
        .macro  STATUS counter                  # in al
        mov     al, 0xE0 | 2 << \counter
        out     PORT_PIT_CONTROL, al
        in      al, PORT_PIT0 + \counter
        .endm
        .macro  STATUS_IS counter, output, access, mode
        STATUS  \counter
        EQ      al, \output | \access << 4 | \mode << 1
        .endm
        .macro  LATCH counter
        mov     al, \counter << 6
        out     PORT_PIT_CONTROL, al
        .endm
# VALUE counter - Two bytes, in edi.
        .macro  VALUE counter
        in      al, PORT_PIT0 + \counter
        movzx   edi, al
        in      al, PORT_PIT0 + \counter
        shl     eax, 8
        movzx   eax, ax
        or      edi, eax
        .endm
# NEAR value, below - edi is at most so much below it.
        .macro  NEAR value, below
        mov     eax, \value
        sub     eax, edi
        BELOW   eax, \below
        .endm
        .macro  WAIT_US n
        mov     r8d, (\n) * 1000
        call    wait
        .endm

test:   CONTROL 0, BOTH, 0                      # ---- mode 0: low until the count is over ----
        STATUS_IS 0, NULL, BOTH, 0
        LOAD    0, 1193                         # a millisecond
        STATUS_IS 0, 0, BOTH, 0
        WAIT_US 900
        STATUS_IS 0, 0, BOTH, 0
        WAIT_US 200
        STATUS_IS 0, OUTPUT, BOTH, 0
        LATCH   0
        VALUE   0
        ABOVE   edi, 0xFF00                     # it runs on below 0

        CONTROL 0, BOTH, RATE                   # ---- mode 2 reloads; a latched count stays until it is read ----
        STATUS_IS 0, OUTPUT | NULL, BOTH, RATE
        LOAD    0, 0                            # 65536
        STATUS_IS 0, OUTPUT, BOTH, RATE
        LATCH   0
        WAIT_US 100
        LATCH   0                               # ignored
        VALUE   0
        NEAR    0x10000, 60
        LATCH   0
        VALUE   0
        NEAR    0x10000 - 110, 60
        CONTROL 0, BOTH, RATE
        LOAD    0, 1000
        WAIT_US 1000                            # 1193 ticks
        LATCH   0
        VALUE   0
        NEAR    1000 - 180, 60
        STATUS_IS 0, OUTPUT, BOTH, RATE
        LATCH   0
        VALUE   0
        mov     ebx, edi
        VALUE   0                               # not latched: it goes on
        BELOW   edi, ebx
        CONTROL 0, BOTH, 6                      # bit 2 counts for nothing
        STATUS_IS 0, OUTPUT | NULL, BOTH, RATE
        CONTROL 0, BOTH, 7
        STATUS_IS 0, OUTPUT | NULL, BOTH, SQUARE

        LOAD    0, 2386                         # ---- mode 3: high for one half, low for the other ----
        STATUS_IS 0, OUTPUT, BOTH, SQUARE
        WAIT_US 900
        STATUS_IS 0, OUTPUT, BOTH, SQUARE
        WAIT_US 400
        STATUS_IS 0, 0, BOTH, SQUARE
        WAIT_US 1000
        STATUS_IS 0, OUTPUT, BOTH, SQUARE
        LATCH   0
        VALUE   0
        NOBITS  edi, 1                          # by twos

        CONTROL 0, LOW_BYTE, RATE                    # ---- one byte alone ----
        mov     al, 200
        out     PORT_PIT0, al
        TAKEN
        STATUS_IS 0, OUTPUT, LOW_BYTE, RATE
        WAIT_US 50
        LATCH   0
        in      al, PORT_PIT0
        BELOW   al, 201
        CONTROL 0, HIGH_BYTE, RATE
        mov     al, 0x20
        out     PORT_PIT0, al
        TAKEN
        STATUS_IS 0, OUTPUT, HIGH_BYTE, RATE
        WAIT_US 300                             # 358 ticks
        LATCH   0
        in      al, PORT_PIT0
        EQ      al, 0x1E

        CONTROL 0, BOTH, RATE                   # ---- read-back of two, status first, then the count ----
        LOAD    0, 0x8000
        mov     al, 1                           # gate of counter 2
        out     PORT_SPEAKER, al
        CONTROL 2, BOTH, 0
        LOAD    2, 0x4000
        mov     al, 0xC0 | 2 << 0 | 2 << 2
        out     PORT_PIT_CONTROL, al
        WAIT_US 100
        mov     al, 0xC0 | 2 << 2               # the second one changes nothing
        out     PORT_PIT_CONTROL, al
        in      al, PORT_PIT0
        EQ      al, OUTPUT | BOTH << 4 | RATE << 1
        VALUE   0
        NEAR    0x8000, 60
        in      al, PORT_PIT2
        EQ      al, BOTH << 4
        VALUE   2
        NEAR    0x4000, 60
        mov     al, 0xD0 | 2 << 2               # the count alone
        out     PORT_PIT_CONTROL, al
        VALUE   2
        NEAR    0x4000 - 110, 60
        CONTROL 1, BOTH, RATE                   # counter 1 is like the others
        LOAD    1, 500
        STATUS_IS 1, OUTPUT, BOTH, RATE

        CONTROL 2, BOTH, 0                      # ---- port 0x61 shows the output of counter 2, and what was written ----
        LOAD    2, 120
        in      al, PORT_SPEAKER
        and     al, 0x2F
        EQ      al, 1
        WAIT_US 150
        in      al, PORT_SPEAKER
        and     al, 0x2F
        EQ      al, 0x21
        mov     al, 0x0E
        out     PORT_SPEAKER, al
        in      al, PORT_SPEAKER
        and     al, 0x0F
        EQ      al, 0x0E
        CONTROL 2, BOTH, RATE                   # a gate that opens starts the period again
        mov     al, 0
        out     PORT_SPEAKER, al
        LOAD    2, 0x8000
        WAIT_US 200
        mov     al, 1
        out     PORT_SPEAKER, al
        LATCH   2
        VALUE   2
        NEAR    0x8000, 60
        mov     ebx, 200                        # the refresh bit changes all the time
        xor     ecx, ecx
        xor     edx, edx
1:      in      al, PORT_SPEAKER
        test    al, 0x10
        jz      2f
        inc     ecx
        jmp     3f
2:      inc     edx
3:      mov     r8d, 5000
        push    rdx
        call    wait
        pop     rdx
        dec     ebx
        jnz     1b
        ABOVE   ecx, 50
        ABOVE   edx, 50
        PASS

wait:   rdtsc                                   # r8d cycles
        lea     r9d, [rax + r8]
1:      pause
        rdtsc
        cmp     eax, r9d
        js      1b
        ret
