# Expect: pass. Compatibility mode: INTO and BOUND raise #OF and #BR through the 64-bit table; frames have 64-bit slots.
        .include "lib.s"

test:   ON      VECTOR_OF, overflow
        ON      VECTOR_BR, bounded
        ON      VECTOR_UD, undefined
        mov     [rip + stack], rsp
        ljmp    fword ptr [rip + to_compat]
        .code32
compat: mov     eax, 0x7FFFFFFF
        inc     eax
        into
into_after:
        xor     eax, eax
        into
        mov     eax, 11
out_of: bound   eax, [bounds]
out_after:
        mov     eax, 1
        bound   eax, [bounds]
        .byte   0x0F, 0x05                      # SYSCALL with EFER.SCE = 0
sys_after:
        ljmp    CODE64, long
        .code64
long:   EQ      dword ptr [rip + count], 3
        mov     rax, [rip + stack]
        EQ      esp, eax
        PASS

overflow:
        inc     dword ptr [rip + count]
        EQ      qword ptr [rdi + FRAME_RIP], offset into_after
        EQ      qword ptr [rdi + FRAME_CS], CODE32
        EQ      qword ptr [rdi + FRAME_SS], DATA
        mov     rax, [rip + stack]
        EQ      [rdi + FRAME_RSP], rax
        ret
bounded:
        inc     dword ptr [rip + count]
        EQ      qword ptr [rdi + FRAME_RIP], offset out_of
        mov     qword ptr [rdi + FRAME_RIP], out_after
        ret
undefined:
        inc     dword ptr [rip + count]
        mov     qword ptr [rdi + FRAME_RIP], sys_after
        ret
        .align  8
stack:  .quad   0
count:  .quad   0
bounds: .long   1, 10
to_compat: .long compat
        .word   CODE32
