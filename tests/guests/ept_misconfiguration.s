# Expect: pass. Writable without readable, reserved bits and bad memory types are EPT misconfigurations, at any level.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    ENTRY, EPT_PD + (GUEST_RAM >> 21) * 8
        .macro  WRONG entry
        mov     rax, \entry
        mov     [ENTRY], rax
        mov     eax, INVEPT_TYPE_ALL
        invept  rax, [FREE]
        GUEST   guest
        RUN     EPT_MISCONFIG
        GET     rax, GUEST_PHYSICAL_ADDRESS
        EQ      rax, GUEST_RAM + 8
        .endm
test:   call    vmx_start
        mov     qword ptr [FREE], 0
        mov     qword ptr [FREE + 8], 0
        WRONG   GUEST_RAM | EPDE_2M_PS | EPT_WB | EPTE_W
        WRONG   GUEST_RAM | EPDE_2M_PS | EPT_WB | EPTE_W | EPTE_X
        WRONG   GUEST_RAM | EPDE_2M_PS | EPT_RWX | put(EPTE_TYPE, 2)
        WRONG   GUEST_RAM | EPDE_2M_PS | EPT_RWX | put(EPTE_TYPE, 7)
        WRONG   GUEST_RAM | EPDE_2M_PS | EPT_RWX | EPT_WB | 1 << 13
        WRONG   GUEST_RAM | EPDE_2M_PS | EPT_RWX | EPT_WB | 1 << 45
        WRONG   EPT_PT | EPT_RWX | EPT_WB       # bits 6:3 are reserved in an entry that names a table
        mov     rax, GUEST_RAM | EPDE_2M_PS | EPT_WB | EPT_RWX
        mov     [ENTRY], rax
        mov     eax, INVEPT_TYPE_ALL
        invept  rax, [FREE]
        RUN     VMCALL
        PASS
guest:  mov     rax, [GUEST_RAM + 8]
        vmcall
