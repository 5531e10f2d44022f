# Expect: pass. VM entries and exits change CR4.LA57 in IA-32e mode; their checks go by the processor's width, HOST_RIP by its mode.
        .include "lib.s"
        .include "vmxlib.s"
        .include "fivelib.s"

        .macro  CALLED label                    # the guest runs from here to a VMCALL
        GUEST   \label
        RUN     VMCALL
        .endm
        .macro  REFUSED field, value            # VMfail: host state
        GET     r14, \field
        mov     r15, \value
        PUT     \field, r15
        call    vmx_run
        EQ      eax, NOTHING
        GET     rax, VM_INSTRUCTION_ERROR
        EQ      eax, VMERROR_HOST_STATE
        PUT     \field, r14
        .endm
test:   call    five_tables
        call    vmx_start
        mov     ecx, VMXMSR_CR4_FIXED1
        rdmsr
        BITS    eax, CR4_LA57

# A guest with 5 levels under a host with 4
        PUT     GUEST_CR3, PML5
        SET     GUEST_CR4, CR4_LA57
        CALLED  reads
        mov     rax, 0x1122334455667788
        EQ      [AT_RCX], rax
        BITS    dword ptr [PT], PTE_A
        GET     rdx, GUEST_CR4
        BITS    edx, CR4_LA57
        mov     rax, cr4
        NOBITS  eax, CR4_LA57
        mov     rbx, HIGH
        EXPECT  VECTOR_GP
        mov     rcx, [rbx]
        CAUGHT
        GUEST   clears                          # not in IA-32e mode
        SET     EXCEPTION_BITMAP, 1 << VECTOR_GP
        RUN     EXCEPTION
        PUT     CR4_MASK, CR4_LA57 | CR4_VMXE
        GET     rdx, GUEST_CR4
        PUT     CR4_READ_SHADOW, rdx
        GUEST   clears
        RUN     CR_ACCESS
        QUALIFIED 4 | put(QUAL_CR_REGISTER, GPR_RCX)
        PUT     CR4_MASK, CR4_VMXE

# EPT: a linear address of 57 bits
        mov     rax, 0x100000000                # beyond what EPT maps
        or      rax, USER_PAGE
        mov     [PT + 0x1FF * 8], rax
        GUEST   beyond
        RUN     EPT_VIOLATION
        GET     rdx, GUEST_LINEAR_ADDRESS
        mov     rax, HIGH + 0x1FF008
        EQ      rdx, rax

# RIP: bits 63:57 must be equal; what is not canonical then is the guest's #GP
        mov     rbx, HIGH + 0x2000
        PUT     GUEST_RIP, rbx
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_UD | 1 << VECTOR_GP
        mov     word ptr [CODE_PAGE], 0x0B0F    # UD2
        RUN     EXCEPTION
        GET     rdx, GUEST_RIP
        EQ      rdx, rbx
        GET     rdx, EXIT_INTERRUPTION_INFO
        EQ      dl, VECTOR_UD
        mov     rbx, 1 << 56
        PUT     GUEST_RIP, rbx
        RUN     EXCEPTION
        GET     rdx, EXIT_INTERRUPTION_INFO
        EQ      dl, VECTOR_GP
        mov     rbx, 1 << 57
        PUT     GUEST_RIP, rbx
        call    vmx_run
        EQ      eax, offset (EXIT_ENTRY_FAILURE | REASON_ENTRY_GUEST_STATE)
        mov     dword ptr [rip + launched], 1   # it was, before
        CLEAR   GUEST_CR4, CR4_LA57
        PUT     GUEST_CR3, TABLES
        mov     rbx, HIGH                       # 4 levels again: entry takes it, the fetch does not
        PUT     GUEST_RIP, rbx
        RUN     EXCEPTION
        GET     rdx, EXIT_INTERRUPTION_INFO
        EQ      dl, VECTOR_GP
        PUT     EXCEPTION_BITMAP, 0

# Bases go by the processor's width, HOST_RIP by LA57 in HOST_CR4; INVVPID takes what any guest may use
        mov     rbx, HIGH
        PUT     GUEST_GS_BASE, rbx
        PUT     HOST_GS_BASE, rbx
        CALLED  called
        RDMSR   MSR_GS_BASE
        EQ      rax, rbx
        PUT     HOST_GS_BASE, 0
        mov     rbx, 1 << 56
        REFUSED HOST_GS_BASE, rbx
        REFUSED HOST_TR_BASE, rbx
        mov     rbx, HIGH
        REFUSED HOST_RIP, rbx
        mov     [rip + descriptor + 8], rbx
        mov     eax, INVVPID_TYPE_ADDRESS
        invvpid rax, [rip + descriptor]
        SUCCEEDED
        mov     rbx, 1 << 56
        mov     [rip + descriptor + 8], rbx
        mov     eax, INVVPID_TYPE_ADDRESS
        invvpid rax, [rip + descriptor]
        FAILED  INVALIDATE_OPERAND

# A host with 5 levels over a guest with 4, and back
        PUT     HOST_CR3, PML5
        SET     HOST_CR4, CR4_LA57
        GUEST   called
        mov     qword ptr [rip + resume], .wide
        mov     eax, VMCS_HOST_RSP
        vmwrite rax, rsp
        lea     rax, [rip + landing]            # the exit comes back by an alias up there
        mov     rcx, HIGH + (1 << 22)
        add     rax, rcx
        PUT     HOST_RIP, rax
        vmresume
        FAIL    1
.wide:  GET     rax, EXIT_REASON
        EQ      eax, REASON_VMCALL
        mov     rax, cr4
        BITS    eax, CR4_LA57
        GET     rdx, GUEST_CR4
        NOBITS  edx, CR4_LA57
        mov     rcx, HIGH
        EQ      qword ptr [rcx + PAGE_C], 0x33
        PUT     HOST_CR3, TABLES
        CLEAR   HOST_CR4, CR4_LA57
        PUT     HOST_RIP, vmx_exit
        CALLED  called
        mov     rax, cr4
        NOBITS  eax, CR4_LA57
        vmxoff
        PASS

reads:  mov     rcx, HIGH
        mov     rcx, [rcx]
        vmcall
clears: mov     rcx, cr4
        and     rcx, ~CR4_LA57
        mov     cr4, rcx
        vmcall
beyond: mov     rcx, HIGH + 0x1FF008
        mov     rcx, [rcx]
called: vmcall
landing:
        mov     rax, [rip + resume]             # of the alias: the same byte
        jmp     rax
        .align  16
descriptor:     .quad 1, 0
resume:         .quad 0
