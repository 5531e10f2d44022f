# Expect: pass. VMCS fields keep what is written, at their width; high halves of 64-bit fields have their own encodings.
        .include "lib.s"
        .include "vmxlib.s"

test:   call    vmx_start
        mov     rax, 0x123456789ABCDEF0
        PUT     GUEST_RIP, rax
        GET     rdx, GUEST_RIP
        EQ64    rdx, 0x123456789ABCDEF0
        PUT     GUEST_ES_SELECTOR, 0x12345678   # 16 bits
        GET     rdx, GUEST_ES_SELECTOR
        EQ      rdx, 0x5678
        mov     rax, 0x1234567890
        PUT     EXCEPTION_BITMAP, rax           # 32 bits
        GET     rdx, EXCEPTION_BITMAP
        EQ      rdx, 0x34567890
        mov     rax, 0x1111111122222222
        PUT     TSC_OFFSET, rax
        mov     ecx, VMCS_TSC_OFFSET + 1        # the high half
        vmread  rdx, rcx
        EQ      rdx, 0x11111111
        mov     eax, 0x33333333
        vmwrite rcx, rax
        GET     rdx, TSC_OFFSET
        EQ64    rdx, 0x3333333322222222
        mov     ecx, VMCS_GUEST_CR3
        mov     qword ptr [FREE], 0x4000
        vmwrite rcx, [FREE]                     # memory operands
        vmread  [FREE + 8], rcx
        EQ      qword ptr [FREE + 8], 0x4000
        mov     rcx, 1 << 32 | VMCS_GUEST_CR3   # bits 63:32 of the encoding must be 0
        vmread  rax, rcx
        FAILED  UNSUPPORTED_COMPONENT
        RING3
        EXPECT  VECTOR_GP
        vmread  rax, rcx
        CAUGHT
        RING0
        mov     qword ptr [rip + pointer], VMCS_REGION          # written back by VMCLEAR, found again
        vmclear [rip + pointer]
        vmptrld [rip + pointer]
        GET     rdx, GUEST_CR3
        EQ      rdx, 0x4000
        PASS
