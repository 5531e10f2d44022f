# cpuid.s - what CPUID reports to a guest: the processor's own answer, filtered, and the hypervisor's leaves.
#
# Hidden: VMX, SMX, MONITOR, XSAVE and all that needs it, MTRRs, performance counters, protection keys, CET,
# speculation-control MSRs.  Leaves below CPUID_ROWS that depend on EAX alone are prepared at start.
# Source  SDM 2A, "CPUID"; TLFS, "Feature and Interface Discovery"

        .equ    CPUID_ROWS, 0x20
        .equ    CPUID_ROW, 32
        .equ    CPUID_READY, 16
        .equ    PRESENT, 0x80000000             # leaf 1 ECX[31]: a hypervisor is present

# cpuid_init - Fill the sets of prepared rows.  Entry: nothing.  Exit: nothing.  Changes all but rbx, rbp, r12-r15.
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
        lea     rdi, [rel cpuid_created]
        add     rdi, r13
        mov     r8d, PRESENT
        call    cpuid_row
2:      inc     r12d
        cmp     r12d, CPUID_ROWS
        jb      1b
        mov     dword ptr [rel cpuid_created + LEAF_FEATURES * CPUID_ROW + CPUID_READY], 0      # cpuid_topology has a word
        pop     r13
        pop     r12
        ret

# cpuid_row - Entry: rdi = row to fill, esi = leaf, edx = sub-leaf, r8d = bits to set in ECX of leaf 1.
# Exit: r9d = sub-leaf, edx = EDX of the leaf.  Changes rax, rcx, r10.
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

# exit_cpuid - Any leaf.  Entry, Exit, Keeps: as a handler of exits.
exit_cpuid:
        sub     rsp, CPUID_ROW
        xor     edx, edx
        cmp     [rbp + PART_CPUID_COUNT], edx
        je      1f
        mov     eax, [rbx + VP_RAX]
        call    intercept_cpuid
        sete    dl
1:      mov     [rbx + VP_INTERCEPT_DUE], edx   # the answer goes to the parent
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
        cmp     eax, HVLEAF_HARDWARE - HVLEAF_VENDOR
        jbe     exit_cpuid_hv
        mov     eax, HVLEAF_MANAGEMENT - HVLEAF_VENDOR      # the row of zeros
exit_cpuid_hv:
        cmp     eax, HVLEAF_FEATURES - HVLEAF_VENDOR
        je      exit_cpuid_features
        shl     eax, 4
        lea     rdi, [rel cpuid_hv]
        add     rdi, rax
        jmp     exit_cpuid_give
exit_cpuid_features:
        mov     rax, [rbp + PART_PRIVILEGES]
        mov     [rdi], rax
        mov     rax, FEATURES << 32
        mov     [rdi + 8], rax
        jmp     exit_cpuid_give
exit_cpuid_ask:
        call    cpuid_row
        call    cpuid_topology
        call    cpuid_features
        cmp     esi, LEAF_FEATURES
        jne     exit_cpuid_give
        test    dword ptr [rbx + VP_APIC_BASE], APICBASE_EN
        jnz     exit_cpuid_give
        and     dword ptr [rdi + 12], ~FEATURE_D_APIC & 0xFFFFFFFF      # a globally disabled APIC is not there
exit_cpuid_give:
        cmp     dword ptr [rbx + VP_INTERCEPT_DUE], 0
        jne     exit_cpuid_seen
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

exit_cpuid_seen:
        call    seen_cpuid
        add     rsp, CPUID_ROW
        ret
