# Expect: pass. An access to device memory by an instruction in two pages, by 32-bit code, and by 16-bit code with both sizes of addresses.
        .include "hvlib.s"

        .equ    NOWHERE, 0xF0000000
        .equ    COUNT, MEMORY_LOCAL_APIC + APIC_INITIAL_COUNT * 16      # keeps all 32 bits
        .equ    ONE_PAGE, FREE + 0x10000
        .equ    OTHER_PAGE, FREE + 0x20000

test:   mov     r12d, COUNT
        APIC_WRITE APIC_LVT_TIMER, LVT_MASKED
        MAP     0, ONE_PAGE + USER_PAGE         # ---- in two pages that are not neighbours ----
        MAP     1, OTHER_PAGE + USER_PAGE
        mov     ebp, 1
1:      mov     rdi, offset ONE_PAGE + 0x1000
        sub     rdi, rbp
        lea     rsi, [rip + crossing]
        mov     ecx, ebp
        rep movsb
        mov     edi, OTHER_PAGE
        mov     ecx, CROSSING
        sub     ecx, ebp
        rep movsb
        mov     dword ptr [r12], 0
        mov     rax, WINDOW + 0x1000
        sub     rax, rbp
        call    rax
        EQ      dword ptr [r12], 0x11223344
        inc     ebp
        cmp     ebp, CROSSING
        jb      1b
        mov     word ptr [ONE_PAGE + 0xFFE], 0x038B     # MOV EAX, [RBX], and nothing after it
        MAP     1, 0
        mov     ebx, NOWHERE
        xor     eax, eax
        mov     rcx, WINDOW + 0xFFE
        EXPECT_AT VECTOR_PF, NOTHING, WINDOW + 0x1000
        jmp     rcx
        CAUGHT
        EQ      eax, -1

        ljmp    fword ptr [rip + to_32]         # ---- 32-bit code ----
back:   mov     rsp, [rip + stack]
        EQ      dword ptr [r12], 0x600D32
        mov     rax, offset narrow              # ---- 16-bit code, at a base of its own ----
        mov     [scratch_descriptors + 2], ax
        shr     eax, 16
        mov     [scratch_descriptors + 4], al
        mov     byte ptr [scratch_descriptors + 5], 0x9B
        mov     word ptr [scratch_descriptors], 0xFFFF
        mov     word ptr [scratch_descriptors + 6], 0
        mov     rax, NOWHERE << 16 & 0xFFFFFF0000 | 0xFFFF | 0x93 << 40 | (NOWHERE >> 24) << 56
        mov     [scratch_descriptors + 8], rax
        xor     ebp, ebp
        xor     edi, edi
        ljmp    fword ptr [rip + to_16]
back_16:
        mov     rsp, [rip + stack]
        EQ      dword ptr [r12], 0x600D16
        PASS

        .code32
narrow_32:
        mov     ebx, NOWHERE
        mov     eax, [ebx]
        cmp     eax, -1
        jne     1f
        xor     eax, eax
        mov     ax, [ebx]
        cmp     eax, 0xFFFF
        jne     1f
        mov     al, [NOWHERE]                   # A0, with a 32-bit address
        mov     si, 4
        mov     bp, 0x10
        mov     ecx, 0x12345678
        add     ecx, [ebx + esi]                # all ones: one less
        cmp     ecx, 0x12345677
        jne     1f
        mov     word ptr [ebx + ecx*8 + 0x20], 5
        mov     eax, COUNT
        mov     dword ptr [eax], 0x600D00
        or      dword ptr [eax], 0x32
1:      ljmp    CODE64, back
        .code16
narrow: mov     ebx, NOWHERE
        xor     eax, eax
        mov     ax, [ebx]
        cmp     eax, 0xFFFF
        jne     1f
        mov     eax, [ebx]
        cmp     eax, -1
        jne     1f
        mov     eax, 0x1234
        cmp     word ptr [ebx + 4], -1
        jne     1f
        add     dword ptr [ebx], 0x10000
        jnc     1f
        mov     byte ptr [ebx + 0x12345], 1
        mov     ax, SCRATCH + 8                 # 16-bit addresses, in a segment that lies there
        mov     ds, ax
        mov     bx, 0x10
        mov     si, 4
        xor     ax, ax
        xor     cx, cx
        xor     dx, dx
        mov     ax, [bx]
        mov     cx, [bx + si + 0x12]
        mov     dx, [0x1234]
        and     ax, cx
        and     ax, dx
        and     ax, [bx + 0x1234]
        and     ax, [si]
        .byte   0x3E                            # DS, where SS is usual
        and     ax, [bp + di + 0x40]
        mov     word ptr [bx + si], 0x1234
        mov     byte ptr [si + 0x55], 0x12
        mov     word ptr [0x2000], 0x1234
        cmp     ax, -1
        mov     ax, DATA
        mov     ds, ax
        jne     1f
        mov     eax, COUNT
        mov     dword ptr [eax], 0x600D00
        or      dword ptr [eax], 0x16
1:      ljmp    CODE64, dword back_16
        .code64
crossing:
        mov     dword ptr [r12], 0x11223344
        ret
        .equ    CROSSING, . - crossing
        .align  8
to_32:  .long   narrow_32
        .word   CODE32
        .align  8
to_16:  .long   0
        .word   SCRATCH
        .align  8
stack:  .quad   STACK0 - 0x100
