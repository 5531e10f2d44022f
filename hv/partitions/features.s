# features.s - what a parent takes away from a partition by its feature masks: privileges, the hypervisor's presence, CPUID bits.
#
# A processor feature that is taken away is hidden in CPUID.
# Source  TLFS, "HV_PARTITION_SYNTHETIC_PROCESSOR_FEATURES", "HV_PARTITION_PROCESSOR_FEATURES"; SDM 2A, "CPUID"

        .equ    SYNTHETIC_PRESENT, 3            # the hypervisor, and its interface "Hv#1"
        .equ    SYNTHETIC_FIXED, 1 << 18 | 1 << 22 | 1 << 24 | 1 << 25 | 1 << 26 | 1 << 27      # come with it
        .equ    SYNTHETIC_CHOSEN, 0xFFC | 1 << 20 | 1 << 29 | 1 << 38
        .equ    SYNTHETIC_ALL, SYNTHETIC_PRESENT | SYNTHETIC_FIXED | SYNTHETIC_CHOSEN

# features_default - Everything.  Entry: rbp = partition.  Exit: nothing.  Changes rax.
features_default:
        mov     rax, SYNTHETIC_ALL
        mov     [rbp + PART_FEATURES], rax
        mov     rax, CPU_FEATURES_0
        mov     [rbp + PART_CPU_FEATURES], rax
        mov     rax, CPU_FEATURES_1
        mov     [rbp + PART_CPU_FEATURES + 8], rax
        ret

# features_fit - Is a mask of synthetic features whole?  Entry: rdi = mask.  Exit: zero flag set when it is.  Changes rcx.
features_fit:
        test    edi, 1
        jz      1f                              # no hypervisor: then it does not matter
        mov     ecx, edi
        and     ecx, SYNTHETIC_FIXED
        cmp     ecx, SYNTHETIC_FIXED
        ret
1:      cmp     ecx, ecx
        ret

# features_apply - After a change of privileges or masks.  Entry: r10 = partition.  Exit: nothing.  Changes rax, rcx, rdx.
features_apply:
        mov     rax, [r10 + PART_FEATURES]
        lea     rdx, [rel synthetic_privileges]
1:      movzx   ecx, byte ptr [rdx]
        bt      rax, rcx
        jc      2f
        movzx   ecx, byte ptr [rdx + 1]
        btr     qword ptr [r10 + PART_PRIVILEGES], rcx
2:      add     rdx, 2
        cmp     byte ptr [rdx], 0
        jne     1b
        and     dword ptr [r10 + PART_FLAGS], ~ENLIGHTENED
        not     eax
        test    eax, SYNTHETIC_PRESENT
        jnz     6f
        or      dword ptr [r10 + PART_FLAGS], ENLIGHTENED
        mov     rax, CPU_FEATURES_0
        mov     rcx, CPU_FEATURES_1
        xor     rax, [r10 + PART_CPU_FEATURES]
        xor     rcx, [r10 + PART_CPU_FEATURES + 8]
        or      rax, rcx
        jz      .done
        jmp     3f
6:      mov     qword ptr [r10 + PART_PRIVILEGES], 0    # there is nothing to have a privilege of
3:      mov     dword ptr [r10 + PART_SPECIAL], 1       # no leaf is answered in the hot path any more
        lea     rax, [rel cpuid_none]
        mov     rdx, [r10 + PART_VP]
4:      test    rdx, rdx
        jz      .done
        mov     [rdx + VP_CPUID], rax
        mov     rdx, [rdx + VP_SIBLING]
        jmp     4b
.done:  ret

# cpuid_features - Hide what was taken away.  Entry: rdi = row of a leaf, esi = leaf, rbp = partition.  Exit: nothing.
# Changes rax, rcx, rdx.
cpuid_features:
        cmp     dword ptr [rbp + PART_SPECIAL], 0
        je      features_apply.done
        lea     rdx, [rel cpu_features]
