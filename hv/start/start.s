# start.s - take the machine over from the firmware; one processor block, stack and VMX root operation each.
#
# Source  firmware/boot/README.md; SDM 3D, "Enabling and Entering VMX Operation"; SDM 3A, "Initializing IA-32e Mode"

# start - Entry: the image's first byte; 64-bit mode, first 4 GiB identity mapped, IF = 0, rdi = boot information.  Exit: never.
start:  cli
        cld
        mov     r15, rdi
        call    console_init
        call    boot_memory                     # regions of RAM, from the E820 table at r15
        mov     edi, HV_BASE
        mov     esi, PARTITION_TABLE + TABLE_BYTES
        call    frames_hole
        call    partitions_check                # ends the machine when the table is wrong; pieces become holes
        call    host_tables
        call    processors_make
        call    idt_init

        call    line_begin
        SAY     text_welcome
        mov     edi, [rel processor_count]
        call    say_number
        SAY     text_processors
        mov     edi, [PARTITION_TABLE + TABLE_COUNT]
        call    say_number
        SAY     text_partitions
        call    line_end

        mov     rdi, [rel processors]
        mov     rsp, rdi
        call    processor_init
        call    cpuid_init
        call    msr_bitmap_init
        call    partitions_make
        call    uart_listen
        call    processors_wake
        jmp     processor_run

# processor_run - Entry: on a processor's own stack, GS base = its block.  Exit: never.
processor_run:
        mov     r12, gs:[CPU_RING]
        test    r12, r12
        jz      processor_rest
        mov     rbx, r12
1:      call    vp_init                         # VMCS of every VP of this processor
        mov     rbx, [rbx + VP_NEXT]
        cmp     rbx, r12
        jne     1b
        jmp     schedule_first
        .equ    HOST_ENTRY, PDE_P | PDE_RW
# host_tables - Identity map the first 4 GiB by 2 MiB pages; the last GiB uncached.  Entry: nothing.
# Exit: host_cr3.  Keeps rbx, rbp, r12-r15.
host_tables:
        mov     edi, 6 * PAGE
        call    frames_zeroed
        mov     [rel host_cr3], rax
        lea     rdx, [rax + PAGE + HOST_ENTRY]
        mov     [rax], rdx
        xor     ecx, ecx
1:      add     rdx, PAGE
        mov     [rax + rcx*8 + PAGE], rdx       # four entries of the page-directory-pointer table
        inc     ecx
        cmp     ecx, 4
        jb      1b
        mov     edx, HOST_ENTRY | PDE_2M_PS
        xor     ecx, ecx
2:      cmp     ecx, 3 * ENTRIES
        jne     3f
        or      edx, PDE_2M_PCD | PDE_2M_PWT
3:      mov     [rax + rcx*8 + 2 * PAGE], rdx
        add     rdx, PAGE_2M
        inc     ecx
        cmp     ecx, 4 * ENTRIES
        jb      2b
        ret

# processors_make - A block and stack for every processor.  Entry: nothing.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
processors_make:
        push    rbx
        xor     ebx, ebx
1:      mov     edi, STACK_BYTES + PAGE
        call    frames_zeroed
        mov     rdx, CANARY
        mov     [rax], rdx
        add     rax, STACK_BYTES
        mov     [rax + CPU_SELF], rax
        mov     [rax + CPU_NUMBER], rbx
        lea     rdx, [rel processors]
        mov     [rdx + rbx*8], rax
        inc     ebx
        cmp     ebx, [rel processor_count]
        jb      1b
        pop     rbx
        ret

# processor_init - This processor's descriptor tables, control registers, APIC; then VMX root operation.
# Entry: rdi = its block.  Exit: everything loaded, same stack.  Keeps rbx, rbp, r12-r15.
processor_init:
        push    rbx
        mov     rbx, rdi
        mov     rax, [rel host_cr3]
        mov     cr3, rax

        lea     rsi, [rel host_gdt]             # descriptors: none, code, data; then the TSS
        lea     rdi, [rbx + CPU_GDT]
        mov     ecx, 3
        rep movsq
        lea     rax, [rbx + CPU_TSS]
        mov     rdx, rax
        mov     rcx, rax
        shl     rax, 16
        mov     r8, 0x000000FFFFFF0000
        and     rax, r8                         # base 23:0
        shr     rdx, 24
        shl     rdx, 56                         # base 31:24
        or      rax, rdx
        mov     rdx, HOST_TSS_LIMIT | put(DESCRIPTOR_P, 1) << 32 | put(DESCRIPTOR_TYPE, 9) << 32
        or      rax, rdx
        stosq
        shr     rcx, 32
        mov     [rdi], rcx
        mov     [rbx + CPU_TSS + TSS_RSP0], rbx
        mov     [rbx + CPU_TSS + TSS_IST1], rbx # faults of ours: the processor's own stack, from the top

        mov     word ptr [rbx + CPU_PSEUDO], HOST_GDT_LIMIT
        lea     rax, [rbx + CPU_GDT]
        mov     [rbx + CPU_PSEUDO + 2], rax
        lgdt    [rbx + CPU_PSEUDO]
        mov     eax, HOST_DS
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        xor     eax, eax
        mov     fs, ax
        mov     gs, ax
        push    HOST_CS
        lea     rax, [rel processor_in_gdt]
        push    rax
        retfq
# processor_in_gdt - The rest, in the new code segment.  Entry: rbx = processor block, the caller's rbx on the stack.
# Exit: rbx = that.
# Keeps rbp, r12-r15.
processor_in_gdt:
        mov     eax, HOST_TR
        ltr     ax
        xor     eax, eax
        lldt    ax
        lidt    [rel host_idtr]
        mov     ecx, MSR_GS_BASE
        mov     eax, ebx                        # blocks lie below 4 GiB
        xor     edx, edx
        wrmsr

        call    host_apic_init
        mov     rdi, rbx
        call    vmx_on
        pop     rbx
        ret

# vmx_on - Entry: rdi = processor block.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
vmx_on: push    rbx
        mov     rbx, rdi
        mov     eax, LEAF_FEATURES
        push    rbx
        cpuid
        pop     rbx
        test    ecx, FEATURE_C_VMX
        jz      vmx_missing
        mov     ecx, MSR_FEATURE_CONTROL
        rdmsr
        test    eax, FEATURE_CONTROL_LOCK
        jnz     1f
        or      eax, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX
        wrmsr
1:      test    eax, FEATURE_CONTROL_VMX
        jz      vmx_missing

        mov     rax, cr0
        or      eax, CR0_MP | CR0_NE | CR0_WP
        and     eax, ~(CR0_EM | CR0_TS | CR0_CD | CR0_NW) & 0xFFFFFFFF
        mov     cr0, rax
        mov     rax, cr4
        or      eax, CR4_VMXE | CR4_OSFXSR | CR4_OSXMMEXCPT
        mov     cr4, rax
        mov     edi, PAGE
        call    frames_zeroed
        mov     [rbx + CPU_VMXON], rax
        mov     r8, rax
        mov     ecx, VMXMSR_BASIC
        rdmsr
        and     eax, BASIC_REVISION
        mov     [r8], eax
        vmxon   [rbx + CPU_VMXON]
        jbe     vmx_missing
        pop     rbx
        ret
vmx_missing:
        lea     rdi, [rel text_no_vmx]
        jmp     fatal
