# processor.s - registers that firmware sets on every processor.
#
# Source  SDM 3A, "Memory Type Range Registers (MTRRs)"; SDM 3D, "Enabling and Entering VMX Operation"

        .equ    DEVICE_HOLE, 0xC0000000         # uncached: 3 GiB to 4 GiB
        .equ    FIXED_WB, MEMTYPE_WB * 0x01010101       # four ranges

        .code32
# processor_init - Memory types; VMX allowed and locked.  Entry: nothing.  Exit: nothing.  Changes eax, ebx, ecx, edx, esi.
processor_init:
        mov     eax, LEAF_FEATURES
        cpuid
        mov     esi, ecx
        test    edx, FEATURE_D_MTRR
        jz      .vmx
        mov     ebx, offset mtrr_rows           # fixed ranges: MSR, low half, high half
.fixed: mov     ecx, [ebx]
        test    ecx, ecx
        jz      .hole
        mov     eax, [ebx + 4]
        mov     edx, eax
        wrmsr
        add     ebx, 8
        jmp     .fixed
.hole:  mov     eax, LEAF_ADDRESSES
        cpuid
        mov     cl, al
        sub     cl, 32
        mov     ebx, 1
        shl     ebx, cl
        dec     ebx                             # high half of the address mask
        mov     ecx, MSR_MTRR_PHYSBASE0
        mov     eax, DEVICE_HOLE                # type 0: uncached
        xor     edx, edx
        wrmsr
        mov     ecx, MSR_MTRR_PHYSMASK0
        mov     eax, DEVICE_HOLE | PHYSMASK_V
        mov     edx, ebx
        wrmsr
        mov     ecx, MSR_MTRR_DEF_TYPE
        mov     eax, MTRRDEF_E | MTRRDEF_FE | MEMTYPE_WB
        xor     edx, edx
        wrmsr

.vmx:   test    esi, FEATURE_C_VMX
        jz      .done
        mov     ecx, MSR_FEATURE_CONTROL
        rdmsr
        test    eax, FEATURE_CONTROL_LOCK
        jnz     .done                           # kept over INIT
        mov     eax, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX
        xor     edx, edx
        wrmsr
.done:  ret

# lint_init - First processor only: 8259 pair through LINT0, NMI through LINT1.  Entry: nothing.  Exit: nothing.
# Keeps every register.
# Source  SDM 3A, "Local Vector Table"; MultiProcessor Specification, "Virtual Wire Mode"
lint_init:
        mov     dword ptr [MEMORY_LOCAL_APIC + APIC_SVR*16], SVR_ENABLE | 0xFF
        mov     dword ptr [MEMORY_LOCAL_APIC + APIC_LVT_LINT0*16], put(LVT_MODE, DELIVERY_EXTINT)
        mov     dword ptr [MEMORY_LOCAL_APIC + APIC_LVT_LINT1*16], put(LVT_MODE, DELIVERY_NMI)
        ret

        .align  4
mtrr_rows:
        .long   MSR_MTRR_FIX64K_00000, FIXED_WB
        .long   MSR_MTRR_FIX16K_80000, FIXED_WB
        .long   MSR_MTRR_FIX16K_A0000, 0        # VGA
        .long   MSR_MTRR_FIX4K_C0000, FIXED_WB, MSR_MTRR_FIX4K_C8000, FIXED_WB
        .long   MSR_MTRR_FIX4K_D0000, FIXED_WB, MSR_MTRR_FIX4K_D8000, FIXED_WB
        .long   MSR_MTRR_FIX4K_E0000, FIXED_WB, MSR_MTRR_FIX4K_E8000, FIXED_WB
        .long   MSR_MTRR_FIX4K_F0000, FIXED_WB, MSR_MTRR_FIX4K_F8000, FIXED_WB
        .long   0
