# cpuid.s - what CPUID tells a guest: the processor's own answer, filtered, and the hypervisor's leaves.
#
# Hidden: VMX, SMX, MONITOR, XSAVE and all that needs it, MTRRs, performance counters, protection keys, CET,
# speculation-control MSRs.  Leaves below CPUID_ROWS that depend on EAX alone are prepared at start.
# Source  SDM 2A, "CPUID"; TLFS, "Feature and Interface Discovery"

        .equ    CPUID_ROWS, 0x20
        .equ    CPUID_ROW, 32
        .equ    CPUID_READY, 16
        .equ    PRESENT, 0x80000000             # leaf 1 ECX[31]: a hypervisor is present

# cpuid_init - Fill both sets of prepared rows.  Changes all but rbx, rbp, r12-r15.
cpuid_init:
        push    r12
        push    r13
        mov     eax, LEAF_ADDRESSES
        push    rbx
        cpuid
        pop     rbx
        movzx   eax, al                         # physical-address width
        mov     [rel cpuid_hv_width], eax
        xor     r12d, r12d
1:      mov     edx, r12d
        mov     rsi, [rel cpuid_varies]
        bt      rsi, rdx
        jc      2f
        mov     r13d, r12d
        shl     r13d, 5
        lea     rdi, [rel cpuid_plain]
        add     rdi, r13
        mov     esi, r12d
        xor     edx, edx
        xor     r8d, r8d
        call    cpuid_row
        lea     rdi, [rel cpuid_enlightened]
        add     rdi, r13
        mov     esi, r12d
        xor     edx, edx
        mov     r8d, PRESENT
        call    cpuid_row
2:      inc     r12d
        cmp     r12d, CPUID_ROWS
        jb      1b
        pop     r13
        pop     r12
        ret

# cpuid_row - Entry: rdi = row to fill, esi = leaf, edx = sub-leaf, r8d = bits to set in ECX of leaf 1.
# Changes rax, rcx, rdx, r9, r10.
cpuid_row:
        push    rbx
        mov     r9d, edx
        mov     eax, esi
        mov     ecx, edx
        cpuid
        mov     [rdi], eax
        mov     [rdi + 4], ebx
        mov     [rdi + 8], ecx
        mov     [rdi + 12], edx
        mov     dword ptr [rdi + CPUID_READY], 1
        pop     rbx

        lea     r10, [rel cpuid_filters]
1:      mov     eax, [r10]
        cmp     eax, 0xFFFFFFFF
        je      cpuid_row_done
        cmp     eax, esi
        je      2f
        add     r10, CPUID_FILTER
        jmp     1b
2:      mov     rax, [r10 + 4]                  # keep: EAX, EBX, then ECX, EDX
        and     [rdi], rax
        mov     rax, [r10 + 12]
        and     [rdi + 8], rax
        mov     rax, [r10 + 20]                 # set
        or      [rdi], rax
        mov     rax, [r10 + 28]
        or      [rdi + 8], rax
        cmp     esi, LEAF_FEATURES
        je      cpuid_row_features
        cmp     esi, LEAF_TOPOLOGY
        jne     cpuid_row_done
        mov     [rdi + 8], r9b                  # ECX: level number, then its type
        cmp     r9d, 2
        jae     cpuid_row_done
        mov     dword ptr [rdi + 4], 1          # one processor at each level
        lea     eax, [r9 + 1]
        mov     [rdi + 9], al                   # 1 thread, 2 core
        ret
cpuid_row_features:
        or      [rdi + 8], r8d
cpuid_row_done:
        ret

# exit_cpuid - Any leaf.  Entry: rbx = VP, rbp = partition.
exit_cpuid:
        sub     rsp, CPUID_ROW
        mov     rdi, rsp
        mov     esi, [rbx + VP_RAX]
        mov     edx, [rbx + VP_RCX]
        xor     r8d, r8d
        test    dword ptr [rbp + PART_FLAGS], ENLIGHTENED
        jz      exit_cpuid_ask
        mov     r8d, PRESENT
        mov     eax, esi
        sub     eax, HVLEAF_VENDOR
        cmp     eax, 0x100
        jae     exit_cpuid_ask
        cmp     eax, HVLEAF_LIMITS - HVLEAF_VENDOR
        jbe     exit_cpuid_hv
        mov     eax, HVLEAF_LIMITS - HVLEAF_VENDOR + 1      # the row of zeros
exit_cpuid_hv:
        shl     eax, 4
        lea     rdi, [rel cpuid_hv]
        add     rdi, rax
        jmp     exit_cpuid_give
exit_cpuid_ask:
        call    cpuid_row
exit_cpuid_give:
        mov     eax, [rdi]
        mov     [rbx + VP_RAX], rax
        mov     eax, [rdi + 4]
        mov     [rbx + VP_RBX], rax
        mov     eax, [rdi + 8]
        mov     [rbx + VP_RCX], rax
        mov     eax, [rdi + 12]
        mov     [rbx + VP_RDX], rax
        add     rsp, CPUID_ROW
        jmp     advance

        .balign 8
