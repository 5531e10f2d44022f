# Expect: pass. INVPCID checks its operands and drops translations of all four types.
        .include "lib.s"

        .macro  FLUSH type, pcid, address
        mov     qword ptr [rip + descriptor], \pcid
        mov     rax, \address
        mov     [rip + descriptor + 8], rax
        mov     eax, \type
        .endm

test:   mov     eax, 7
        xor     ecx, ecx
        cpuid
        NOBITS  r15, 0                          # nothing asked yet
        test    ebx, FEATURE_7B_INVPCID
        jz      none
        mov     rax, cr4
        or      rax, CR4_PCIDE
        mov     cr4, rax
        mov     qword ptr [FREE], 1
        mov     qword ptr [FREE + 0x1000], 2
        mov     rbx, WINDOW
        MAP     0, FREE + USER_PAGE
        EQ      qword ptr [rbx], 1
        mov     qword ptr [WINDOW_PT], FREE + 0x1000 + USER_PAGE
        FLUSH   0, 0, WINDOW                    # one address
        invpcid rax, [rip + descriptor]
        EQ      qword ptr [rbx], 2
        mov     qword ptr [WINDOW_PT], FREE + USER_PAGE
        FLUSH   1, 0, 0                         # one context
        invpcid rax, [rip + descriptor]
        EQ      qword ptr [rbx], 1
        mov     qword ptr [WINDOW_PT], FREE + 0x1000 + USER_PAGE + PTE_G
        FLUSH   2, 0, 0                         # everything
        invpcid rax, [rip + descriptor]
        EQ      qword ptr [rbx], 2
        mov     qword ptr [WINDOW_PT], FREE + USER_PAGE
        FLUSH   3, 0, 0                         # everything not global: still may not fault
        invpcid rax, [rip + descriptor]

        FLUSH   4, 0, 0
        EXPECT  VECTOR_GP
        invpcid rax, [rip + descriptor]         # type beyond 3
        CAUGHT
        FLUSH   0, 0x1000, 0
        EXPECT  VECTOR_GP
        invpcid rax, [rip + descriptor]         # reserved bits of the descriptor
        CAUGHT
        FLUSH   0, 0, 0x8000000000000000
        EXPECT  VECTOR_GP
        invpcid rax, [rip + descriptor]         # non-canonical address
        CAUGHT
        mov     rax, cr4
        and     rax, ~CR4_PCIDE
        mov     cr4, rax
        FLUSH   0, 1, 0
        EXPECT  VECTOR_GP
        invpcid rax, [rip + descriptor]         # a PCID while CR4.PCIDE = 0
        CAUGHT
        RING3
        xor     eax, eax
        EXPECT  VECTOR_GP
        invpcid rax, [rip + descriptor]
        CAUGHT
        RING0
        PASS
none:   EXPECT  VECTOR_UD
        invpcid rax, [rip + descriptor]
        CAUGHT
        PASS
        .align  16
descriptor: .quad 0, 0
