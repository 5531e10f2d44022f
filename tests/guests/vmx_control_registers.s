# Expect: pass. CR0 and CR4 masks and shadows decide what a guest reads and which writes exit; CR3 and CR8 have controls.
        .include "lib.s"
        .include "vmxlib.s"

test:   call    vmx_start
        PUT     CR0_MASK, CR0_TS | CR0_NE
        PUT     CR0_READ_SHADOW, CR0_TS         # guest sees TS = 1, NE = 0
        GUEST   read0
        RUN     VMCALL
        BITS    dword ptr [AT_RBX], CR0_TS
        NOBITS  dword ptr [AT_RBX], CR0_NE
        BITS    dword ptr [AT_RBX], CR0_PG
        GUEST   write0                          # changes a masked bit against its shadow
        RUN     CR_ACCESS
        QUALIFIED put(QUAL_CR_REGISTER, GPR_RBX)
        LENGTH  3
        GUEST   clts0
        RUN     CR_ACCESS
        QUALIFIED put(QUAL_CR_ACCESS, CRACCESS_CLTS)
        GUEST   lmsw0
        RUN     CR_ACCESS
        QUALIFIED put(QUAL_CR_ACCESS, CRACCESS_LMSW) | 0x00310000
        GUEST   same0                           # the masked bits as in the shadow: no exit
        RUN     VMCALL
        GET     rdx, GUEST_CR0
        BITS    edx, CR0_NE
        NOBITS  edx, CR0_TS
        BITS    edx, CR0_MP

        PUT     CR4_MASK, CR4_VMXE
        PUT     CR4_READ_SHADOW, 0
        GUEST   read4
        RUN     VMCALL
        NOBITS  dword ptr [AT_RBX], CR4_VMXE
        GUEST   write4
        RUN     CR_ACCESS
        QUALIFIED 4 | put(QUAL_CR_REGISTER, GPR_RCX)
        GUEST   pge4
        RUN     VMCALL
        GET     rdx, GUEST_CR4
        BITS    edx, CR4_PGE
        BITS    edx, CR4_VMXE

        GUEST   cr3s
        RUN     VMCALL                          # CR3 accesses do not exit
        SET     PRIMARY_CONTROLS, PROC_CR3_LOAD | PROC_CR3_STORE | PROC_CR8_LOAD | PROC_CR8_STORE
        GUEST   cr3s
        RUN     CR_ACCESS
        QUALIFIED 3 | put(QUAL_CR_ACCESS, CRACCESS_FROM) | put(QUAL_CR_REGISTER, GPR_RDX)
        SKIP
        mov     rax, cr3
        mov     [AT_RDX], rax
        RUN     CR_ACCESS
        QUALIFIED 3 | put(QUAL_CR_REGISTER, GPR_RDX)
        PUT     CR3_TARGET_COUNT, 1
        mov     rax, cr3
        PUT     CR3_TARGET_0, rax
        RUN     VMCALL                          # a CR3 target does not exit
        GUEST   cr8s
        RUN     CR_ACCESS
        QUALIFIED 8 | put(QUAL_CR_ACCESS, CRACCESS_FROM) | put(QUAL_CR_REGISTER, GPR_RAX)
        SKIP
        RUN     CR_ACCESS
        QUALIFIED 8 | put(QUAL_CR_REGISTER, GPR_RAX)
        PASS

read0:  mov     rbx, cr0
        vmcall
write0: mov     rbx, cr0
        xor     rbx, CR0_TS
        mov     cr0, rbx
clts0:  clts
lmsw0:  mov     eax, 0x31
        lmsw    ax
same0:  mov     rax, cr0
        or      rax, CR0_MP
        mov     cr0, rax
        vmcall
read4:  mov     rbx, cr4
        vmcall
write4: mov     rcx, cr4
        or      rcx, CR4_VMXE
        mov     cr4, rcx
pge4:   mov     rax, cr4
        or      rax, CR4_PGE
        mov     cr4, rax
        vmcall
cr3s:   mov     rdx, cr3
        mov     cr3, rdx
        vmcall
cr8s:   mov     rax, cr8
        mov     cr8, rax
        vmcall