# Leaves below CPUID_ROWS whose answer depends on ECX, or that are seldom asked for.
cpuid_varies:
        .quad   1 << 2 | 1 << 4 | 1 << 7 | 1 << 0x0B | 1 << 0x0D | 1 << 0x0F | 1 << 0x10 | 1 << 0x12 | 1 << 0x14 | 1 << 0x17 | 1 << 0x18 | 1 << 0x1B | 1 << 0x1D | 1 << 0x1F

        .equ    OFFER_C_1, FEATURE_C_SSE3 | FEATURE_C_PCLMULQDQ | FEATURE_C_SSSE3 | FEATURE_C_CX16 | FEATURE_C_PCID
        .equ    OFFER_C_2, OFFER_C_1 | FEATURE_C_SSE4_1 | FEATURE_C_SSE4_2 | FEATURE_C_X2APIC | FEATURE_C_MOVBE
        .equ    OFFER_C, OFFER_C_2 | FEATURE_C_POPCNT | FEATURE_C_TSC_DEADLINE | FEATURE_C_AES | FEATURE_C_RDRAND
        .equ    OFFER_D_1, FEATURE_D_FPU | FEATURE_D_DE | FEATURE_D_PSE | FEATURE_D_TSC | FEATURE_D_MSR
        .equ    OFFER_D_2, OFFER_D_1 | FEATURE_D_PAE | FEATURE_D_MCE | FEATURE_D_CX8 | FEATURE_D_APIC | FEATURE_D_SEP
        .equ    OFFER_D_3, OFFER_D_2 | FEATURE_D_PGE | FEATURE_D_CMOV | FEATURE_D_PAT | FEATURE_D_CLFSH
        .equ    OFFER_D, OFFER_D_3 | FEATURE_D_MMX | FEATURE_D_FXSR | FEATURE_D_SSE | FEATURE_D_SSE2
        .equ    OFFER_7B_1, FEATURE_7B_FSGSBASE | FEATURE_7B_BMI1 | FEATURE_7B_SMEP | FEATURE_7B_BMI2
        .equ    OFFER_7B_2, OFFER_7B_1 | FEATURE_7B_ERMS | FEATURE_7B_INVPCID | FEATURE_7B_NO_FPU_CS
        .equ    OFFER_7B, OFFER_7B_2 | FEATURE_7B_RDSEED | FEATURE_7B_ADX | FEATURE_7B_SMAP
        .equ    OFFER_7C, FEATURE_7C_RDPID | FEATURE_7C_LA57
        .equ    OFFER_XC, EXTENDED_C_LAHF | EXTENDED_C_LZCNT | EXTENDED_C_PREFETCHW
        .equ    OFFER_XD, EXTENDED_D_SYSCALL | EXTENDED_D_NX | EXTENDED_D_PAGE_1G | EXTENDED_D_RDTSCP | EXTENDED_D_LM

# leaf, keep EAX EBX ECX EDX, set EAX EBX ECX EDX
        .equ    CPUID_FILTER, 36
cpuid_filters:
        .long   LEAF_FEATURES, 0xFFFFFFFF, 0x0000FF00, OFFER_C, OFFER_D, 0, 0x00010000, 0, 0
        .long   LEAF_CACHES, 0x00003FFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0, 0
        .long   LEAF_MONITOR, 0, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_POWER, 0x00000004, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_EXTENDED_FEATURES, 0, OFFER_7B, OFFER_7C, 0, 0, 0, 0, 0
        .long   LEAF_PERFORMANCE, 0, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_TOPOLOGY, 0, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_STATE, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x0000000F, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x00000010, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x00000012, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x00000014, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x0000001F, 0, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_EXTENDED_1, 0xFFFFFFFF, 0xFFFFFFFF, OFFER_XC, OFFER_XD, 0, 0, 0, 0
        .long   LEAF_ADDRESSES, 0x0000FFFF, 0, 0, 0, 0, 0, 0, 0
        .long   0xFFFFFFFF

        .balign 16
cpuid_hv:
        .long   HVLEAF_LIMITS, HVTEXT_EBX, HVTEXT_ECX, HVTEXT_EDX
        .long   HVTEXT_INTERFACE, 0, 0, 0
        .long   1, 1 << 16, 0, 0                # build 1, version 1.0
        .long   lo32(PRIVILEGES), hi32(PRIVILEGES), 0, HVFEATURE_FREQUENCIES
        .long   HVADVICE_REMOTE_FLUSH | HVADVICE_APIC_MSRS | HVADVICE_RESET | HVADVICE_RELAXED_TIMING | HVADVICE_CLUSTER_IPI, SPIN_ADVICE
cpuid_hv_width:
        .long   0, 0
        .long   1, PROCESSORS, 0, 0             # one VP in a partition
        .long   0, 0, 0, 0

        .equ    SPIN_ADVICE, 0xFFF              # tries before HvCallNotifyLongSpinWait
        .equ    PRIVILEGES_1, PRIVILEGE_REFERENCE_COUNTER | PRIVILEGE_APIC | PRIVILEGE_HYPERCALL | PRIVILEGE_VP_INDEX
        .equ    PRIVILEGES_2, PRIVILEGES_1 | PRIVILEGE_RESET | PRIVILEGE_FREQUENCIES | PRIVILEGE_POST_MESSAGES
        .equ    PRIVILEGES, PRIVILEGES_2 | PRIVILEGE_VP_REGISTERS

        .balign 32
cpuid_plain:
        .fill   CPUID_ROWS * CPUID_ROW, 1, 0
cpuid_enlightened:
        .fill   CPUID_ROWS * CPUID_ROW, 1, 0
