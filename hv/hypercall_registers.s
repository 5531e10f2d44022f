# hypercall_registers.s - HvCallGetVpRegisters and HvCallSetVpRegisters of a VP on itself.
#
# Every register of the table can be read.  General registers, CR2, CR8 and the SYSCALL MSRs can be written; what would
# change the mode of the caller under its feet (RIP, RFLAGS, CR0, CR3, CR4, EFER, segments, tables) is INVALID_PARAMETER.
# Source  TLFS, "HvCallGetVpRegisters", "Virtual Processor Registers"

        .record REGS
        .field  PARTITION, 8
        .field  VP, 4
        .field  VTL, 4
        .endrecord
        .equ    REGS_SET_VALUE, 16

# regs_header - Entry: rsi = header.  Exit: eax = status.
regs_header:
        mov     eax, HVSTATUS_INVALID_PARTITION_ID
        cmp     qword ptr [rsi + REGS_PARTITION], -1            # HV_PARTITION_ID_SELF
        jne     1f
        mov     eax, HVSTATUS_INVALID_VP_INDEX
        mov     ecx, [rsi + REGS_VP]
        cmp     ecx, SELF_VP
        je      2f
        cmp     ecx, [rbx + VP_INDEX]
        jne     1f
2:      mov     eax, HVSTATUS_INVALID_PARAMETER
        test    dword ptr [rsi + REGS_VTL], ~0x10 & 0xFFFFFFFF  # VTL 0, named or not
        jnz     1f
        xor     eax, eax
1:      ret

# regs_find - Entry: ecx = name.  Exit: r9 = row and r10 = its argument for this name, zero flag set when unknown.  Changes eax.
regs_find:
        lea     r9, [rel regs]
1:      mov     eax, [r9 + REG_FIRST]
        cmp     eax, 0xFFFFFFFF
        je      2f
        cmp     ecx, eax
        jb      3f
        cmp     ecx, [r9 + REG_LAST]
        ja      3f
        sub     ecx, eax
        imul    ecx, [r9 + REG_STRIDE]
        mov     r10d, [r9 + REG_ARGUMENT]
        add     r10d, ecx
        test    r9, r9
        ret
3:      add     r9, REG_SIZE
        jmp     1b
2:      ret

call_get_register:
        call    regs_header
        test    eax, eax
        jnz     1f
        mov     ecx, [r8]
        mov     r8, r9                          # 16 bytes of result
        call    regs_find
        mov     eax, HVSTATUS_UNKNOWN_REGISTER_NAME
        jz      1f
        xor     edx, edx
        call    qword ptr [r9 + REG_READ]       # rdx:rax
        mov     [r8], rax
        mov     [r8 + 8], rdx
        xor     eax, eax
1:      ret

call_set_register:
        call    regs_header
        test    eax, eax
        jnz     1f
        mov     ecx, [r8]
        mov     rsi, [r8 + REGS_SET_VALUE]
        call    regs_find
        mov     eax, HVSTATUS_UNKNOWN_REGISTER_NAME
        jz      1f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     qword ptr [r9 + REG_WRITE], 0
        je      1f
        jmp     qword ptr [r9 + REG_WRITE]      # rsi = value; exit eax = status
1:      ret

# Readers: r10 = argument, exit rdx:rax, rdx = 0 at entry.  Writers: rsi = value, exit eax = status.
reg_word:
        mov     rax, [rbx + r10 + VP_RAX]
        ret
reg_word_write:
        mov     [rbx + r10 + VP_RAX], rsi
        xor     eax, eax
        ret
reg_partition:
        mov     rax, [rbp + r10]
        ret
reg_field:
        vmread  rax, r10
        ret
reg_rsp_write:
        vmwrite r10, rsi
        xor     eax, eax
        ret
reg_cr0:
        mov     edx, CR0_OURS
        jmp     reg_masked
reg_cr4:
        mov     rdx, ~CR4_GUEST
reg_masked:                                     # what the guest would read: shadow for our bits
        vmread  rax, r10
        lea     ecx, [r10 + VMCS_CR0_READ_SHADOW - VMCS_GUEST_CR0]
        cmp     r10d, VMCS_GUEST_CR0
        je      1f
        mov     ecx, VMCS_CR4_READ_SHADOW
1:      vmread  rcx, rcx
        and     rcx, rdx
        not     rdx
        and     rax, rdx
        or      rax, rcx
        xor     edx, edx
        ret
reg_cr2:
        mov     rax, cr2
        ret
reg_cr2_write:
        mov     cr2, rsi
        xor     eax, eax
        ret
reg_cr8:
        mov     eax, [rbx + VP_APIC + APIC_TPR*16]
        shr     eax, 4
        ret
reg_cr8_write:
        mov     eax, HVSTATUS_INVALID_REGISTER_VALUE
        cmp     rsi, 15
        ja      1f
        shl     esi, 4
        mov     [rbx + VP_APIC + APIC_TPR*16], esi
        WORK    WORK_EVENT
        xor     eax, eax
1:      ret
reg_msr:
        mov     ecx, r10d
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        xor     edx, edx
        ret
reg_base_write:                                 # addresses must be canonical as WRMSR checks it
        mov     rax, rsi
        sar     rax, LINEAR_BITS - 1
        inc     rax
        cmp     rax, 1
        mov     eax, HVSTATUS_INVALID_REGISTER_VALUE
        ja      1b
reg_msr_write:
        mov     ecx, r10d
        mov     rax, rsi
        mov     rdx, rsi
        shr     rdx, 32
        wrmsr
        xor     eax, eax
        ret
reg_tsc:
        call    tsc_now
        add     rax, [rbx + VP_TSC_OFFSET]
        xor     edx, edx
        ret
reg_time:
        call    reference_time
        xor     edx, edx
        ret
reg_constant:
        mov     eax, r10d
        ret
reg_privileges:
        mov     rax, [rbp + PART_PRIVILEGES]
        mov     rdx, FEATURES << 32
        ret
