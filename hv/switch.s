# switch.s - what the VMCS does not hold of a VP: x87 and SSE, CR2, debug registers, MSRs.
#
# Source  SDM 3C, "VMCS Data Structures" (what is not in it); SDM 4, "Architectural MSRs"

# switch_save - Keep what the VMCS does not.  Entry: rdx = VP whose state the processor holds.
switch_save:
        mov     rdi, rdx
        fxsave64 [rdi + VP_FX]
        mov     rax, cr2
        mov     [rdi + VP_CR2], rax
        mov     rax, dr0
        mov     [rdi + VP_DR0], rax
        mov     rax, dr1
        mov     [rdi + VP_DR1], rax
        mov     rax, dr2
        mov     [rdi + VP_DR2], rax
        mov     rax, dr3
        mov     [rdi + VP_DR3], rax
        mov     rax, dr6
        mov     [rdi + VP_DR6], rax
        lea     rsi, [rel switched_msrs]
        lea     rdi, [rdi + VP_SWITCHED]
1:      mov     ecx, [rsi]
        test    ecx, ecx
        jz      2f
        rdmsr
        mov     [rdi], eax
        mov     [rdi + 4], edx
        add     rsi, 4
        add     rdi, 8
        jmp     1b
2:      ret

# switch_load - The other way, and make its VMCS current.  Entry: rbx = VP.
switch_load:
        vmptrld [rbx + VP_VMCS]
        jbe     vmcs_refused
        fxrstor64 [rbx + VP_FX]
        mov     rax, [rbx + VP_CR2]
        mov     cr2, rax
        mov     rax, [rbx + VP_DR0]
        mov     dr0, rax
        mov     rax, [rbx + VP_DR1]
        mov     dr1, rax
        mov     rax, [rbx + VP_DR2]
        mov     dr2, rax
        mov     rax, [rbx + VP_DR3]
        mov     dr3, rax
        mov     rax, [rbx + VP_DR6]
        mov     dr6, rax
        lea     rsi, [rel switched_msrs]
        lea     rdi, [rbx + VP_SWITCHED]
1:      mov     ecx, [rsi]
        test    ecx, ecx
        jz      2f
        mov     eax, [rdi]
        mov     edx, [rdi + 4]
        wrmsr
        add     rsi, 4
        add     rdi, 8
        jmp     1b
2:      ret

        .balign 4
switched_msrs:  .long MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE, MSR_TSC_AUX, 0
