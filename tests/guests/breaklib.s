# breaklib.s - breakpoints by debug register: included after lib.s.  `ON VECTOR_DB, seen` counts the traps.
#
# Source  SDM 3B, "Debug Registers"

# MET bits - The instruction just done raised a trap with these bits, and none before it.
        .macro  MET     bits
        EQ      dword ptr [rip + hits], 1
        mov     r8d, [rip + status]
        EQ      r8d, \bits
        mov     dword ptr [rip + hits], 0
        .endm
        .macro  NOT_MET
        EQ      dword ptr [rip + hits], 0
        .endm

# seen - Handler: note RIP and B0 to B3 of the trap in place and status, count it in hits, and clear DR6.
# Entry: rdi = FRAME.  Exit: nothing.  Changes rax.
seen:   inc     dword ptr [rip + hits]
        mov     rax, [rdi + FRAME_RIP]
        mov     [rip + place], rax
        mov     rax, dr6
        and     eax, 0xF
        mov     [rip + status], eax
        mov     eax, 0xFFFF0FF0
        mov     dr6, rax
        ret
        .align  16
hits:   .long   0
status: .long   0
place:  .quad   0
