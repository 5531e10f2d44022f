# Expect: pass. 2 MiB and 1 GiB pages translate, carry A and D, and have their own reserved bits.
        .include "lib.s"

        .equ    PDPT, TABLES + 0x1000
        .equ    PD, TABLES + 0x2000
test:   mov     qword ptr [FREE], 0x1234
        mov     rbx, 0x50000000                 # 2 MiB page over 2..4 MiB
        mov     qword ptr [PD + (0x50000000 >> 21) * 8], 0x200000 + USER_PAGE + PDE_PS
        invlpg  [rbx]
        EQ      qword ptr [rbx + FREE - 0x200000], 0x1234
        BITS    qword ptr [PD + (0x50000000 >> 21) * 8], PTE_A
        NOBITS  qword ptr [PD + (0x50000000 >> 21) * 8], PTE_D
        mov     qword ptr [rbx + FREE - 0x200000], 1
        BITS    qword ptr [PD + (0x50000000 >> 21) * 8], PTE_D
        EQ      qword ptr [FREE], 1

        mov     qword ptr [PD + (0x50000000 >> 21) * 8], 0x200000 + 0x2000 + USER_PAGE + PDE_PS
        invlpg  [rbx]                           # bit 13 is reserved in a 2 MiB entry
        EXPECT  VECTOR_PF, PFEC_P | PFEC_RSVD
        mov     rcx, [rbx]
        CAUGHT

        mov     eax, 0x80000001
        cpuid
        test    edx, 1 << 26
        jz      done
        mov     qword ptr [PDPT + 8 * 8], USER_PAGE + PDE_PS    # 8 GiB -> 0
        mov     rbx, 0x200000000 + FREE
        EQ      qword ptr [rbx], 1
        BITS    qword ptr [PDPT + 8 * 8], PTE_A
        mov     qword ptr [rbx], 2
        BITS    qword ptr [PDPT + 8 * 8], PTE_D
        EQ      qword ptr [FREE], 2
        mov     qword ptr [PDPT + 8 * 8], USER_PAGE + PDE_PS + (1 << 20)
        invlpg  [rbx]
        EXPECT  VECTOR_PF, PFEC_P | PFEC_RSVD
        mov     rcx, [rbx]
        CAUGHT
done:   mov     qword ptr [TABLES + 8], PDPT + USER_PAGE + PDE_PS   # PS is reserved in a PML4 entry
        mov     rbx, 0x8000000000
        EXPECT  VECTOR_PF, PFEC_P | PFEC_RSVD
        mov     rcx, [rbx]
        CAUGHT
        PASS
