# Expect: pass. Every form of an access to device memory does what it does to memory of ones; a register of the APIC keeps it; other forms are #GP(0).
        .include "hvlib.s"

        .equ    NOWHERE, 0xF0000000
        .equ    COUNT, MEMORY_LOCAL_APIC + APIC_INITIAL_COUNT * 16      # keeps all 32 bits
        .equ    VALUES, FREE                    # RAX RCX RDX RSI RDI R9 R15, flags, CELL of the first time
        .equ    CELL, FREE + 0x100
        .equ    ARITHMETIC, RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF

# SAME form - It leaves the same registers and flags when it reaches ones in memory and when it reaches no memory.
        .macro  SAME form
        mov     ebx, CELL
        call    prepare
        \form
        call    keep
        mov     ebx, NOWHERE
        call    prepare
        \form
        call    compare
        .endm
# KEEPS form - It leaves the same value in a register of the APIC as in memory, and the same flags.
        .macro  KEEPS form
        mov     ebx, CELL
        call    prepare
        \form
        call    keep
        mov     ebx, COUNT
        call    prepare
        \form
        call    compare
        mov     eax, [VALUES + 64]
        EQ      [r12], eax
        .endm
        .macro  REFUSED form
        EXPECT  VECTOR_GP
        \form
        CAUGHT
        .endm
# OPERATIONS - The operations that are known, in one form.
        .macro  OPERATIONS what, first, second
        \what   "add \first, \second"
        \what   "or \first, \second"
        \what   "and \first, \second"
        \what   "sub \first, \second"
        \what   "xor \first, \second"
        \what   "cmp \first, \second"
        .endm

test:   mov     r12d, COUNT
        SAME    "mov al, [rbx]"                 # ---- loads ----
        SAME    "mov dh, [rbx + 1]"
        SAME    "mov ax, [rbx]"
        SAME    "mov ecx, [rbx + rcx*2]"
        SAME    "mov rdx, [rbx + rcx - 4]"
        SAME    "mov r9, [rbx]"
        SAME    "mov r9d, [rbx]"
        SAME    "mov r9b, [rbx]"
        SAME    "mov r15w, [rbx + 0x7F]"
        SAME    "mov sil, [rbx]"
        SAME    "mov dil, [rbx + 0x100]"
        SAME    "mov eax, [ebx]"
        SAME    "mov eax, [ebx + ecx*4]"
        SAME    "mov edx, cs:[rbx]"
        SAME    "mov edx, fs:[rbx]"
        SAME    "movzx eax, byte ptr [rbx]"
        SAME    "movzx rdx, byte ptr [rbx]"
        SAME    "movzx cx, byte ptr [rbx]"
        SAME    "movzx esi, word ptr [rbx]"
        SAME    "movzx r9, word ptr [rbx]"
        SAME    "movsx eax, byte ptr [rbx]"
        SAME    "movsx dx, byte ptr [rbx]"
        SAME    "movsx rsi, byte ptr [rbx]"
        SAME    "movsx edi, word ptr [rbx]"
        SAME    "movsx r15, word ptr [rbx]"
        OPERATIONS SAME, al, [rbx]              # ---- operations ----
        OPERATIONS SAME, dh, [rbx]
        OPERATIONS SAME, cx, [rbx]
        OPERATIONS SAME, edx, [rbx]
        OPERATIONS SAME, rsi, [rbx]
        OPERATIONS SAME, r9, [rbx]
        OPERATIONS SAME, r15d, [rbx]
        OPERATIONS SAME, [rbx], al
        OPERATIONS SAME, [rbx], ch
        OPERATIONS SAME, [rbx], dx
        OPERATIONS SAME, [rbx], edi
        OPERATIONS SAME, [rbx], r9
        OPERATIONS SAME, byte ptr [rbx], 0x81
        OPERATIONS SAME, word ptr [rbx], 0x8001
        OPERATIONS SAME, dword ptr [rbx], 0x80000001
        OPERATIONS SAME, qword ptr [rbx], -0x7FFFFFFF
        OPERATIONS SAME, word ptr [rbx], -2
        OPERATIONS SAME, dword ptr [rbx], 5
        OPERATIONS SAME, qword ptr [rbx], -5
        SAME    "test [rbx], al"
        SAME    "test [rbx], dx"
        SAME    "test [rbx], esi"
        SAME    "test [rbx], r9"
        SAME    "test byte ptr [rbx], 0x80"
        SAME    "test word ptr [rbx], 0x7000"
        SAME    "test dword ptr [rbx], 0x80000000"
        SAME    "test qword ptr [rbx], -0x80000000"
        SAME    ".byte 0xF7, 0x0B, 0, 0, 0, 0x80"       # TEST [rbx], imm32 as /1

        APIC_WRITE APIC_LVT_TIMER, LVT_MASKED   # ---- what is kept ----
        KEEPS   "mov [rbx], eax"
        KEEPS   "mov [rbx], r9d"
        KEEPS   "mov dword ptr [rbx], 0x89ABCDEF"
        KEEPS   "mov [ebx + ecx*4 - 16], edi"
        OPERATIONS KEEPS, [rbx], eax
        OPERATIONS KEEPS, [rbx], r15d
        OPERATIONS KEEPS, dword ptr [rbx], 0x89ABCDEF
        OPERATIONS KEEPS, dword ptr [rbx], -3
        KEEPS   "test [rbx], edx"
        KEEPS   "mov edx, [rbx]"
        KEEPS   "add eax, [rbx]"
        call    prepare
        mov     byte ptr [rbx], 0               # a part of a register cannot be written, nor read past its end
        EQ      dword ptr [rbx], -1
        mov     word ptr [rbx], 0
        EQ      dword ptr [rbx], -1
        mov     dword ptr [rbx + 4], 0
        EQ      dword ptr [rbx], -1
        EQ      dword ptr [rbx + 4], 0
        EQ      qword ptr [rbx + 8], 0
        mov     rax, [rbx]
        mov     edx, -1
        EQ      rax, rdx
        movzx   eax, word ptr [rbx + 3]
        EQ      eax, 0xFF

        mov     rax, NOWHERE                    # ---- addresses in the instruction ----
        movabs  eax, [NOWHERE]
        EQ      eax, -1
        movabs  al, [NOWHERE + 1]
        movabs  [NOWHERE], rax
        movabs  [COUNT], eax
        mov     eax, 0x1234567
        movabs  [COUNT], eax
        xor     eax, eax
        movabs  eax, [COUNT]
        EQ      eax, 0x1234567

        mov     ebx, NOWHERE                    # ---- forms that are not known ----
        REFUSED "not dword ptr [rbx]"
        REFUSED "neg dword ptr [rbx]"
        REFUSED "mul dword ptr [rbx]"
        REFUSED "imul dword ptr [rbx]"
        REFUSED "div dword ptr [rbx]"
        REFUSED "idiv dword ptr [rbx]"
        REFUSED "not byte ptr [rbx]"
        REFUSED "adc [rbx], al"
        REFUSED "adc eax, [rbx]"
        REFUSED "sbb [rbx], eax"
        REFUSED "sbb rax, [rbx]"
        REFUSED "adc dword ptr [rbx], 5"
        REFUSED "sbb byte ptr [rbx], 5"
        REFUSED "sbb dword ptr [rbx], 0x12345"
        REFUSED "movsxd rax, dword ptr [rbx]"
        REFUSED "imul eax, [rbx]"
        REFUSED "cmovc eax, [rbx]"
        REFUSED "sete byte ptr [rbx]"
        REFUSED "bt dword ptr [rbx], 1"
        REFUSED "shl dword ptr [rbx], 1"
        REFUSED "xadd [rbx], eax"
        REFUSED "popcnt eax, [rbx]"
        REFUSED "movnti [rbx], eax"
        REFUSED "movbe eax, [rbx]"
        REFUSED "movq xmm0, qword ptr [rbx]"
        REFUSED "movups [rbx], xmm0"
        REFUSED "dec byte ptr [rbx]"
        REFUSED "call [rbx]"
        REFUSED "jmp [rbx]"
        REFUSED "lgdt [rbx]"

        PASS
