# Expect: pass. A partition runs 5-level paging: the hypervisor's walk, flushes and register writes take 57-bit addresses.
        .include "hvlib.s"
        .include "../guests/modelib.s"
        .include "../guests/fivelib.s"

        .equ    NOWHERE, 0xF0000000
test:   mov     eax, 7
        xor     ecx, ecx
        cpuid
        BITS    ecx, FEATURE_7C_LA57
        mov     eax, LEAF_ADDRESSES
        cpuid
        EQ      ah, LINEAR_BITS
        call    five_tables
        mov     eax, MEMORY_LOCAL_APIC + USER_PAGE
        mov     [PT + 0x20 * 8], rax
        mov     eax, NOWHERE + USER_PAGE
        mov     [PT + 0x21 * 8], rax
        mov     rax, 0xC3008B                   # mov eax, [rax]; ret
        mov     [CODE_PAGE + 0x10], rax
        LEAVE_LONG
        mov     eax, cr4
        or      eax, CR4_LA57
        mov     cr4, eax
        ENTER_LONG PML5

        mov     rbx, HIGH                       # device memory: the hypervisor walks to it, and to the code
        mov     dword ptr [rbx + 0x20000 + APIC_LDR * 16], 0x0F000000
        EQ      dword ptr [rbx + 0x20000 + APIC_LDR * 16], 0x0F000000
        lea     rax, [rbx + 0x20000 + APIC_LDR * 16]
        lea     rdx, [rbx + 0x2010]
        call    rdx
        EQ      eax, 0x0F000000
        EQ      dword ptr [rbx + 0x21000], -1
        lea     rdi, [rbx + 0x100]              # string I/O through the walk
        mov     edx, PORT_DEBUG_EXIT + 0x1000
        mov     ecx, 2
        cld
        rep insb
        EQ      word ptr [rbx + 0x100], 0xFFFF

        ENLIGHTEN
        EQ      dword ptr [rbx + 8], 0
        mov     dword ptr [PT], PAGE_C + USER_PAGE      # no INVLPG
        STORE   INPUT, 0
        STORE   INPUT + 8, HVFLUSH_ALL_SPACES
        STORE   INPUT + 16, 1
        mov     [INPUT + 24], rbx
        CALL_HV HVCALL_FLUSH_LIST | put(HVINPUT_COUNT, 1)
        mov     rcx, put(HVRESULT_DONE, 1)
        EQ      rax, rcx
        EQ      dword ptr [rbx], 0x33
        STORE   INPUT, -1
        STORE   INPUT + 8, SELF_VP
        mov     dword ptr [INPUT + 16], HVREG_KERNEL_GS_BASE
        mov     [INPUT + 32], rbx
        CALL_HV HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, 1)
        mov     rcx, put(HVRESULT_DONE, 1)
        EQ      rax, rcx
        RDMSR   MSR_KERNEL_GS_BASE
        EQ      rax, rbx
        STORE   INPUT + 32, 1 << 56
        CALL_HV HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, 1)
        EQ      ax, HVSTATUS_INVALID_REGISTER_VALUE
        PASS
