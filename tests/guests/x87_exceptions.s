# Expect: pass. x87 exceptions set the status word; an unmasked one keeps the operands, and is #MF at the next instruction that waits.
        .include "lib.s"
        .equ    VEC_MF, 16
# STATUS mask, value - Compare bits of the status word, then clear the exceptions.
        .macro  STATUS mask, value
        fnstsw  ax
        and     eax, \mask
        EQ      eax, \value
        fnclex
        .endm
test:   mov     rax, cr0
        and     eax, ~(CR0_EM | CR0_TS) & 0xFFFFFFFF
        or      eax, CR0_MP | CR0_NE
        mov     cr0, rax
        mov     rax, cr4
        or      eax, CR4_OSFXSR
        mov     cr4, rax
        fninit
        fld1
        fild    dword ptr [rip + three]
        fdivp   st(1), st(0)
        STATUS  0xFF, 0x20                      # precision
        fldz
        fdivp   st(1), st(0)
        STATUS  0xFF, 0x04                      # zero divide
        fninit
        fadd    st(0), st(1)
        STATUS  0x2FF, 0x41                     # stack underflow
        fninit
        fld1
        fld1
        fld1
        fld1
        fld1
        fld1
        fld1
        fld1
        fld     dword ptr [rip + tiny]
        STATUS  0x2FF, 0x241                    # stack overflow
        fninit
        fld     dword ptr [rip + tiny]
        STATUS  0xFF, 0x02                      # denormal operand
        fninit
        fld     dword ptr [rip + signalling]
        STATUS  0xFF, 0x01                      # invalid operation
        fstp    dword ptr [FREE]
        EQ      dword ptr [FREE], 0x7FC00001    # quiet now
# unmasked: the operand stays, what waits faults, what does not wait does not
        fninit
        fldcw   [rip + control]
        fldpi
        fldz
        fdivp   st(1), st(0)
        fnstsw  ax
        and     eax, 0x80FF
        EQ      eax, 0x8084
        EXPECT  VEC_MF
        fld1
        CAUGHT
        EXPECT  VEC_MF
        fadd    st(0), st(0)
        CAUGHT
        EXPECT  VEC_MF
        paddb   mm0, mm1
        CAUGHT
        EXPECT  VEC_MF
        emms
        CAUGHT
        fnstcw  [FREE]
        fxsave  [FREE]
        addps   xmm0, xmm0
        fnclex
        fstp    qword ptr [FREE]
        fldpi
        fstp    qword ptr [FREE + 8]
        mov     rax, [FREE]
        EQ      rax, [FREE + 8]
        PASS
        .align  8
three:  .long   3
tiny:   .long   1
signalling: .long 0x7F800001
control: .word  0x037B