1:      cmp     [rdx + 4], esi
        jne     2f
        mov     eax, [rdx]
        bt      qword ptr [rbp + PART_CPU_FEATURES], rax        # the second bank follows the first
        jc      2f
        mov     ecx, [rdx + 8]
        mov     eax, [rdx + 12]
        not     eax
        and     [rdi + rcx], eax
2:      add     rdx, 16
        cmp     dword ptr [rdx + 4], 0
        jne     1b
        ret

# Bit of the mask, bit of the privileges.
synthetic_privileges:
        .byte   2, 0, 3, 1, 4, 2, 5, 3, 6, 4, 7, 5, 8, 6, 9, 9, 10, 10, 11, 11, 20, 53, 29, 37, 38, 49, 0

# Bit of the banks, leaf, register, bit there.
        .equ    IN_EBX, 4
        .equ    IN_ECX, 8
        .equ    IN_EDX, 12
        .macro  CPUROW number, leaf, register, bit
        .long   \number, LEAF_\leaf, IN_\register, \bit
        .endm
        .balign 8
cpu_features:
        CPUROW  0, FEATURES, ECX, FEATURE_C_SSE3
        CPUROW  1, EXTENDED_1, ECX, EXTENDED_C_LAHF
        CPUROW  2, FEATURES, ECX, FEATURE_C_SSSE3
        CPUROW  3, FEATURES, ECX, FEATURE_C_SSE4_1
        CPUROW  4, FEATURES, ECX, FEATURE_C_SSE4_2
        CPUROW  7, FEATURES, ECX, FEATURE_C_POPCNT
        CPUROW  8, FEATURES, ECX, FEATURE_C_CX16
        CPUROW  10, EXTENDED_1, ECX, EXTENDED_C_LZCNT
        CPUROW  15, EXTENDED_1, EDX, EXTENDED_D_PAGE_1G
        CPUROW  16, FEATURES, ECX, FEATURE_C_AES
        CPUROW  17, FEATURES, ECX, FEATURE_C_PCLMULQDQ
        CPUROW  18, FEATURES, ECX, FEATURE_C_PCID
        CPUROW  21, FEATURES, ECX, FEATURE_C_RDRAND
        CPUROW  22, EXTENDED_FEATURES, EBX, FEATURE_7B_FSGSBASE
        CPUROW  23, EXTENDED_FEATURES, EBX, FEATURE_7B_SMEP
        CPUROW  24, EXTENDED_FEATURES, EBX, FEATURE_7B_ERMS
        CPUROW  25, EXTENDED_FEATURES, EBX, FEATURE_7B_BMI1
        CPUROW  26, EXTENDED_FEATURES, EBX, FEATURE_7B_BMI2
        CPUROW  29, FEATURES, ECX, FEATURE_C_MOVBE
        CPUROW  32, EXTENDED_FEATURES, EBX, FEATURE_7B_RDSEED
        CPUROW  33, EXTENDED_FEATURES, EBX, FEATURE_7B_ADX
        CPUROW  34, EXTENDED_1, ECX, EXTENDED_C_PREFETCHW
        CPUROW  35, EXTENDED_FEATURES, EBX, FEATURE_7B_SMAP
        CPUROW  38, EXTENDED_1, EDX, EXTENDED_D_RDTSCP
        CPUROW  43, EXTENDED_FEATURES, EBX, FEATURE_7B_INVPCID
        CPUROW  57, EXTENDED_FEATURES, ECX, FEATURE_7C_RDPID
        CPUROW  64 + 4, EXTENDED_FEATURES, ECX, FEATURE_7C_LA57
        CPUROW  64 + 17, FEATURES, ECX, FEATURE_C_TSC_DEADLINE
        .quad   0, 0
        .equ    CPU_0_1, 0b11111 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 15 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 21 | 1 << 22
        .equ    CPU_0_2, CPU_0_1 | 1 << 23 | 1 << 24 | 1 << 25 | 1 << 26 | 1 << 29 | 1 << 32 | 1 << 33 | 1 << 34 | 1 << 35
        .equ    CPU_FEATURES_0, CPU_0_2 | 1 << 38 | 1 << 43 | 1 << 57
        .equ    CPU_FEATURES_1, 1 << 4 | 1 << 17
