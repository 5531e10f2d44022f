# msr_rows.s - MSRs of the x2APIC, and the table of the rest.
#
# Source  SDM 3A, "Extended XAPIC (x2APIC)"; SDM 4, "Architectural MSRs"; TLFS, "Model-Specific Registers"

# x2apic_read - Entry: edi = MSR, rbx = VP.  Exit: rax, or carry set for #GP.  Changes rcx, rdx, rdi, rsi.
x2apic_read:
        test    dword ptr [rbx + VP_APIC_BASE], APICBASE_EXTD
        jz      x2apic_refuse
        sub     edi, X2APIC_FIRST
        mov     rdx, [rel x2apic_readable]
        bt      rdx, rdi
        jnc     x2apic_refuse
        cmp     edi, APIC_ICR
        je      1f
        call    apic_read
        mov     eax, eax
        clc
        ret
1:      mov     eax, [rbx + VP_APIC + APIC_ICR_HIGH*16]
        shl     rax, 32
        mov     ecx, [rbx + VP_APIC + APIC_ICR*16]
        or      rax, rcx                        # carry clear
        ret

# x2apic_write - Entry: edi = MSR, rsi = value, rbx = VP.  Exit: carry set for #GP.  Changes rax, rcx, rdx, rdi, rsi, r8.
x2apic_write:
        test    dword ptr [rbx + VP_APIC_BASE], APICBASE_EXTD
        jz      x2apic_refuse
        sub     edi, X2APIC_FIRST
        mov     rdx, [rel x2apic_writable]
        bt      rdx, rdi
        jnc     x2apic_refuse
        cmp     edi, APIC_ICR
        je      1f
        call    x2apic_reserved
        test    rsi, rax
        jnz     x2apic_refuse
        call    apic_write
        clc
        ret
1:      mov     eax, esi
        and     eax, ~(ICR_VECTOR | ICR_MODE | ICR_LOGICAL | ICR_ASSERT | ICR_LEVEL | ICR_SHORTHAND) & 0xFFFFFFFF
        jnz     x2apic_refuse
        mov     [rbx + VP_APIC + APIC_ICR*16], esi
        mov     edi, esi
        shr     rsi, 32
        mov     [rbx + VP_APIC + APIC_ICR_HIGH*16], esi
        call    apic_command
        clc
        ret
x2apic_refuse:
        stc
        ret

# x2apic_reserved - Bits that are #GP(0) when they are set.  Entry: edi = register number.  Exit: rax.  Changes rdx.
x2apic_reserved:
        mov     rdx, [rel x2apic_zero]
        xor     eax, eax
        bt      rdx, rdi
        jc      2f                              # EOI and ESR take 0 alone
        mov     eax, ICR_VECTOR                 # all that SELF IPI has
        cmp     edi, APIC_SELF_IPI
        je      2f
        lea     rdx, [rel apic_writable]
        mov     eax, [rdx + rdi*4]
        cmp     edi, APIC_LVT_TIMER
        jb      2f
        cmp     edi, APIC_LVT_ERROR
        ja      2f
        or      eax, LVT_STATUS                 # read-only, so not reserved
        cmp     edi, APIC_LVT_LINT0
        jb      2f
        cmp     edi, APIC_LVT_LINT1
        ja      2f
        or      eax, LVT_REMOTE_IRR
2:      not     rax
        ret

        .balign 8
        .equ    X2_LVTS_1, 1 << APIC_LVT_TIMER | 1 << APIC_LVT_THERMAL | 1 << APIC_LVT_PERF | 1 << APIC_LVT_LINT0
        .equ    X2_LVTS, X2_LVTS_1 | 1 << APIC_LVT_LINT1 | 1 << APIC_LVT_ERROR
        .equ    X2_BOTH_1, 1 << APIC_TPR | 1 << APIC_SVR | 1 << APIC_ESR | 1 << APIC_ICR | X2_LVTS
        .equ    X2_BOTH, X2_BOTH_1 | 1 << APIC_INITIAL_COUNT | 1 << APIC_DIVIDE
        .equ    X2_BITS, 0xFF << APIC_ISR | 0xFF << APIC_TMR | 0xFF << APIC_IRR
x2apic_readable:
        .quad   X2_BOTH | X2_BITS | 1 << APIC_ID | 1 << APIC_VERSION | 1 << APIC_PPR | 1 << APIC_LDR | 1 << APIC_CURRENT_COUNT
x2apic_writable:
        .quad   X2_BOTH | 1 << APIC_EOI | 1 << APIC_SELF_IPI
x2apic_zero:
        .quad   1 << APIC_EOI | 1 << APIC_ESR

# MSRs that the guest reads and writes without an exit: per-VP, in the VMCS or changed hands by schedule.s.
        .balign 4
msr_direct:
        .long   MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_EFER, MSR_PAT, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, 0
msr_read_direct:                                # writes exit: switch.s wants to know the value
        .long   MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_TSC_AUX, MSR_TSC, 0

# Number, what it is, value: FIXED reads value, write #GP; QUIET reads value, write lost; SLOT is a word of the VP at
# this offset (bits 31:0), the reserved bits above (63:32, sign-extended); HELD is at this offset in VP_SWITCHED, and the processor
# has it, too; CODE reads by a routine
# (rax, carry), and is written by msr_write itself.
        .equ    MSR_ROW, 16
        .equ    MSR_FIXED, 0
        .equ    MSR_QUIET, 1
        .equ    MSR_SLOT, 2
        .equ    MSR_HELD, 3
        .equ    MSR_CODE, 4
        .macro  MSRROW number, kind, value
        .long   \number, MSR_\kind
        .quad   \value
        .endm
msr_rows:
        MSRROW  MSR_APIC_BASE, SLOT, VP_APIC_BASE
        MSRROW  MSR_TSC_DEADLINE, SLOT, VP_TSC_TARGET
        MSRROW  MSR_PLATFORM_ID, QUIET, 0
        MSRROW  MSR_BIOS_UPDT_TRIG, QUIET, 0
        MSRROW  MSR_BIOS_SIGN_ID, QUIET, 0x8FFFFFFF00000000
        MSRROW  MSR_MTRRCAP, FIXED, 0
        MSRROW  MSR_MTRR_DEF_TYPE, SLOT, VP_MISC_MSR
        MSRROW  MSR_MCG_CAP, FIXED, 0
        MSRROW  MSR_MCG_STATUS, SLOT, VP_MISC_MSR + 8
        MSRROW  MSR_MISC_ENABLE, QUIET, MISCENABLE_FAST_STRINGS | MISCENABLE_BTS_UNAVAILABLE | MISCENABLE_PEBS_UNAVAILABLE
        MSRROW  MSR_STAR, HELD, 0 * 8
        MSRROW  MSR_LSTAR, HELD, 1 * 8
        MSRROW  MSR_CSTAR, HELD, 2 * 8
        MSRROW  MSR_FMASK, HELD, 3 * 8
        MSRROW  MSR_TSC_AUX, HELD, 5 * 8
        MSRROW  MSR_DEBUGCTL, CODE, msr_read_debugctl
        MSRROW  MSR_PKG_CST_CONFIG_CONTROL, FIXED, 1 << 15              # no C-states below C1, locked
        MSRROW  MSR_POWER_CTL, SLOT, VP_MISC_MSR + 16 | (~2 & 0xFFFFFFFF) << 32        # C1E, without effect
        .long   0xFFFFFFFF

        .balign 4096
msr_bitmap:
        .fill   4096, 1, 0
