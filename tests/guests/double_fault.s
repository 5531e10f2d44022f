# Expect: pass. A contributory fault while delivering one, or any fault while delivering #PF, is #DF with error 0, on its IST.
        .include "lib.s"

test:   mov     byte ptr [rip + idt + 16 * VECTOR_DF + 4], 1    # IST1
        ON      VECTOR_DF, doubled
        mov     byte ptr [rip + idt + 16 * VECTOR_GP + 5], 0x0E # #GP gate not present: #NP
        mov     [rip + stack], rsp
        lea     rax, [rip + .one]
        mov     [rip + resume], rax
        mov     rax, 0x800000000000
        mov     rax, [rax]
        FAIL    100
.one:   mov     byte ptr [rip + idt + 16 * VECTOR_GP + 5], 0x8E
        mov     byte ptr [rip + idt + 16 * VECTOR_PF + 5], 0x0E # #PF gate not present: #NP
        lea     rax, [rip + .two]
        mov     [rip + resume], rax
        mov     rax, [WINDOW]
        FAIL    101
.two:   mov     byte ptr [rip + idt + 16 * VECTOR_PF + 5], 0x8E
        EQ      qword ptr [rip + fault_address], WINDOW
        lea     rax, [rip + .three]             # a stack that cannot be written: #PF during #PF
        mov     [rip + resume], rax
        mov     rsp, WINDOW + 0x1000
        push    rax
        FAIL    102
.three: mov     byte ptr [rip + idt + 16 * VECTOR_UD + 5], 0x0E
        EXPECT  VECTOR_NP, VECTOR_UD * 8 + 3    # benign first: the second is delivered, with EXT = 1
        ud2
        CAUGHT
        EQ      dword ptr [rip + count], 3
        PASS

doubled:
        inc     dword ptr [rip + count]
        EQ      qword ptr [rdi + FRAME_ERROR], 0
        ABOVE   rdi, offset STACK_IST1 - 0x1000
        BELOW   rdi, offset STACK_IST1
        mov     rax, [rip + resume]
        mov     [rdi + FRAME_RIP], rax
        mov     rax, [rip + stack]
        mov     [rdi + FRAME_RSP], rax
        ret
        .align  8
count:  .quad   0
resume: .quad   0
stack:  .quad   0
