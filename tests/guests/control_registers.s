# Expect: pass. Inconsistent values for CR0, CR3, CR4, CR8, EFER, DR6 and DR7 raise #GP(0) and change nothing.
        .include "lib.s"

        .macro  REFUSED register, from, set, clear=0
        mov     rax, \from
        mov     rcx, \set
        or      rax, rcx
        mov     rcx, ~(\clear)
        and     rax, rcx
        EXPECT  VECTOR_GP
        mov     \register, rax
        CAUGHT
        .endm
test:   mov     r12, cr0
        mov     r13, cr4
        mov     r14, cr3
        REFUSED cr0, r12, 0, CR0_PE             # paging without protection
        REFUSED cr0, r12, 0, CR0_PG             # leaving paging in 64-bit mode
        REFUSED cr0, r12, CR0_NW, CR0_CD        # NW without CD
        REFUSED cr0, r12, 1 << 32
        REFUSED cr4, r13, 0, CR4_PAE            # in IA-32e mode
        REFUSED cr4, r13, CR4_LA57              # while in IA-32e mode, or not supported
        REFUSED cr4, r13, 1 << 15
        REFUSED cr4, r13, 1 << 32
        REFUSED cr3, r14, 1 << 60
        REFUSED cr8, r15, 0x10, ~0x10
        REFUSED dr6, r15, 1 << 32, ~(1 << 32)
        REFUSED dr7, r15, 1 << 32, ~(1 << 32)
        EQ      r12, r12
        mov     rax, cr0
        EQ      rax, r12
        mov     rax, cr4
        EQ      rax, r13
        mov     rax, cr3
        EQ      rax, r14

        RDMSR   MSR_EFER
        mov     r15, rax
        xor     rax, EFER_LME                   # while paging is on
        mov     rdx, rax
        shr     rdx, 32
        mov     ecx, MSR_EFER
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        mov     rax, r15
        or      rax, 1 << 9
        EXPECT  VECTOR_GP
        wrmsr                                   # reserved
        CAUGHT
        mov     rax, r15
        and     rax, ~EFER_LMA                  # LMA is read-only: no fault
        xor     edx, edx
        wrmsr
        RDMSR   MSR_EFER
        EQ      rax, r15

        mov     eax, 5
        mov     cr8, rax
        mov     rbx, cr8
        EQ      ebx, 5
        APIC_READ APIC_TPR
        EQ      eax, 0x50
        xor     eax, eax
        mov     cr8, rax
        smsw    eax
        EQ      eax, r12d
        mov     eax, CR0_TS                     # LMSW cannot clear PE
        lmsw    ax
        mov     rax, cr0
        BITS    eax, CR0_PE
        BITS    eax, CR0_TS
        clts
        mov     rax, cr4
        or      rax, CR4_DE
        mov     cr4, rax
        EXPECT  VECTOR_UD                       # DR4 and DR5 with CR4.DE
        mov     rax, dr4
        CAUGHT
        mov     rax, cr4
        and     rax, ~CR4_DE
        mov     cr4, rax
        mov     rax, dr4                        # else they are DR6 and DR7
        mov     rcx, dr6
        EQ      rax, rcx
        PASS
