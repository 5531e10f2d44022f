# Expect: pass. An x87 store that is not made leaves the status word and the stack as they were, and is made when it comes again.
        .include "lib.s"
        .equ    PRECISION, 0x035F               # control words: one exception is not masked
        .equ    INVALID, 0x037E
        .equ    FOUND, 0x80A0                   # status: precision, and what follows from an exception that is not masked
        .equ    STATUS_BITS, 0x80FF

# AGAIN store - A store of what is not exact to an absent page, then to a present one.
        .macro  AGAIN store
        fninit
        fld1
        fild    dword ptr [rip + three]
        fdivp   st(1), st(0)
        fnclex
        fldcw   [rip + precise]
        MAP     0, 0
        EXPECT  VECTOR_PF, PFEC_WR
        \store  [WINDOW]
        CAUGHT
        fnstsw  ax
        and     eax, STATUS_BITS
        EQ      eax, 0
        fnstenv [FREE + 0x800]
        EQ      word ptr [FREE + 0x808], 0x3FFF # one register is in use
        MAP     0, FREE + PTE_P | PTE_RW
        \store  [WINDOW]
        fnstsw  ax
        and     eax, STATUS_BITS
        EQ      eax, FOUND
        fnclex
        .endm

# NOTHING_THERE store - A store of an empty register.
        .macro  NOTHING_THERE store
        fninit
        fld1
        fstp    st(0)
        fxsave  [FREE + 0x400]
        fldcw   [rip + invalid]
        MAP     0, 0
        EXPECT  VECTOR_PF, PFEC_WR
        \store  [WINDOW]
        CAUGHT
        fnstsw  ax
        and     eax, STATUS_BITS
        EQ      eax, 0
        fxsave  [FREE + 0x800]
        mov     rax, [FREE + 0x420]
        EQ      rax, qword ptr [FREE + 0x820]   # ST0 holds what it held
        EQ      byte ptr [FREE + 0x804], 0
        .endm

test:   mov     rax, cr0
        and     eax, ~(CR0_EM | CR0_TS) & 0xFFFFFFFF
        or      eax, CR0_MP | CR0_NE
        mov     cr0, rax
        mov     rax, cr4
        or      eax, CR4_OSFXSR
        mov     cr4, rax
        AGAIN   "fist dword ptr"
        AGAIN   "fist word ptr"
        AGAIN   "fistp qword ptr"
        AGAIN   "fisttp qword ptr"
        AGAIN   "fst dword ptr"
        AGAIN   "fstp qword ptr"
        NOTHING_THERE "fst dword ptr"
        NOTHING_THERE "fistp qword ptr"
# into its own block, which begins again there
        fninit
        fld1
        fild    dword ptr [rip + three]
        fdivp   st(1), st(0)
        fnclex
        fldcw   [rip + precise]
        jmp     .own
.own:   fistp   dword ptr [rip + .changed + 1]
.changed:
        mov     eax, 0x11111111
        EQ      eax, 0
        fnstsw  ax
        and     eax, STATUS_BITS
        EQ      eax, FOUND
        fnclex
        PASS
        .align  8
three:  .long   3
precise: .word  PRECISION
invalid: .word  INVALID
