# Expect: pass. MSR lists are loaded at entry and exit and stored at exit; a bad entry fails by reason 34 and its number.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    LOAD, 0x2B0000
        .equ    STORE, 0x2B1000
        .equ    BACK, 0x2B2000
        .macro  ENTRY at, msr, value
        mov     dword ptr [\at], \msr
        mov     dword ptr [\at + 4], 0
        mov     rax, \value
        mov     [\at + 8], rax
        .endm
test:   call    vmx_start
        ENTRY   LOAD, MSR_KERNEL_GS_BASE, 0x111000
        ENTRY   LOAD + 16, MSR_LSTAR, 0x222000
        ENTRY   STORE, MSR_KERNEL_GS_BASE, 0
        ENTRY   BACK, MSR_KERNEL_GS_BASE, 0x333000
        PUT     ENTRY_MSR_LOAD_ADDRESS, LOAD
        PUT     ENTRY_MSR_LOAD_COUNT, 2
        PUT     EXIT_MSR_STORE_ADDRESS, STORE
        PUT     EXIT_MSR_STORE_COUNT, 1
        PUT     EXIT_MSR_LOAD_ADDRESS, BACK
        PUT     EXIT_MSR_LOAD_COUNT, 1
        SET     PRIMARY_CONTROLS, PROC_MSR_BITMAPS
        PUT     MSR_BITMAPS, MSR_BITMAP
        GUEST   guest
        RUN     VMCALL
        EQ      dword ptr [AT_RBX], 0x111000
        EQ      qword ptr [STORE + 8], 0x111008
        RDMSR   MSR_KERNEL_GS_BASE
        EQ      rax, 0x333000
        RDMSR   MSR_LSTAR
        EQ      rax, 0x222000                   # nothing loads it back
        ENTRY   LOAD + 16, MSR_FS_BASE, 0       # not allowed in a list
        GUEST   guest
        call    vmx_run
        EQ      eax, offset (EXIT_ENTRY_FAILURE | REASON_ENTRY_MSR_LOAD)
        QUALIFIED 2
        PASS
guest:  mov     ecx, MSR_KERNEL_GS_BASE
        rdmsr
        mov     ebx, eax
        add     eax, 8
        wrmsr
        vmcall
