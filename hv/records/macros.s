# macros.s - shorthands. Each says which registers it changes.

# field -> register: changes rcx and the register
        .macro  VMGET register, field
        mov     ecx, \field
        vmread  \register, rcx
        .endm

# register -> field: changes rcx
        .macro  VMPUT field, register
        mov     ecx, \field
        vmwrite rcx, \register
        .endm

# constant -> field: changes rax, rcx
        .macro  VMSET field, value
        mov     rax, \value
        mov     ecx, \field
        vmwrite rcx, rax
        .endm

# Take a lock of one word: changes nothing else
        .macro  SPIN lock
74:     lock bts dword ptr [\lock], 0
        jnc     75f
        pause
        jmp     74b
75:
        .endm

# Is a target in one of these states?  r10 = partition.  Exit: zero flag set and eax = status when it is not
        .macro  STATES allowed
        mov     eax, HVSTATUS_INVALID_PARTITION_STATE
        test    dword ptr [r10 + PART_STATE], \allowed
        .endm

# First row of a partition's ports (port_table.s): changes rax
        .macro  PORTS_OF
        lea     rax, [rel ports]
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jz      73f
        lea     rax, [rel ports_none]
73:
        .endm

# The event that comes next in the guest pushes RF set: changes rax (RFLAGS then), rcx
        .macro  RESUME_FLAG
        VMGET   rax, VMCS_GUEST_RFLAGS
        or      eax, RFLAGS_RF
        vmwrite rcx, rax
        .endm

# Ask for work before the next entry.  rbx = VP
        .macro  WORK bits
        or      dword ptr [rbx + VP_WORK], \bits
        .endm

# Print a message: changes rax, rcx, rdx, rsi
        .macro  SAY message
        lea     rsi, [rel \message]
        call    say
        .endm

# The eleven registers that the hot path leaves alone.  rsp or rbx = VP
        .macro  SAVE_REST
        mov     [rsp + VP_RBP], rbp
        mov     [rsp + VP_RSI], rsi
        mov     [rsp + VP_RDI], rdi
        mov     [rsp + VP_R8], r8
        mov     [rsp + VP_R9], r9
        mov     [rsp + VP_R10], r10
        mov     [rsp + VP_R11], r11
        mov     [rsp + VP_R12], r12
        mov     [rsp + VP_R13], r13
        mov     [rsp + VP_R14], r14
        mov     [rsp + VP_R15], r15
        .endm

        .macro  LOAD_GUEST
        mov     rax, [rsp + VP_RAX]
        mov     rcx, [rsp + VP_RCX]
        mov     rdx, [rsp + VP_RDX]
        mov     rbx, [rsp + VP_RBX]
        mov     rbp, [rsp + VP_RBP]
        mov     rsi, [rsp + VP_RSI]
        mov     rdi, [rsp + VP_RDI]
        mov     r8, [rsp + VP_R8]
        mov     r9, [rsp + VP_R9]
        mov     r10, [rsp + VP_R10]
        mov     r11, [rsp + VP_R11]
        mov     r12, [rsp + VP_R12]
        mov     r13, [rsp + VP_R13]
        mov     r14, [rsp + VP_R14]
        mov     r15, [rsp + VP_R15]
        .endm

# field -> register, keeping rcx
        .macro  VMGET_KEEP register, field
        push    rcx
        mov     ecx, \field
        vmread  \register, rcx
        pop     rcx
        .endm
