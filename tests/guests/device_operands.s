# Expect: pass. What the processor's own instructions name in a device's page are accesses to the device.
        .include "lib.s"

        .equ    APIC_PAGE, MEMORY_LOCAL_APIC
        .equ    TPR, APIC_PAGE + 16 * APIC_TPR
        .equ    INITIAL, APIC_PAGE + 16 * APIC_INITIAL_COUNT
        .equ    BRIDGE, 0x80000000              # register 0 of the host bridge: configuration address

test:   mov     r8d, INITIAL
        mov     r9d, TPR
        mov     edx, PORT_PCI_ADDRESS           # OUTS reads a register, INS writes one
        mov     eax, BRIDGE
        mov     [r8], eax
        mov     esi, INITIAL
        outsd
        mov     eax, 0
        in      eax, dx
        EQ      eax, BRIDGE
        EQ      esi, INITIAL + 4
        mov     eax, 0x40
        mov     [r9], eax
        mov     edx, PORT_PCI_DATA
        in      eax, dx
        mov     ecx, eax
        mov     edi, INITIAL
        mov     ecx, 1
        rep insd
        EQ      eax, [r8]
        EQ      ecx, 0
        EQ      edi, INITIAL + 4

        mov     eax, 0xFFFF                     # LMSW: the low half of a register
        mov     ebx, CR0_PE | CR0_MP
        mov     [r8], ebx
        mov     rax, cr0
        lmsw    [r8]
        mov     rcx, cr0
        and     ecx, CR0_PE | CR0_MP | CR0_EM | CR0_TS
        EQ      ecx, CR0_PE | CR0_MP
        mov     cr0, rax
        mov     dword ptr [r8], 0               # LLDT: a null selector
        lldt    [r8]
        sldt    eax
        EQ      eax, 0

        mov     dword ptr [r8], 0          # a PCID and an address of registers: nothing reserved in them
        mov     eax, 2
        mov     ebx, INITIAL
        invpcid rax, [ebx]
        mov     eax, 4                          # no such type
        EXPECT  VECTOR_GP
        invpcid rax, [ebx]
        CAUGHT
        mov     dword ptr [r9], 0
        mov     dword ptr [r8], 0
        PASS
