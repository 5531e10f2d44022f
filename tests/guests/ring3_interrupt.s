# Expect: pass. An event in ring 3 switches to the TSS stack, saves SS:RSP, CS:RIP and RFLAGS, and IRETQ goes back.
        .include "lib.s"

test:   ON      0x81 + 2, seen
        mov     byte ptr [rip + idt + 16 * 0x83 + 5], 0xEE
        RING3
        mov     rbx, rsp
        stc
        int     0x83
.back:  mov     rcx, rsp
        jc      .carry
        FAIL    50
.carry: EQ      rcx, rbx
        mov     ax, cs
        EQ      ax, USER_CODE64
        mov     ax, ss
        EQ      ax, USER_DATA
        RING0
        mov     ax, ss
        EQ      ax, DATA
        EQ      dword ptr [rip + count], 1
        PASS

seen:   inc     dword ptr [rip + count]
        EQ      rdi, offset STACK_RSP0 - FRAME_SIZE
        EQ      qword ptr [rdi + FRAME_CS], USER_CODE64
        EQ      qword ptr [rdi + FRAME_SS], USER_DATA
        EQ      qword ptr [rdi + FRAME_RSP], USER + STACK3
        BITS    dword ptr [rdi + FRAME_RFLAGS], RFLAGS_CF
        mov     rax, USER + test.back
        EQ      [rdi + FRAME_RIP], rax
        mov     ax, ss                          # a stack switch in 64-bit mode leaves a null SS, RPL = CPL
        EQ      ax, 0
        mov     ax, cs
        EQ      ax, CODE64
        ret
        .align  8
count:  .quad   0
