# Expect: pass. An instruction that reads a memory operand and writes it is one write: error codes, flags, order over a page end.
        .include "lib.s"

        .equ    LAST_BYTE, WINDOW + 0xFFF
        .equ    STEP, 32                        # bytes from one form to the next
        .equ    RIGHTS_ONLY, FREE + PTE_P | PTE_US
        .equ    PATTERN, 0x5A

# FORM op, operands... - An instruction at [rbx], and what shows that it did not fault.
        .macro  FORM1 op, a
        .align  32
        \op     \a
        int     TO_FAIL
        .endm
        .macro  FORM2 op, a, b
        .align  32
        \op     \a, \b
        int     TO_FAIL
        .endm
        .macro  LOCKED2 op, a, b
        .align  32
        lock \op \a, \b
        int     TO_FAIL
        .endm
        .macro  FORM3 op, a, b, c
        .align  32
        \op     \a, \b, \c
        int     TO_FAIL
        .endm

# ALL error, address, from - Every form from this one on must fault so, with this address in CR2.
        .macro  ALL error, address, from
        .set    CHECK, CHECK + 1
        mov     dword ptr [rip + failed], CHECK
        mov     r12d, \error
        mov     r13, \address
        lea     r14, [rip + \from]
        call    every
        .endm

test:   mov     edx, 512                        # bit numbers
        xor     esi, esi
        mov     ebx, WINDOW
        MAP     0, 0                            # absent
        ALL     PFEC_WR, WINDOW, bytes
        MAP     0, RIGHTS_ONLY
        ALL     PFEC_P | PFEC_WR, WINDOW, bytes
        NOBITS  qword ptr [WINDOW_PT], PTE_A | PTE_D    # refused, so not used
        mov     eax, [rbx]                      # the same where the translation is known
        ALL     PFEC_P | PFEC_WR, WINDOW, bytes
        NOBITS  qword ptr [WINDOW_PT], PTE_D
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        lock cmpxchg16b [rbx]
        CAUGHT

        mov     ebx, LAST_BYTE                  # over a page end: nothing is written, the first page comes first
        MAP     0, FREE + USER_PAGE
        mov     byte ptr [rbx], PATTERN
        MAP     1, 0
        ALL     PFEC_WR, WINDOW + 0x1000, words
        EQ      byte ptr [FREE + 0xFFF], PATTERN
        MAP     1, RIGHTS_ONLY
        ALL     PFEC_P | PFEC_WR, WINDOW + 0x1000, words
        mov     eax, [rbx]
        ALL     PFEC_P | PFEC_WR, WINDOW + 0x1000, words
        EQ      byte ptr [FREE + 0xFFF], PATTERN
        MAP     0, RIGHTS_ONLY
        ALL     PFEC_P | PFEC_WR, LAST_BYTE, words
        mov     al, [rbx]                       # only the first page's translation is known
        ALL     PFEC_P | PFEC_WR, LAST_BYTE, words
        mov     al, [rbx + 1]                   # both
        ALL     PFEC_P | PFEC_WR, LAST_BYTE, words
        MAP     0, RIGHTS_ONLY                  # only the second's
        mov     al, [rbx + 1]
        ALL     PFEC_P | PFEC_WR, LAST_BYTE, words
        MAP     1, 0
        ALL     PFEC_P | PFEC_WR, LAST_BYTE, words

        mov     ebx, WINDOW                     # what only reads
        MAP     0, 0
        EXPECT  VECTOR_PF, 0
        cmp     dword ptr [rbx], 1
        CAUGHT
        EXPECT  VECTOR_PF, 0
        test    byte ptr [rbx], 1
        CAUGHT
        EXPECT  VECTOR_PF, 0
        bt      dword ptr [rbx], 1
        CAUGHT
        EXPECT  VECTOR_PF, 0
        mul     dword ptr [rbx]
        CAUGHT
        RING3
        mov     ebx, WINDOW
        EXPECT  VECTOR_PF, PFEC_US | PFEC_WR
        inc     dword ptr [rbx]
        CAUGHT
        RING0
        mov     rax, cr4                        # the header of an XSAVE area, which is read and written
        or      eax, CR4_OSXSAVE | CR4_OSFXSR
        mov     cr4, rax
        MAP     0, FREE + USER_PAGE
        MAP     1, RIGHTS_ONLY
        mov     ebx, WINDOW + 0xE00
        mov     eax, 3
        xor     edx, edx
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        xsave   [rbx]
        CAUGHT
        MAP     0, FREE + USER_PAGE             # and all of it once where it may
        mov     ebx, WINDOW
        mov     edx, 512
        mov     qword ptr [rbx], 7
        lock xadd [rbx], rdx
        EQ      edx, 7
        EQ      dword ptr [rbx], 519
        BITS    qword ptr [WINDOW_PT], PTE_D
        shl     dword ptr [rbx], 1
        EQ      dword ptr [FREE], 1038
        PASS

# every - Entry: r12 = error code, r13 = address, r14 = first form.  Changes rax, rcx, r14.
every:  cmp     r14, offset forms_end
        jae     .done
        mov     dword ptr [rip + expect_vector], VECTOR_PF
        mov     [rip + expect_error], r12
        mov     [rip + expect_rip], r14
        mov     qword ptr [rip + expect_resume], .next
        jmp     r14
.next:  EQ      [rip + fault_address], r13
        add     r14, STEP
        jmp     every
.done:  ret

        .align  32
bytes:  FORM2   add, byte ptr [rbx], 1
        FORM2   or, byte ptr [rbx], cl
        FORM2   xchg, [rbx], cl
        FORM2   cmpxchg, [rbx], cl
        FORM2   xadd, [rbx], cl
        FORM1   inc, byte ptr [rbx]
        FORM1   neg, byte ptr [rbx]
        FORM2   shr, byte ptr [rbx], 1
        .align  32
words:  FORM2   add, dword ptr [rbx], 1
        FORM2   or, dword ptr [rbx], 0x12345
        FORM2   adc, [rbx], ecx
        FORM2   sbb, [rbx], rcx
        FORM2   and, [rbx], cx
        FORM2   sub, [rbx], ecx
        FORM2   xor, qword ptr [rbx], 1
        LOCKED2 add, [rbx], ecx
        LOCKED2 xor, dword ptr [rbx], 1
        FORM2   xchg, [rbx], ecx
        FORM2   cmpxchg, [rbx], rcx
        LOCKED2 cmpxchg, [rbx], ecx
        FORM2   xadd, [rbx], ecx
        LOCKED2 xadd, [rbx], rcx
        FORM1   inc, dword ptr [rbx]
        FORM1   dec, qword ptr [rbx]
        FORM1   not, dword ptr [rbx]
        FORM1   neg, word ptr [rbx]
        FORM2   bts, dword ptr [rbx], 3
        FORM2   btr, [rbx], esi
        FORM2   btc, [rbx - 64], edx
        LOCKED2 bts, [rbx - 64], rdx
        FORM2   rol, dword ptr [rbx], 1
        FORM2   rcr, dword ptr [rbx], cl
        FORM2   shl, qword ptr [rbx], 3
        FORM2   sar, word ptr [rbx], 1
        FORM3   shld, [rbx], ecx, 3
        FORM3   shrd, [rbx], rcx, cl
        FORM1   cmpxchg8b, [rbx]
        .align  32
forms_end:
