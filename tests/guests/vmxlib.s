# vmxlib.s - VMX for guest programs: included after lib.s.  One VMCS, one EPT, a guest in the same address space.
#
# Source  SDM 3D, "Software Use of Virtual-Machine Extensions"; SDM 3C, "Virtual-Machine Control Structures"

        .use    vmx, vmcs

        .equ    VMXON_REGION, 0x280000
        .equ    VMCS_REGION, 0x281000
        .equ    VMCS2_REGION, 0x282000
        .equ    MSR_BITMAP, 0x283000
        .equ    IO_BITMAPS, 0x284000            # two pages
        .equ    EPT_PML4, 0x290000              # then PDPT and four PDs
        .equ    EPT_PD, EPT_PML4 + 0x2000
        .equ    EPT_PT, EPT_PML4 + 0x6000       # for one split 2 MiB page
        .equ    GUEST_STACK, 0x2A0000
        .equ    GUEST_RAM, 0x400000             # a page of the guest's own

        .equ    CODE64_AR, put(AR_TYPE, 11) | AR_S | AR_P | AR_L | AR_G
        .equ    CODE32_AR, put(AR_TYPE, 11) | AR_S | AR_P | AR_DB | AR_G
        .equ    CODE16_AR, put(AR_TYPE, 11) | AR_S | AR_P
        .equ    DATA_AR, put(AR_TYPE, 3) | AR_S | AR_P | AR_DB | AR_G
        .equ    DATA16_AR, put(AR_TYPE, 3) | AR_S | AR_P
        .equ    TSS_AR, put(AR_TYPE, 11) | AR_P
        .equ    EPT_RWX, EPTE_R | EPTE_W | EPTE_X
        .equ    EPT_WB, put(EPTE_TYPE, MEMTYPE_WB)

        .include "lib/vmx_macros.s"
        .include "lib/vmx_state.s"
        .include "lib/vmx_run.s"
