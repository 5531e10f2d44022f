# Expect: pass. Instructions do not reach past the limit of CS: #GP(0), of the branch when there was one; IP does not wrap in real mode.
        .include "lib.s"
        .include "modelib.s"

# BEYOND from, at, bytes - 32-bit code entered at `from` must fault at `at`, with so many bytes on the stack.
        .macro  BEYOND from, at, bytes=0
        mov     r14, rsp
        mov     qword ptr [rip + wanted], \at - narrow
        mov     qword ptr [rip + resume], 77f
        mov     dword ptr [rip + entry], \from - narrow
        ljmp    fword ptr [rip + entry]
77:     mov     rax, r14
        sub     rax, [rip + stack]
        EQ      eax, \bytes
        .endm
test:   LEAVE_LONG
        REAL_BEGIN block
        jmp     begin
handler: mov    bx, sp
        mov     dx, [bx]
        mov     es:[di], dx
        mov     es:[di + 2], ax
        add     di, 4
        mov     [bx], bp
        iret
begin:  mov     word ptr [13 * 4], handler - block
        mov     word ptr [13 * 4 + 2], REAL >> 4
        mov     ax, RESULTS >> 4
        mov     es, ax
        xor     di, di
        mov     ax, 0x2000
        mov     gs, ax
        mov     cx, 3
again:  mov     byte ptr gs:[0xFFFF], 0x90      # NOP as the last byte: the next instruction would be past it
        mov     bp, at_one - block
        mov     ax, 0x5555
        mov     bx, 0xFFFF
        jmp     bx
at_one:   mov     word ptr gs:[0xFFFE], 0x0FB8    # MOV AX, imm16 that does not fit
        mov     bp, at_two - block
        mov     ax, 0x5555
        mov     bx, 0xFFFE
        jmp     bx
at_two:   mov     word ptr gs:[0xFFFE], 0xA20F    # CPUID, which fits, executed by the model
        mov     bp, at_three - block
        mov     eax, 0x40000000
        push    cx
        mov     bx, 0xFFFE
        jmp     bx
at_three: pop     cx
        mov     byte ptr gs:[0xFFFD], 0xE9      # JMP rel16, whose target does wrap
        mov     word ptr gs:[0xFFFE], at_four - block
        mov     ax, 0x6666
        mov     bx, 0xFFFD
        jmp     bx
at_four:  mov     es:[di], ax
        add     di, 4
        mov     bp, at_five - block
        mov     edx, 0x10000
        mov     ax, 0x5555
at_wide:  .byte   0x66, 0xFF, 0xE2                # JMP EDX: the branch's own
at_five:  dec     cx
        jnz     again
        mov     word ptr es:[di], at_wide - block
        REAL_END block
        ENTER_LONG
        mov     ebx, RESULTS
        mov     ecx, 3
.check: EQ      word ptr [rbx], 0
        EQ      word ptr [rbx + 2], 0x5555
        EQ      word ptr [rbx + 4], 0xFFFE
        EQ      word ptr [rbx + 6], 0x5555
        EQ      word ptr [rbx + 8], 0
        NE      word ptr [rbx + 10], 0
        EQ      word ptr [rbx + 12], 0x6666
        mov     ax, [RESULTS + 60]
        EQ      [rbx + 16], ax
        EQ      word ptr [rbx + 18], 0x5555
        add     ebx, 20
        dec     ecx
        jnz     .check

        mov     ebx, narrow                     # compatibility mode: 32-bit code, to the byte `narrow_end`
        mov     eax, narrow_end - narrow - 1
        mov     [rip + scratch_descriptors], ax
        mov     [rip + scratch_descriptors + 2], ebx
        mov     dword ptr [rip + scratch_descriptors + 5], 0x409B       # byte granular; base 31:24 is 0
        ON      VECTOR_GP, beyond
        mov     r12d, 3
narrowly:
        BEYOND  narrow, narrow_jump
        BEYOND  narrow_call, narrow_call        # nothing was pushed
        BEYOND  narrow_count, narrow_loop
        EQ      ecx, 5                          # nor counted
        BEYOND  narrow_flag, narrow_condition
        BEYOND  narrow_push, narrow_ret, 4      # nor popped
        BEYOND  narrow_set, narrow_last
        EQ      edx, 77                         # the one before was inside
        dec     r12d
        jnz     narrowly
        PASS
beyond: EQ      dword ptr [rdi + FRAME_ERROR], 0
        EQ      qword ptr [rdi + FRAME_CS], SCRATCH
        mov     rax, [rip + wanted]
        EQ      [rdi + FRAME_RIP], rax
        mov     rax, [rip + resume]
        mov     [rdi + FRAME_RIP], rax
        mov     qword ptr [rdi + FRAME_CS], CODE64
        mov     rax, [rdi + FRAME_RSP]
        mov     [rip + stack], rax
        mov     [rdi + FRAME_RSP], r14
        ret
        .code32
narrow: nop
        mov     edx, 1
narrow_jump:
        jmp     over
narrow_call:
        call    over
narrow_count:
        mov     ecx, 5
narrow_loop:
        .byte   0xE2, over - narrow_flag
narrow_flag:
        stc
narrow_condition:
        .byte   0x0F, 0x82
        .long   over - narrow_push
narrow_push:
        push    over - narrow
narrow_ret:
        ret
narrow_set:
        mov     edx, 77
narrow_last:
        .byte   0xB8, 1, 2                      # MOV EAX, imm32 that does not fit
narrow_end:
        .byte   3, 4
        nop
over:   nop
        .code64
        .align  8
stack:  .quad   0
wanted: .quad   0
resume: .quad   0
entry:  .long   0
        .word   SCRATCH
