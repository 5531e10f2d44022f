# Expect: pass. CLFLUSH faults, and sets the accessed flag, as the load of a byte does; prefetches and long NOPs access nothing.
        .include "lib.s"

        .equ    ABSENT, WINDOW + 0x1000
        .macro  SILENT bytes                    # an instruction with [rbx] as its operand that accesses nothing
        .byte   \bytes
        .endm
test:   MAP     0, FREE + PTE_P + PTE_RW + PTE_US
        MAP     1, 0
        MAP     2, FREE + PTE_P + PTE_RW        # supervisor
        mov     rbx, WINDOW
        clflush [rbx + 0x123]
        mov     rax, [WINDOW_PT]
        BITS    eax, PTE_A
        NOBITS  eax, PTE_D

        mov     rbx, ABSENT
        EXPECT  VECTOR_PF, 0
        clflush [rbx + 0x7F]
        CAUGHT
        lea     rdx, [rbx + 0x7F]
        EQ      [rip + fault_address], rdx      # not that of the line
        EXPECT  VECTOR_UD                       # LOCK
        .byte   0xF0, 0x0F, 0xAE, 0x3B
        CAUGHT
        EXPECT  VECTOR_UD                       # CLFLUSHOPT, CLWB: CPUID does not have them
        .byte   0x66, 0x0F, 0xAE, 0x3B
        CAUGHT
        EXPECT  VECTOR_UD
        .byte   0x66, 0x0F, 0xAE, 0x33
        CAUGHT
        EXPECT  VECTOR_UD
        .byte   0xF3, 0x0F, 0xAE, 0x3B
        CAUGHT

        mov     rbx, 0x800000000000
        EXPECT  VECTOR_GP
        clflush [rbx]
        CAUGHT
        mov     rbp, rbx
        EXPECT  VECTOR_SS
        clflush [rbp]
        CAUGHT

        mov     rax, cr4                        # a supervisor access, which SMAP refuses
        or      eax, CR4_SMAP
        mov     cr4, rax
        mov     rbx, WINDOW
        EXPECT  VECTOR_PF, PFEC_P
        clflush [rbx]
        CAUGHT
        stac
        clflush [rbx]
        clac
        and     eax, ~CR4_SMAP
        mov     cr4, rax

        mov     ebx, ABSENT                     # all of these hint or do nothing
        SILENT  "0x0F, 0x18, 0x03"              # PREFETCHNTA
        SILENT  "0x0F, 0x18, 0x0B"              # PREFETCHT0
        SILENT  "0x0F, 0x0D, 0x0B"              # PREFETCHW
        SILENT  "0x0F, 0x19, 0x03"
        SILENT  "0x0F, 0x1A, 0x03"
        SILENT  "0x0F, 0x1B, 0x03"
        SILENT  "0x0F, 0x1C, 0x03"              # CLDEMOTE, where it exists
        SILENT  "0x0F, 0x1D, 0x03"
        SILENT  "0xF3, 0x0F, 0x1E, 0x03"
        SILENT  "0x0F, 0x1F, 0x03"
        SILENT  "0x66, 0x0F, 0x1F, 0x44, 0x03, 0x00"
        invlpg  [rbx]
        lea     rax, [rbx]

        RING3
        mov     ebx, WINDOW
        clflush [rbx]
        mov     ebx, WINDOW + 0x2000
        EXPECT  VECTOR_PF, PFEC_P | PFEC_US
        clflush [rbx]
        CAUGHT
        RING0
        PASS
