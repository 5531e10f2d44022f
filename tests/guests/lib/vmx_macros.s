# vmx_macros.s - VMCS accesses that must succeed, failures by number, entering the guest.
#
# Source  SDM 3C, "Conventions" (VMsucceed, VMfail); SDM 3D, "VMX Instructions"

# PUT field, value; GET register, field - VMWRITE and VMREAD that must succeed.  PUT changes rax, rcx.
        .macro  PUT field, value
        mov     rax, \value
        mov     ecx, VMCS_\field
        vmwrite rcx, rax
        .set    CHECK, CHECK + 1
        ja      79f
        FAIL    CHECK
79:
        .endm
        .macro  GET register, field
        mov     ecx, VMCS_\field
        vmread  \register, rcx
        .set    CHECK, CHECK + 1
        ja      79f
        FAIL    CHECK
79:
        .endm
# SET field, bits / CLEAR field, bits - Change control bits.
        .macro  SET field, bits
        GET     rdx, \field
        mov     eax, \bits
        or      rdx, rax
        PUT     \field, rdx
        .endm
        .macro  CLEAR field, bits
        GET     rdx, \field
        mov     eax, \bits
        not     rax
        and     rdx, rax
        PUT     \field, rdx
        .endm
# FAILED error - CF = 0 and ZF = 1, and this number in the VM-instruction error field.
        .macro  FAILED error
        .set    CHECK, CHECK + 1
        ja      78f
        jz      79f
78:     FAIL    CHECK
79:     GET     rax, VM_INSTRUCTION_ERROR
        EQ      eax, VMERROR_\error
        .endm
# FAILED_INVALID - CF = 1: no current VMCS.  SUCCEEDED - All arithmetic flags are 0.
        .macro  FAILED_INVALID
        .set    CHECK, CHECK + 1
        jc      79f
        FAIL    CHECK
79:
        .endm
        .macro  SUCCEEDED
        .set    CHECK, CHECK + 1
        ja      79f
        FAIL    CHECK
79:
        .endm

# GUEST label - Let the guest go on at this address.  RUN reason - Enter it; it must exit so.  Changes rax, rcx, rdx.
        .macro  GUEST label
        PUT     GUEST_RIP, \label
        .endm
        .macro  RUN reason
        call    vmx_run
        EQ      eax, REASON_\reason
        .endm
# QUALIFIED value - The exit qualification.  LONG_BY n - The instruction length.  SKIP - Move RIP past the instruction.
        .macro  QUALIFIED value
        GET     rax, EXIT_QUALIFICATION
        mov     rdx, \value
        EQ      rax, rdx
        .endm
        .macro  LENGTH n
        GET     rax, EXIT_INSTRUCTION_LENGTH
        EQ      eax, \n
        .endm
        .macro  SKIP
        GET     rax, EXIT_INSTRUCTION_LENGTH
        GET     rdx, GUEST_RIP
        add     rdx, rax
        PUT     GUEST_RIP, rdx
        .endm
# REG name - Operand: a general register of the guest, as it was at the exit and will be at the next entry.
        .equ    AT_RAX, guest_registers
        .equ    AT_RCX, guest_registers + 8
        .equ    AT_RDX, guest_registers + 16
        .equ    AT_RBX, guest_registers + 24
        .equ    AT_RSI, guest_registers + 40
        .equ    AT_RDI, guest_registers + 48

# SPLIT_RAM - 4 KiB pages for the 2 MiB around GUEST_RAM.  Changes rax, rcx, rdi.
        .macro  SPLIT_RAM
        mov     edi, EPT_PT
        mov     eax, GUEST_RAM & ~0x1FFFFF | EPT_RWX | EPT_WB
        mov     ecx, 512
77:     mov     [rdi], rax
        add     edi, 8
        add     eax, 0x1000
        loop    77b
        mov     dword ptr [EPT_PD + (GUEST_RAM >> 21) * 8], EPT_PT | EPT_RWX
        .endm
# RIGHTS rights - What EPT gives of the page GUEST_RAM, after SPLIT_RAM.
        .macro  RIGHTS rights
        mov     dword ptr [EPT_PT], GUEST_RAM | EPT_WB | \rights
        call    flush
        .endm
