# instructions.s - CPUID, and instructions that exit or fault without an operand of interest.
#
# Source  SDM 3C, "Instructions That Cause VM Exits"; TLFS, "Hypervisor CPUID Leaf Range"

# probe_cpuid - The processor's leaves and the hypervisor's.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx, rbx, r12, r13.
probe_cpuid:
        xor     eax, eax
        cpuid
        EQ      ebx, 0x756E6547                 # the processor's own vendor
        mov     rax, 0xFFFFFFFF00000001         # only the lower halves count, and results are zero-extended
        mov     rcx, -1
        cpuid
        NOBITS  ecx, FEATURE_C_VMX | FEATURE_C_MONITOR | FEATURE_C_OSXSAVE
        BITS    edx, FEATURE_D_APIC
        mov     r12d, ecx
        mov     r13, rdx
        shr     r13, 32
        EQ      r13, 0
        mov     eax, 0x0A                       # performance counters: none
        cpuid
        EQ      eax, 0
        mov     eax, 0x80000008
        cpuid
        CONDITION jae, al, 32
        EQ      ah, LINEAR_BITS
        bt      r12d, 31
        jnc     .bare
        mov     eax, HVLEAF_VENDOR
        cpuid
        EQ      eax, HVLEAF_NESTED_FEATURES
        EQ      ebx, HVTEXT_EBX
        EQ      ecx, HVTEXT_ECX
        EQ      edx, HVTEXT_EDX
        mov     eax, HVLEAF_INTERFACE
        cpuid
        EQ      eax, HVTEXT_INTERFACE
        mov     eax, HVLEAF_FEATURES
        cpuid
        BITS    eax, PRIVILEGE_HYPERCALL
        BITS    eax, PRIVILEGE_SYNIC
        mov     eax, HVLEAF_NESTED_FEATURES + 1          # beyond the last: zeros
        cpuid
        or      eax, ebx
        or      eax, ecx
        or      eax, edx
        EQ      eax, 0
        ret
.bare:  mov     eax, HVLEAF_VENDOR
        cpuid
        NE      ebx, HVTEXT_EBX
        ret

        .macro  UNDEFINED instruction
        EXPECT  VECTOR_UD
        \instruction
        CAUGHT
        .endm
# probe_instructions - VMX and its kin are undefined; RDPMC, INVD, RDTSC; a single step over an exit.
# Entry: rdx, of any value.  Exit: nothing.  Changes rax, rcx, rdx, rbx, r12.
probe_instructions:
        lea     rbx, [rel operand]
        xor     eax, eax
        xor     ecx, ecx
        UNDEFINED vmlaunch
        UNDEFINED vmresume
        UNDEFINED vmxoff
        UNDEFINED "vmxon [rbx]"
        UNDEFINED "vmclear [rbx]"
        UNDEFINED "vmptrld [rbx]"
        UNDEFINED "vmptrst [rbx]"
        UNDEFINED "vmread rax, rcx"
        UNDEFINED "vmwrite rax, rcx"
        UNDEFINED "invept rax, [rbx]"
        UNDEFINED "invvpid rax, [rbx]"
        UNDEFINED ".byte 0x0F, 0x37"            # GETSEC
        UNDEFINED rsm
        UNDEFINED monitor
        UNDEFINED mwait
        UNDEFINED xsetbv
        UNDEFINED xgetbv
        xor     ecx, ecx
        EXPECT  VECTOR_GP
        rdpmc
        CAUGHT
        wbinvd
        invd
        pause
        invlpg  [rbx]
        rdtsc
        shl     rdx, 32
        lea     r12, [rax + rdx]
        rdtscp
        shl     rdx, 32
        or      rax, rdx
        ABOVE   rax, r12

        ON      VECTOR_DB, .stepped             # a single step over an exit
        pushfq
        or      qword ptr [rsp], RFLAGS_TF
        popfq
        nop
        cpuid
.after: pushfq
        and     qword ptr [rsp], ~RFLAGS_TF
        popfq
        mov     qword ptr [rel hooks + 8 * VECTOR_DB], 0
        lea     rax, [rel .after]
        EQ      [rel steps + 8], rax
        EQ      dword ptr [rel step], 5
        ret
.stepped:
        mov     eax, [rel step]
        lea     rdx, [rel steps]
        mov     rcx, [rdi + FRAME_RIP]
        mov     [rdx + rax*8], rcx
        inc     dword ptr [rel step]
        mov     eax, 0xFFFF0FF0
        mov     dr6, rax
        ret
        .align  16
operand: .quad  0, 0
step:   .quad   0
steps:  .fill   8, 8
