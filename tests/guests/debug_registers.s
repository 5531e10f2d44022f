# Expect: pass. DR0-DR3 break on execution before and on data after the instruction; DR7.GD guards the registers.
        .include "lib.s"

test:   ON      VECTOR_DB, seen
        lea     rax, [rip + target]
        mov     dr0, rax
        mov     eax, DR7_ONE | DR7_L0
        mov     dr7, rax
        nop
target: nop
        EQ      dword ptr [rip + count], 1
        lea     rax, [rip + target]
        EQ      [rip + place], rax              # a fault: RIP at the instruction
        mov     eax, [rip + status]
        and     eax, 0xF
        EQ      eax, DR6_B0

        lea     rax, [rip + watched]
        mov     dr1, rax
        mov     eax, DR7_ONE | DR7_L1 | put(DR7_RW1, 1) | put(DR7_LEN1, 3)
        mov     dr7, rax
        mov     ecx, [rip + watched]            # a read does not match
        EQ      dword ptr [rip + count], 1
        mov     byte ptr [rip + watched + 3], 1
after:  EQ      dword ptr [rip + count], 2
        lea     rax, [rip + after]
        EQ      [rip + place], rax              # a trap: RIP after it
        mov     eax, [rip + status]
        and     eax, 0xF
        EQ      eax, DR6_B1
        mov     byte ptr [rip + watched + 4], 1 # outside
        EQ      dword ptr [rip + count], 2
        mov     eax, DR7_ONE | DR7_L1 | put(DR7_RW1, 3) | put(DR7_LEN1, 3)
        mov     dr7, rax
        mov     cl, [rip + watched]
        nop
        EQ      dword ptr [rip + count], 3

        mov     eax, DR7_ONE | DR7_GD
        mov     dr7, rax
guard:  mov     rax, dr0
        EQ      dword ptr [rip + count], 4
        lea     rax, [rip + guard]
        EQ      [rip + place], rax
        BITS    dword ptr [rip + status], DR6_BD
        mov     rax, dr7                        # the handler ran with GD clear, so DR7 was free to change
        NOBITS  eax, DR7_GD
        PASS

seen:   inc     dword ptr [rip + count]
        mov     rax, [rdi + FRAME_RIP]
        mov     [rip + place], rax
        mov     rax, dr6
        mov     [rip + status], rax
        mov     rax, dr7
        NOBITS  eax, DR7_GD
        mov     eax, DR7_ONE
        mov     dr7, rax
        mov     eax, 0xFFFF0FF0
        mov     dr6, rax
        cmp     dword ptr [rip + count], 2
        jne     .done
        mov     eax, DR7_ONE | DR7_L1 | put(DR7_RW1, 1) | put(DR7_LEN1, 3)
        mov     dr7, rax
.done:  ret
        .align  8
watched: .quad  0
count:  .quad   0
place:  .quad   0
status: .quad   0
