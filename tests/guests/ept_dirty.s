# Expect: pass. With bit 6 of EPTP, EPT entries get accessed and dirty bits; guest page-table accesses count as writes.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    ENTRY, EPT_PD + (GUEST_RAM >> 21) * 8
        .equ    TABLES_ENTRY, EPT_PD + (TABLES >> 21) * 8
        .equ    ACCESSED, EPTE_A
        .equ    DIRTY, EPTE_D
test:   call    vmx_start
        mov     ecx, VMXMSR_EPT_VPID_CAP
        rdmsr
        test    eax, EPTCAP_AD
        jz      none
        GUEST   g_read
        RUN     VMCALL
        NOBITS  dword ptr [ENTRY], ACCESSED | DIRTY     # off
        GET     rax, EPT_POINTER
        or      rax, EPTP_AD
        PUT     EPT_POINTER, rax
        GUEST   g_read
        RUN     VMCALL
        BITS    dword ptr [ENTRY], ACCESSED
        NOBITS  dword ptr [ENTRY], DIRTY
        BITS    dword ptr [TABLES_ENTRY], DIRTY
        BITS    dword ptr [EPT_PML4], ACCESSED
        GUEST   g_write
        RUN     VMCALL
        BITS    dword ptr [ENTRY], DIRTY
none:   PASS
g_read: mov     rax, [GUEST_RAM]
        vmcall
g_write: mov    [GUEST_RAM], rax
        vmcall
