# switch.s - what the VMCS does not hold of a VP: x87 and SSE, CR2, debug registers, MSRs.
#
# It is in the VP while the VP does not run.  CPU_HELD says what the processor's registers hold, so that what is the same in the
# next VP is left.  DR0-DR3 are loaded when the guest first touches debug registers (MOV-DR exiting) or has a breakpoint on; of the
# MSRs but KERNEL_GS_BASE, which SWAPGS changes, the VP always has the value, because their writes exit.
# Source  SDM 3C, "VMCS Data Structures" (what is not in it); SDM 4, "Architectural MSRs"

        .equ    SWITCHED_GS, 4 * 8              # KERNEL_GS_BASE among switched_msrs

# switch_save - Keep what the VMCS does not.  Entry: rdx = VP whose state the processor holds, its VMCS current.
# Exit: nothing.  Changes rax, rcx, rdx, rdi.
switch_save:
        mov     rdi, rdx
        fxsave64 [rdi + VP_FX]
        mov     rax, cr2
        mov     [rdi + VP_CR2], rax
        mov     gs:[CPU_HELD_CR2], rax
        mov     rax, dr6
        mov     [rdi + VP_DR6], rax
        mov     gs:[CPU_HELD_DR6], rax
        mov     ecx, MSR_KERNEL_GS_BASE
        rdmsr
        mov     [rdi + VP_SWITCHED + SWITCHED_GS], eax
        mov     [rdi + VP_SWITCHED + SWITCHED_GS + 4], edx
        mov     gs:[CPU_HELD_MSRS + SWITCHED_GS], eax
        mov     gs:[CPU_HELD_MSRS + SWITCHED_GS + 4], edx
        cmp     dword ptr [rdi + VP_DEBUGS], 0
        jne     debugs_save
        ret

# switch_load - The other way, and make its VMCS current.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx, rsi, rdi.
switch_load:
        vmptrld [rbx + VP_VMCS]
        jbe     vmcs_refused
        fxrstor64 [rbx + VP_FX]
        mov     rdi, gs:[CPU_SELF]
        mov     rax, [rbx + VP_CR2]
        call    switch_differs
        cmp     rax, [rdi + CPU_HELD_CR2]
        je      1f
        mov     cr2, rax
        mov     [rdi + CPU_HELD_CR2], rax
1:      mov     rax, [rbx + VP_DR6]
        cmp     rax, [rdi + CPU_HELD_DR6]
        je      2f
        mov     dr6, rax
        mov     [rdi + CPU_HELD_DR6], rax
2:      xor     esi, esi
3:      mov     rax, [rbx + rsi*8 + VP_SWITCHED]
        cmp     rax, [rdi + rsi*8 + CPU_HELD_MSRS]
        je      4f
        mov     [rdi + rsi*8 + CPU_HELD_MSRS], rax
        lea     rcx, [rel switched_msrs]
        mov     ecx, [rcx + rsi*4]
        mov     rdx, rax
        shr     rdx, 32
        wrmsr
4:      inc     esi
        cmp     esi, SWITCHED_COUNT
        jb      3b
        VMGET   rax, VMCS_GUEST_DR7
        test    al, 0xFF
        jnz     debugs_load
        ret

# switch_differs - The processor's registers hold nobody's state that we know: make every comparison fail.
# Entry: rdi = CPU, rbx = VP that is compared next.  Exit: nothing.  Changes rsi.
switch_differs:
        cmp     dword ptr [rdi + CPU_HELD_KNOWN], 0
        jne     2f
        mov     dword ptr [rdi + CPU_HELD_KNOWN], 1
        push    rax
        mov     rax, [rbx + VP_CR2]
        not     rax
        mov     [rdi + CPU_HELD_CR2], rax
        mov     rax, [rbx + VP_DR6]
        not     rax
        mov     [rdi + CPU_HELD_DR6], rax
        xor     esi, esi
1:      mov     rax, [rbx + rsi*8 + VP_SWITCHED]
        not     rax
        mov     [rdi + rsi*8 + CPU_HELD_MSRS], rax
        inc     esi
        cmp     esi, SWITCHED_COUNT
        jb      1b
        pop     rax
2:      ret

# debugs_load - The VP's DR0-DR3 are the processor's from now on.  Entry: rbx = VP, its VMCS current.  Exit: nothing.
# Changes rax, rcx.
exit_mov_dr:                                    # the guest touches debug registers: once more
debugs_load:
        cmp     dword ptr [rbx + VP_DEBUGS], 0
        jne     1f
        mov     dword ptr [rbx + VP_DEBUGS], 1
        mov     rax, [rbx + VP_DR0]
        mov     dr0, rax
        mov     rax, [rbx + VP_DR1]
        mov     dr1, rax
        mov     rax, [rbx + VP_DR2]
        mov     dr2, rax
        mov     rax, [rbx + VP_DR3]
        mov     dr3, rax
        VMGET   rax, VMCS_PRIMARY_CONTROLS
        and     eax, ~PROC_MOV_DR & 0xFFFFFFFF
        vmwrite rcx, rax
1:      ret
# debugs_save - They are not any more.  Entry: rdi = VP, its VMCS current.  Exit: nothing.  Changes rax, rcx.
debugs_save:
        mov     dword ptr [rdi + VP_DEBUGS], 0
        mov     rax, dr0
        mov     [rdi + VP_DR0], rax
        mov     rax, dr1
        mov     [rdi + VP_DR1], rax
        mov     rax, dr2
        mov     [rdi + VP_DR2], rax
        mov     rax, dr3
        mov     [rdi + VP_DR3], rax
        xor     eax, eax                        # no address of one VP is in another's way
        mov     dr0, rax
        mov     dr1, rax
        mov     dr2, rax
        mov     dr3, rax
        VMGET   rax, VMCS_PRIMARY_CONTROLS
        or      eax, PROC_MOV_DR
        vmwrite rcx, rax
        ret

# held_read - An MSR that changes hands, by its offset in VP_SWITCHED.  Entry: r10, rbx = VP.  Exit: rax.  Changes rcx, rdx.
held_read:
        mov     rax, [rbx + r10 + VP_SWITCHED]
        cmp     r10d, SWITCHED_GS
        jne     .done
        cmp     rbx, gs:[CPU_CURRENT]
        jne     .done
        mov     ecx, MSR_KERNEL_GS_BASE
        rdmsr
        shl     rdx, 32
        or      rax, rdx
.done:  ret
# held_write - Entry: r10 = the offset, rbx = VP, rsi = value that WRMSR takes.  Exit: nothing.  Changes rax, rcx, rdx.
held_write:
        mov     [rbx + r10 + VP_SWITCHED], rsi
        cmp     rbx, gs:[CPU_CURRENT]
        jne     held_read.done
        mov     rdx, gs:[CPU_SELF]
        mov     [rdx + r10 + CPU_HELD_MSRS], rsi
        lea     rcx, [rel switched_msrs]
        mov     eax, r10d
        shr     eax, 1
        mov     ecx, [rcx + rax]
        mov     rax, rsi
        mov     rdx, rsi
        shr     rdx, 32
        wrmsr
        ret

        .balign 4
switched_msrs:  .long MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE, MSR_TSC_AUX
        .equ    SWITCHED_COUNT, (. - switched_msrs) / 4
        .assert SWITCHED_COUNT * 8 == CPU_HELD_END - CPU_HELD_MSRS