# prepare - Ones at CELL, in the APIC's register and in RBX's place; known registers and flags.  Entry: rbx.
prepare:
        mov     qword ptr [CELL], -1
        mov     qword ptr [CELL + 8], -1
        mov     dword ptr [r12], -1
        mov     edi, CELL + 16
        mov     ecx, 0x40
        mov     rax, -1
        rep stosq
        mov     rax, 0x8877665544332211
        mov     ecx, 4
        mov     rdx, 0x0123456789ABCDEF
        mov     rsi, 0x7FFFFFFFFFFFFFFF
        mov     rdi, -0x123456789
        mov     r9, 0x8000000080008080
        mov     r15, 0x0F0F0F0F0F0F0F0F
        push    ARITHMETIC | RFLAGS_ONE
        popfq
        ret
keep:   pushfq
        mov     [VALUES], rax
        mov     [VALUES + 8], rcx
        mov     [VALUES + 16], rdx
        mov     [VALUES + 24], rsi
        mov     [VALUES + 32], rdi
        mov     [VALUES + 40], r9
        mov     [VALUES + 48], r15
        pop     qword ptr [VALUES + 56]
        mov     rax, [CELL]
        mov     [VALUES + 64], rax
        ret
compare:
        pushfq
        EQ      rax, [VALUES]
        EQ      rcx, [VALUES + 8]
        EQ      rdx, [VALUES + 16]
        EQ      rsi, [VALUES + 24]
        EQ      rdi, [VALUES + 32]
        EQ      r9, [VALUES + 40]
        EQ      r15, [VALUES + 48]
        pop     rax
        EQ      rax, [VALUES + 56]
        ret
