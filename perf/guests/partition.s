# partition.s - guests of the hypervisor that do one thing without end; each label is an entry.
#
# Entry   64-bit mode, the first 4 GiB at themselves (hv/README.md, "What a partition finds")
# Source  TLFS, "Hypercall Interface"; "HvCallFlushVirtualAddressSpace"

        .use    tlfs, platform, apic

        .equ    PAGE, 0x300000                  # where the hypercall page shows
        .equ    APIC_TPR_ADDRESS, MEMORY_LOCAL_APIC + 0x80

        .org    0x200000
start:
compute:
        mov     ecx, edi
.next:  add     rax, rcx
        add     rbx, 1
        xor     rdx, rax
        lea     rsi, [rax + rdx]
        sub     r8, rsi
        and     r9, rax
        or      r10, rdx
        dec     ecx
        jne     .next
        jmp     compute

        .align  64
cpuid_row:                                      # a leaf that the hypervisor keeps prepared
        mov     eax, 0x15
        cpuid
        jmp     cpuid_row

        .align  64
cpuid_leaf:                                     # a leaf that it works out each time
        mov     eax, 0xB
        xor     ecx, ecx
        cpuid
        jmp     cpuid_leaf

        .align  64
reference_count:
        mov     ecx, HVMSR_TIME_REF_COUNT
.next:  rdmsr
        jmp     .next

        .align  64
hypercall:
        mov     ecx, HVMSR_GUEST_OS_ID
        mov     eax, 1
        xor     edx, edx
        wrmsr
        mov     ecx, HVMSR_HYPERCALL
        mov     eax, PAGE | HVPAGE_ENABLE
        xor     edx, edx
        wrmsr
.next:  mov     ecx, HVCALL_FLUSH_SPACE
        lea     rdx, [rip + flush]
        xor     r8d, r8d
        mov     eax, PAGE
        call    rax
        test    ax, ax
        jz      .next
        movzx   eax, ax
        out     PORT_DEBUG_EXIT, eax

        .align  64
port:   in      al, PORT_POST
        jmp     port

        .align  64
task_priority:                                  # a device register in memory: the store is decoded
        mov     edi, APIC_TPR_ADDRESS
        xor     eax, eax
.next:  mov     [rdi], eax
        jmp     .next

        .align  8
flush:  .quad   0, HVFLUSH_ALL_PROCESSORS | HVFLUSH_ALL_SPACES, 1
