# handover.s - enter the payload that the boot block names.
#
# Entry   32-bit mode, everything set up
# Exit    to the payload, with the registers of the boot block
# Source  firmware/boot/README.md, "Handover"; Multiboot Specification 0.6.96, "Machine state"

        .code32
# handover - Entry: the boot block, everything set up.  Exit: never.
handover:
        cmp     dword ptr [LOW_BLOCK + BLOCK_MAGIC], lo32(BLOCKVALUE_MAGIC)
        jne     nothing
        cmp     dword ptr [LOW_BLOCK + BLOCK_MAGIC + 4], hi32(BLOCKVALUE_MAGIC)
        jne     nothing
        mov     eax, [LOW_BLOCK + BLOCK_KIND]
        cmp     eax, PAYLOAD_FLAT
        je      flat
        cmp     eax, PAYLOAD_LINUX
        je      flat
        cmp     eax, PAYLOAD_LINUX64
        ja      nothing

        mov     edi, offset long
        jmp     enter_long

# nothing - No boot block, or an unknown kind: report it and end the run as failed.
nothing:
        mov     esi, offset text_nothing
        call    print
        mov     eax, 1
        out     PORT_DEBUG_EXIT, eax
.halt:  cli
        hlt
        jmp     .halt

        .macro  REG32 name, number
        mov     \name, [LOW_BLOCK + BLOCK_REGS + 8 * \number]
        .endm

# flat - Selectors CODE32 and DATA, base 0, limit 4 GiB, paging and interrupts off.
flat:   REG32   eax, GPR_RSP
        test    eax, eax
        jz      .stack
        mov     esp, eax
.stack: push    RFLAGS_ONE
        popfd
        push    dword ptr [LOW_BLOCK + BLOCK_ENTRY]
        REG32   eax, GPR_RAX
        REG32   ecx, GPR_RCX
        REG32   edx, GPR_RDX
        REG32   ebx, GPR_RBX
        REG32   ebp, GPR_RBP
        REG32   esi, GPR_RSI
        REG32   edi, GPR_RDI
        ret                                     # pops the entry: esp is the payload's again

# enter_long - Turn on 64-bit mode and jump to edi.  Entry: edi = where to, tables at LOW_PML4.  Exit: never.
enter_long:
        mov     eax, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
        mov     cr4, eax
        mov     eax, LOW_PML4
        mov     cr3, eax
        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_LME | EFER_NXE
        wrmsr
        mov     eax, cr0
        or      eax, CR0_PG | CR0_WP | CR0_MP
        mov     cr0, eax                        # compatibility mode until CS is 64-bit
        ljmp    CODE64, .code

        .code64
.code:  mov     edi, edi
        jmp     rdi

        .macro  REG64 name, number
        mov     \name, [LOW_BLOCK + BLOCK_REGS + 8 * \number]
        .endm

# long - Registers of the boot block; rdi = 0 there means the boot information.  Entry: 64-bit mode.  Exit: never.
long:   REG64   rax, GPR_RSP
        mov     esp, esp                        # the switch of modes leaves the upper half undefined
        test    rax, rax
        jz      .stack
        mov     rsp, rax
.stack: mov     rax, [LOW_BLOCK + BLOCK_ENTRY]
        push    rax
        REG64   rdi, GPR_RDI
        cmp     dword ptr [LOW_BLOCK + BLOCK_KIND], PAYLOAD_LONG
        jne     .regs
        mov     eax, LOW_BOOT
        test    rdi, rdi
        jnz     .regs
        mov     rdi, rax
.regs:  push    RFLAGS_ONE
        popfq
        REG64   rax, GPR_RAX
        REG64   rcx, GPR_RCX
        REG64   rdx, GPR_RDX
        REG64   rbx, GPR_RBX
        REG64   rbp, GPR_RBP
        REG64   rsi, GPR_RSI
        REG64   r8, GPR_R8
        REG64   r9, GPR_R9
        REG64   r10, GPR_R10
        REG64   r11, GPR_R11
        REG64   r12, GPR_R12
        REG64   r13, GPR_R13
        REG64   r14, GPR_R14
        REG64   r15, GPR_R15
        ret                                     # to the entry

text_nothing: .asciz "hvlab firmware: nothing to start\n"
