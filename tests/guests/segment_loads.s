# Expect: pass. Loading a segment register checks selector, type, privilege and presence; each fault names the selector.
        .include "lib.s"

        .macro  DESCRIPTOR_SET value
        mov     rax, \value
        mov     [rip + scratch_descriptors], rax
        mov     eax, SCRATCH
        .endm
test:   DESCRIPTOR_SET 0x00CF13000000FFFF       # data, not present
        EXPECT  VECTOR_NP, SCRATCH
        mov     ds, ax
        CAUGHT
        EXPECT  VECTOR_SS, SCRATCH
        mov     ss, ax
        CAUGHT
        DESCRIPTOR_SET 0x00CF98000000FFFF       # execute-only code
        EXPECT  VECTOR_GP, SCRATCH
        mov     es, ax
        CAUGHT
        DESCRIPTOR_SET 0x00CF91000000FFFF       # read-only data is not a stack
        EXPECT  VECTOR_GP, SCRATCH
        mov     ss, ax
        CAUGHT
        mov     es, ax
        mov     eax, USER_DATA                  # DPL 3, RPL 3: no stack for ring 0
        EXPECT  VECTOR_GP, USER_DATA & ~3
        mov     ss, ax
        CAUGHT
        mov     ds, ax                          # but data
        mov     eax, 0x88                       # beyond the limit
        EXPECT  VECTOR_GP, 0x88
        mov     fs, ax
        CAUGHT
        mov     eax, 0x0C                       # in a local table that does not exist
        EXPECT  VECTOR_GP, 0x0C
        mov     gs, ax
        CAUGHT
        mov     eax, TSS
        EXPECT  VECTOR_GP, TSS                  # a system descriptor
        mov     ds, ax
        CAUGHT
        xor     eax, eax
        mov     ds, ax                          # null: fine
        mov     ss, ax                          # in ring 0 of 64-bit mode also for SS
        mov     eax, DATA
        mov     ss, ax
        DESCRIPTOR_SET 0x00CF92000000FFFF       # loading sets the accessed bit
        mov     ds, ax
        BITS    byte ptr [rip + scratch_descriptors + 5], 1
        mov     eax, TSS
        EXPECT  VECTOR_GP, TSS                  # the task register again: busy
        ltr     ax
        CAUGHT
        BITS    byte ptr [rip + gdt + TSS + 5], 2
        xor     eax, eax
        EXPECT  VECTOR_GP
        ltr     ax
        CAUGHT
        RING3
        mov     eax, DATA                       # DPL 0 from ring 3
        EXPECT  VECTOR_GP, DATA
        mov     ds, ax
        CAUGHT
        xor     eax, eax
        EXPECT  VECTOR_GP                       # a null SS in ring 3
        mov     ss, ax
        CAUGHT
        RING0
        PASS
