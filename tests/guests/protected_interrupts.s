# Expect: pass. 32-bit protected mode: gates push EFLAGS, CS, EIP and error codes; traps and faults; interrupt against trap gates.
        .include "lib.s"
        .include "modelib.s"

        .macro  RECORD at, value
        mov     eax, \value
        mov     [RESULTS + \at], eax
        .endm
test:   LEAVE_LONG
        lidt    [idt32_pointer]
        mov     [esp_before], esp
        GATE32  0x90, on_int
        stc
        int     0x90
back:   mov     [RESULTS + 0x10], esp
        GATE32  VECTOR_GP, on_gp
gp:     int     0x91                            # not present in the table: type 0 is not a gate
gp_after:
        GATE32  VECTOR_NP, on_np
        mov     byte ptr [idt32 + 8 * 0x92 + 5], 0x0E
np:     int     0x92
np_after:
        GATE32  VECTOR_OF, on_of
        mov     eax, 0x7FFFFFFF
        inc     eax
        into
of_after:
        xor     eax, eax
        into                                    # OF = 0: nothing
        GATE32  VECTOR_BR, on_br
        mov     eax, 11
br:     bound   eax, [bounds]
        mov     eax, 10
        bound   eax, [bounds]                   # inside
        GATE32  VECTOR_DE, on_de
        xor     ecx, ecx
de:     div     ecx
        GATE32  0x94, on_trap
        mov     byte ptr [idt32 + 8 * 0x94 + 5], 0x8F
        sti
        int     0x94                            # a trap gate leaves IF
        cli
        ENTER_LONG
        EQ      dword ptr [RESULTS], offset back
        EQ      dword ptr [RESULTS + 4], CODE32
        BITS    dword ptr [RESULTS + 8], RFLAGS_CF
        mov     eax, [rip + esp_before]
        EQ      [RESULTS + 0x10], eax
        EQ      dword ptr [RESULTS + 0x20], 0x91 * 8 + 2
        EQ      dword ptr [RESULTS + 0x24], offset gp
        EQ      dword ptr [RESULTS + 0x30], 0x92 * 8 + 2
        EQ      dword ptr [RESULTS + 0x34], offset np
        EQ      dword ptr [RESULTS + 0x40], offset of_after
        EQ      dword ptr [RESULTS + 0x44], 1
        EQ      dword ptr [RESULTS + 0x50], offset br
        EQ      dword ptr [RESULTS + 0x54], 1
        EQ      dword ptr [RESULTS + 0x60], offset de
        BITS    dword ptr [RESULTS + 0x70], RFLAGS_IF
        PASS

        .code32
on_int: RECORD  0, [esp]
        RECORD  4, [esp + 4]
        RECORD  8, [esp + 8]
        iretd
on_gp:  RECORD  0x20, [esp]
        RECORD  0x24, [esp + 4]
        add     esp, 4
        mov     dword ptr [esp], gp_after
        iretd
on_np:  RECORD  0x30, [esp]
        RECORD  0x34, [esp + 4]
        add     esp, 4
        mov     dword ptr [esp], np_after
        iretd
on_of:  RECORD  0x40, [esp]
        inc     dword ptr [RESULTS + 0x44]
        iretd
on_br:  RECORD  0x50, [esp]
        inc     dword ptr [RESULTS + 0x54]
        add     dword ptr [esp], 6              # over the BOUND
        iretd
on_de:  RECORD  0x60, [esp]
        add     dword ptr [esp], 2
        iretd
on_trap: pushfd
        pop     dword ptr [RESULTS + 0x70]
        iretd
        .code64
        .align  8
bounds: .long   1, 10
esp_before: .quad 0
