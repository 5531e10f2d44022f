# Expect: pass. 32-bit paging: 4 KiB and 4 MiB pages, A and D, permissions, error codes and CR2.
        .include "lib.s"
        .include "modelib.s"

        .equ    DIRECTORY, 0x40000
        .equ    TABLE32, 0x41000
        .equ    VIRTUAL, 0x10000000
test:   LEAVE_LONG
        lidt    [idt32_pointer]
        GATE32  VECTOR_PF, on_pf
        mov     edi, DIRECTORY                  # 4 MiB pages over everything
        mov     eax, 0x83
.fill:  mov     [edi], eax
        add     edi, 4
        add     eax, 0x400000
        jnc     .fill
        mov     edi, TABLE32
        mov     ecx, 1024
        xor     eax, eax
        cld
        rep stosd
        mov     dword ptr [DIRECTORY + (VIRTUAL >> 22) * 4], TABLE32 + 7
        mov     dword ptr [TABLE32], FREE + 3
        mov     dword ptr [TABLE32 + 4], FREE + 0x1001
        mov     dword ptr [TABLE32 + 8], FREE + 0x2003
        mov     dword ptr [FREE], 0x1234
        mov     eax, cr4
        and     eax, ~CR4_PAE & 0xFFFFFFFF
        or      eax, CR4_PSE
        mov     cr4, eax
        mov     eax, DIRECTORY
        mov     cr3, eax
        mov     eax, cr0
        or      eax, CR0_PG
        mov     cr0, eax
        jmp     .on
.on:    mov     eax, [VIRTUAL]
        mov     [RESULTS], eax
        mov     ebx, [TABLE32]                  # A, not D
        mov     [RESULTS + 4], ebx
        mov     dword ptr [VIRTUAL], 5
        mov     ebx, [TABLE32]
        mov     [RESULTS + 8], ebx
        mov     edx, offset .ro
        mov     dword ptr [VIRTUAL + 0x1004], 5 # read-only, CR0.WP
.ro:    mov     eax, [RESULTS + 0x20]
        mov     [RESULTS + 0x10], eax
        mov     eax, [RESULTS + 0x24]
        mov     [RESULTS + 0x14], eax
        mov     edx, offset .np
        mov     eax, [VIRTUAL + 0x3008]
.np:    mov     eax, [RESULTS + 0x20]
        mov     [RESULTS + 0x18], eax
        mov     eax, [RESULTS + 0x24]
        mov     [RESULTS + 0x1C], eax
        mov     eax, cr0
        and     eax, ~CR0_PG & 0xFFFFFFFF
        mov     cr0, eax
        ENTER_LONG
        EQ      dword ptr [RESULTS], 0x1234
        EQ      dword ptr [RESULTS + 4], FREE + 0x23
        EQ      dword ptr [RESULTS + 8], FREE + 0x63
        EQ      dword ptr [FREE], 5
        EQ      dword ptr [RESULTS + 0x10], PFEC_P | PFEC_WR
        EQ      dword ptr [RESULTS + 0x14], VIRTUAL + 0x1004
        EQ      dword ptr [RESULTS + 0x18], 0
        EQ      dword ptr [RESULTS + 0x1C], VIRTUAL + 0x3008
        PASS
        .code32
on_pf:  pop     dword ptr [RESULTS + 0x20]
        mov     eax, cr2
        mov     [RESULTS + 0x24], eax
        mov     [esp], edx                      # go on there
        iretd
        .code64
