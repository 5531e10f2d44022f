# Expect: pass. MSR exits: all without a bitmap, by bit with one, always outside its ranges; #GP comes from the host's choice.
        .include "lib.s"
        .include "vmxlib.s"

test:   call    vmx_start
        GUEST   g_read
        RUN     RDMSR
        LENGTH  2
        EQ      dword ptr [AT_RCX], MSR_LSTAR
        GUEST   g_write
        RUN     WRMSR
        SET     PRIMARY_CONTROLS, PROC_MSR_BITMAPS
        PUT     MSR_BITMAPS, MSR_BITMAP
        GUEST   g_read
        RUN     VMCALL
        or      byte ptr [MSR_BITMAP + 0x400 + (MSR_LSTAR & 0x1FFF) / 8], 1 << (MSR_LSTAR & 7)
        GUEST   g_read
        RUN     RDMSR
        GUEST   g_write
        RUN     VMCALL                          # the write bits are others
        or      byte ptr [MSR_BITMAP + 0xC00 + (MSR_LSTAR & 0x1FFF) / 8], 1 << (MSR_LSTAR & 7)
        GUEST   g_write
        RUN     WRMSR
        or      byte ptr [MSR_BITMAP + MSR_APIC_BASE / 8], 1 << (MSR_APIC_BASE & 7)
        GUEST   g_low
        RUN     RDMSR
        GUEST   g_outside                       # 0x40000000: outside both ranges
        RUN     RDMSR
        PASS
g_read: mov     ecx, MSR_LSTAR
        rdmsr
        vmcall
g_write: mov    ecx, MSR_LSTAR
        xor     eax, eax
        xor     edx, edx
        wrmsr
        vmcall
g_low:  mov     ecx, MSR_APIC_BASE
        rdmsr
g_outside: mov  ecx, 0x40000000
        rdmsr
