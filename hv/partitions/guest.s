# guest.s - what a guest finds at its start: low memory of LONG and LINUX guests, registers of each kind.
#
# Source  hv/README.md, "What a partition finds"; Linux, "The Linux/x86 Boot Protocol"; SDM 3C, "Checks on the Guest State Area"

# guest_prepare - GDT, guest information and page tables in the memory of a partition.  FLAT never comes here.
# Entry: rbp = partition, r13 = descriptor.  Exit: nothing.  Changes rax, rcx, rdi, rsi, r8.
guest_prepare:
        mov     r8, [rbp + PART_BASE]
        lea     rsi, [rel guest_gdt]
        cmp     dword ptr [r13 + DESC_KIND], PAYLOAD_LINUX
        jne     1f
        lea     rsi, [rel guest_gdt_flat]
1:      lea     rdi, [r8 + GUEST_GDT]
        mov     ecx, (GUEST_GDT_LIMIT + 1) / 8
        rep movsq
        cmp     dword ptr [r13 + DESC_KIND], PAYLOAD_LINUX
        je      guest_prepared
        call    guest_tables
        cmp     dword ptr [r13 + DESC_KIND], PAYLOAD_LONG
        jne     guest_prepared

        cmp     qword ptr [r13 + DESC_REGISTERS + VP_RSP], 0
        jne     1f
        mov     qword ptr [r13 + DESC_REGISTERS + VP_RSP], GUEST_STACK
1:      cmp     qword ptr [r13 + DESC_REGISTERS + VP_RDI], 0
        jne     2f
        mov     qword ptr [r13 + DESC_REGISTERS + VP_RDI], GUEST_INFO
2:      add     r8, GUEST_INFO
        mov     rax, GUEST_MAGIC
        mov     [r8 + INFO_MAGIC], rax
        mov     rax, [rbp + PART_MEMORY]
        mov     [r8 + INFO_MEMORY], rax
        mov     eax, [rbp + PART_NUMBER]
        mov     [r8 + INFO_NUMBER], eax
        mov     eax, [rbp + PART_FLAGS]
        mov     [r8 + INFO_FLAGS], eax
        call    vps_count
        mov     [r8 + INFO_VPS], rax
        mov     qword ptr [r8 + INFO_TSC_HZ], HZ_TSC
        mov     qword ptr [r8 + INFO_APIC_HZ], HZ_TSC
        lea     rsi, [r13 + DESC_NAME]
        lea     rdi, [r8 + INFO_NAME]
        mov     ecx, 16
        rep movsb
        lea     rsi, [r13 + DESC_COMMAND]
        lea     rdi, [r8 + INFO_COMMAND]
        mov     ecx, 256
        rep movsb
guest_prepared:
        ret

# guest_tables - PML4, PDPT and four directories of 2 MiB pages at GUEST_TABLES.  Entry: r8 = host address of guest 0.
# Exit: nothing.  Changes rax, rcx, rdi.
guest_tables:
        lea     rdi, [r8 + GUEST_TABLES]
        mov     eax, GUEST_TABLES + PAGE | PDE_P | PDE_RW
        mov     [rdi], rax
        xor     ecx, ecx
1:      add     rax, PAGE
        mov     [rdi + rcx*8 + PAGE], rax
        inc     ecx
        cmp     ecx, 4
        jb      1b
        mov     eax, PDE_P | PDE_RW | PDE_2M_PS
        xor     ecx, ecx
2:      mov     [rdi + rcx*8 + 2 * PAGE], rax
        add     rax, PAGE_2M
        inc     ecx
        cmp     ecx, 4 * ENTRIES
        jb      2b
        ret

# guest_state - Guest state area for the first entry.  Entry: rbx = VP, its VMCS current.  Exit: nothing.  Changes rax, rcx.
guest_state:
        push    rbp
        push    r12
        push    r13
        mov     rbp, [rbx + VP_PARTITION]
        mov     r13, [rbp + PART_DESC]
        lea     r12, [rel guest_any]
        call    vmcs_rows
        mov     eax, [r13 + DESC_KIND]
        lea     r12, [rel guest_long]
        cmp     eax, PAYLOAD_LONG
        je      1f
        cmp     eax, PAYLOAD_LINUX64
        je      1f
        lea     r12, [rel guest_flat]
1:      call    vmcs_rows
        cmp     dword ptr [r13 + DESC_KIND], PAYLOAD_FLAT
        je      2f
        VMSET   VMCS_GUEST_GDTR_BASE, GUEST_GDT
        VMSET   VMCS_GUEST_GDTR_LIMIT, GUEST_GDT_LIMIT
2:      mov     rax, [r13 + DESC_ENTRY]
        VMPUT   VMCS_GUEST_RIP, rax
        mov     rax, [rbx + VP_RSP]
        VMPUT   VMCS_GUEST_RSP, rax
        pop     r13
        pop     r12
        pop     rbp
        ret

# vmcs_rows - Write rows of (field, value).  Entry: r12 = rows, ended by field 0xFFFFFFFF.  Exit: nothing.  Changes rax, rcx, r12.
vmcs_rows:
        mov     ecx, [r12]
        cmp     ecx, 0xFFFFFFFF
        je      1f
        mov     rax, [r12 + 4]
        vmwrite rcx, rax
        jbe     vmcs_refused
        add     r12, 12
        jmp     vmcs_rows
1:      ret
