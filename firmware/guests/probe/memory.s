# memory.s - accesses outside RAM: ones, lost writes, the APIC's page, in many forms of instruction.
#
# Source  hv/README.md, "What a partition finds"; SDM 3A, "Local APIC Register Address Map"

        .equ    EMPTY, 0xD0000000
# probe_memory - All of it.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rbx, r14.
probe_memory:
        mov     rbx, EMPTY
        mov     rax, [rbx]
        EQ      rax, -1
        xor     eax, eax
        mov     al, [rbx + 3]
        EQ      eax, 0xFF
        mov     ax, [rbx + 8]
        EQ      eax, 0xFFFF
        mov     eax, [rbx + 4]
        mov     ecx, 0xFFFFFFFF
        EQ      rax, rcx
        movzx   eax, byte ptr [rbx]
        EQ      eax, 0xFF
        movsx   rax, byte ptr [rbx]
        EQ      rax, -1
        mov     qword ptr [rbx], 5              # lost
        mov     byte ptr [rbx], 7
        mov     r14d, 3
        mov     [rbx + r14*8 + 16], r14
        EQ      qword ptr [rbx], -1             # CMP with memory
        mov     eax, 0x0F
        and     eax, [rbx]
        EQ      eax, 0x0F
        test    dword ptr [rbx], 1
        jz      .bad
        or      dword ptr [rbx], 1

        mov     ebx, MEMORY_LOCAL_APIC
        mov     eax, [rbx + APIC_VERSION*16]
        and     eax, 0xFF
        CONDITION jae, eax, 0x10
        mov     eax, [rbx + APIC_ID*16]
        EQ      eax, 0
        mov     dword ptr [rbx + APIC_TPR*16], 0x20
        mov     rcx, cr8
        EQ      ecx, 2
        mov     ecx, 0x30
        mov     [rbx + APIC_TPR*16], ecx
        cmp     dword ptr [rbx + APIC_TPR*16], 0x30
        jne     .bad
        mov     dword ptr [rbx + APIC_TPR*16], 0
        mov     dword ptr [rbx + APIC_LDR*16], 0x01000000
        EQ      dword ptr [rbx + APIC_LDR*16], 0x01000000
        mov     eax, [rbx + APIC_PPR*16]
        EQ      eax, 0
        ret
.bad:   mov     dword ptr [rel failed], 1000
        jmp     check_failed
