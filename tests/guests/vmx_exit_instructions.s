# Expect: pass. Each instruction exits by its reason, when its control says so, with length and qualification.
        .include "lib.s"
        .include "vmxlib.s"

        .macro  ONE label, reason, length
        GUEST   \label
        RUN     \reason
        LENGTH  \length
        .endm
test:   call    vmx_start
        ONE     g_cpuid, CPUID, 2
        ONE     g_hlt, HLT, 1
        ONE     g_invd, INVD, 2
        ONE     g_vmcall, VMCALL, 3
        ONE     g_vmclear, VMCLEAR, 4
        ONE     g_vmlaunch, VMLAUNCH, 3
        ONE     g_vmptrld, VMPTRLD, 3
        ONE     g_vmptrst, VMPTRST, 3
        ONE     g_vmread, VMREAD, 3
        ONE     g_vmresume, VMRESUME, 3
        ONE     g_vmwrite, VMWRITE, 3
        ONE     g_vmxoff, VMXOFF, 3
        ONE     g_vmxon, VMXON, 4
        ONE     g_invept, INVEPT, 5
        QUALIFIED 0
        ONE     g_invvpid, INVVPID, 6
        QUALIFIED 0x40

        GUEST   g_quiet                         # without their controls: no exits up to VMCALL
        RUN     VMCALL
        SET     PRIMARY_CONTROLS, PROC_INVLPG | PROC_RDPMC | PROC_RDTSC | PROC_MOV_DR | PROC_PAUSE
        SET     SECONDARY_CONTROLS, PROC2_WBINVD | PROC2_DESCRIPTOR_TABLE
        ONE     g_invlpg, INVLPG, 3
        QUALIFIED WINDOW
        ONE     g_rdpmc, RDPMC, 2
        ONE     g_rdtsc, RDTSC, 2
        ONE     g_rdtscp, RDTSCP, 3
        ONE     g_wbinvd, WBINVD, 2
        ONE     g_pause, PAUSE, 2
        ONE     g_dr, MOV_DR, 3
        QUALIFIED 7 | put(QUAL_DR_REGISTER, GPR_RBX)
        ONE     g_from_dr, MOV_DR, 4
        QUALIFIED 6 | QUAL_DR_FROM | put(QUAL_DR_REGISTER, GPR_R9)
        ONE     g_sgdt, GDTR_IDTR, 3
        ONE     g_str, LDTR_TR, 3

        PUT     GUEST_CS_SELECTOR, USER_CODE64  # CPL 3: #GP and #UD come first
        PUT     GUEST_CS_ACCESS_RIGHTS, CODE64_AR | AR_DPL
        PUT     GUEST_SS_SELECTOR, USER_DATA
        PUT     GUEST_SS_ACCESS_RIGHTS, DATA_AR | AR_DPL
        PUT     GUEST_RSP, USER + GUEST_STACK
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_GP | 1 << VECTOR_UD
        GUEST   USER + g_hlt
        RUN     EXCEPTION
        GET     rax, EXIT_INTERRUPTION_INFO
        EQ      eax, INTR_VALID | INTR_ERROR | put(INTR_TYPE, EVENT_HARD) | VECTOR_GP
        GUEST   USER + g_cpuid                  # CPUID exits at any CPL
        RUN     CPUID
        GUEST   USER + g_vmcall
        RUN     VMCALL
        PASS

g_cpuid: cpuid
g_hlt:  hlt
g_invd: invd
g_vmcall: vmcall
g_vmclear: vmclear [rax]
g_vmlaunch: vmlaunch
g_vmptrld: vmptrld [rax]
g_vmptrst: vmptrst [rax]
g_vmread: vmread rax, rcx
g_vmresume: vmresume
g_vmwrite: vmwrite rax, rcx
g_vmxoff: vmxoff
g_vmxon: vmxon  [rax]
g_invept: invept rax, [rax]
g_invvpid: invvpid rax, [rax + 0x40]
g_quiet: mov    ebx, WINDOW
        invlpg  [rbx]
        rdtsc
        rdtscp
        wbinvd
        pause
        mov     rax, dr7
        sgdt    [GUEST_RAM]
        str     eax
        vmcall
g_invlpg: invlpg [rbx]
g_rdpmc: rdpmc
g_rdtsc: rdtsc
g_rdtscp: rdtscp
g_wbinvd: wbinvd
g_pause: pause
g_dr:   mov     dr7, rbx
g_from_dr: mov  r9, dr6
        .byte   0
g_sgdt: sgdt    [rax]
g_str:  str     eax
