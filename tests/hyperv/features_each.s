# Expect: pass. Each processor feature that a parent takes away hides its own CPUID bit, and no other; what is left out of the mask is refused.
        .include "rootlib.s"
        .use    cpuid

        .equ    C_TOLD, 0x28000                 # leaf 1 ECX; leaf 7 EBX, ECX; leaf 0x80000001 ECX, EDX
        .equ    WORDS, 5
        .equ    IN_1C, 0
        .equ    IN_7B, 1
        .equ    IN_7C, 2
        .equ    IN_XC, 3
        .equ    IN_XD, 4
        .equ    FEATURES_0, 0x6000A             # HvPartitionPropertyProcessorFeatures0, 1
        .equ    FEATURES_1, 0x6000B
        .macro  PROPERTY code
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], \code
        .endm
# MASK code, without - The property, less a mask in a register.  Changes rax.
        .macro  MASK code, mask
        push    \mask
        PROPERTY \code
        OK      HVCALL_GET_PROPERTY
        mov     rdx, [OUTPUT]
        pop     rax
        not     rax
        and     rdx, rax
        push    rdx
        PROPERTY \code
        pop     qword ptr [INPUT + 16]
        OK      HVCALL_SET_PROPERTY
        .endm

test:   ROOT_BEGINS
        xor     ebx, ebx                        # ---- everything ----
        xor     ebp, ebp
        call    write_down
        mov     esi, CHILD + C_TOLD
        mov     edi, FREE + 0x8000
        mov     ecx, WORDS
        rep movsd
        lea     r13, [rip + rows]
        xor     r12d, r12d                      # ---- without one of them ----
        xor     r14d, r14d
1:      movzx   ecx, byte ptr [r13]
        mov     eax, 1
        shl     rax, cl
        xor     ebx, ebx
        xor     ebp, ebp
        cmp     ecx, 64
        cmovb   rbx, rax
        cmovae  rbp, rax
        push    r13
        call    write_down
        pop     r13
        movzx   edx, byte ptr [r13 + 1]         # the word, and the bit there
        mov     eax, [r13 + 4]
        NOBITS  [CHILD + C_TOLD + rdx*4], eax
        or      [CHILD + C_TOLD + rdx*4], eax
        mov     esi, CHILD + C_TOLD
        mov     edi, FREE + 0x8000
        mov     ecx, WORDS
        repe cmpsd
        CONDITION je, eax, eax
        add     r13, 8
        lea     rax, [rip + rows_end]
        cmp     r13, rax
        jb      1b
        PASS

# write_down - A child without the features of two masks writes down what CPUID says.  Entry: rbx, rbp = masks.  Changes all.
write_down:
        CREATE
        mov     rdi, r15
        mov     esi, (POOL >> 12) + ROOT_POOL
        mov     edx, CHILD_POOL
        call    deposit
        EQ      eax, 0
        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_INITIALIZE_PARTITION
        MASK    FEATURES_0, rbx
        MASK    FEATURES_1, rbp
        RUN_LONG guest
        END_CHILD
        ret

        .macro  ROW bit, word, mask
        .byte   \bit, \word, 0, 0
        .long   \mask
        .endm
        .align  8
rows:   ROW     0, IN_1C, FEATURE_C_SSE3        # TLFS, "HV_PARTITION_PROCESSOR_FEATURES"
        ROW     1, IN_XC, EXTENDED_C_LAHF
        ROW     2, IN_1C, FEATURE_C_SSSE3
        ROW     3, IN_1C, FEATURE_C_SSE4_1
        ROW     4, IN_1C, FEATURE_C_SSE4_2
        ROW     7, IN_1C, FEATURE_C_POPCNT
        ROW     8, IN_1C, FEATURE_C_CX16
        ROW     10, IN_XC, EXTENDED_C_LZCNT
        ROW     15, IN_XD, EXTENDED_D_PAGE_1G
        ROW     16, IN_1C, FEATURE_C_AES
        ROW     17, IN_1C, FEATURE_C_PCLMULQDQ
        ROW     18, IN_1C, FEATURE_C_PCID
        ROW     21, IN_1C, FEATURE_C_RDRAND
        ROW     22, IN_7B, FEATURE_7B_FSGSBASE
        ROW     23, IN_7B, FEATURE_7B_SMEP
        ROW     24, IN_7B, FEATURE_7B_ERMS
        ROW     25, IN_7B, FEATURE_7B_BMI1
        ROW     26, IN_7B, FEATURE_7B_BMI2
        ROW     29, IN_1C, FEATURE_C_MOVBE
        ROW     32, IN_7B, FEATURE_7B_RDSEED
        ROW     33, IN_7B, FEATURE_7B_ADX
        ROW     34, IN_XC, EXTENDED_C_PREFETCHW
        ROW     35, IN_7B, FEATURE_7B_SMAP
        ROW     38, IN_XD, EXTENDED_D_RDTSCP
        ROW     43, IN_7B, FEATURE_7B_INVPCID
        ROW     57, IN_7C, FEATURE_7C_RDPID
        ROW     64 + 4, IN_7C, FEATURE_7C_LA57
        ROW     64 + 17, IN_1C, FEATURE_C_TSC_DEADLINE
rows_end:

guest:  mov     eax, 1
        cpuid
        mov     [C_TOLD], ecx
        mov     eax, 7
        xor     ecx, ecx
        cpuid
        mov     [C_TOLD + 4], ebx
        mov     [C_TOLD + 8], ecx
        mov     eax, 0x80000001
        cpuid
        mov     [C_TOLD + 12], ecx
        mov     [C_TOLD + 16], edx
        out     0x10, al
1:      jmp     1b
guest_end:
        LIBRARY
