# Expect: pass. Far JMP, CALL and RET through memory, to compatibility mode and back, and through a 64-bit call gate.
        .include "lib.s"

test:   ljmp    fword ptr [rip + to_compat]
        .code32
compat: mov     ax, cs
        cmp     ax, CODE32
        jne     .bad
        mov     eax, 0xFFFFFFFF
        inc     eax                             # 32-bit code: 40 is INC
        jnz     .bad
        ljmp    CODE64, back
.bad:   ud2
        .code64
back:   mov     rbx, rsp
        lcall   fword ptr [rip + to_far]
        EQ      rsp, rbx
        EQ      eax, 0x77
        push    CODE64
        lea     rax, [rip + .here]
        push    rax
        retfq
.here:  EQ      rsp, rbx

        lea     rdx, [rip + gated]              # call gate from ring 3
        mov     [rip + scratch_descriptors], dx
        mov     word ptr [rip + scratch_descriptors + 2], CODE64
        mov     word ptr [rip + scratch_descriptors + 4], 0xEC00
        shr     rdx, 16
        mov     [rip + scratch_descriptors + 6], dx
        shr     rdx, 16
        mov     [rip + scratch_descriptors + 8], rdx
        RING3
        mov     rbx, rsp
        lcall   fword ptr [rip + to_gate]
.back:  EQ      rsp, rbx
        mov     cx, cs
        EQ      cx, USER_CODE64
        EQ      eax, 0x99
        mov     rax, 0x900000000000             # a far return that is not canonical
        RING0
        lcall   fword ptr [rip + to_gate0]
        EQ      eax, 0x98
        mov     dword ptr [rip + scratch_descriptors + 4], 0x00006C00   # not present
        EXPECT  VECTOR_NP, SCRATCH
        lcall   fword ptr [rip + to_gate0]
        CAUGHT
        EXPECT  VECTOR_GP, DATA
        ljmp    fword ptr [rip + to_data]
        CAUGHT
        EXPECT  VECTOR_GP, 0
        ljmp    fword ptr [rip + to_null]
        CAUGHT
        PASS

far:    mov     eax, 0x77
        retf
gated:  mov     ax, cs
        test    al, 3
        jnz     .bad
        test    byte ptr [rsp + 8], 3           # the caller's CS
        jz      .same
        EQ      qword ptr [rsp + 24], USER_DATA
        EQ      rsp, offset STACK_RSP0 - 32
        mov     eax, 0x99
        retfq
.same:  mov     eax, 0x98
        retfq
.bad:   ud2

to_compat: .long compat
        .word   CODE32
to_far: .long   far
        .word   CODE64
to_gate: .long  0
        .word   SCRATCH | 3
to_gate0: .long 0
        .word   SCRATCH
to_data: .long  0
        .word   DATA
to_null: .long  0
        .word   0
