# Expect: pass. PAE paging: PDPTEs are loaded by MOV CR3 and checked; 2 MiB and 4 KiB pages; XD.
        .include "lib.s"
        .include "modelib.s"

        .equ    PDPT, 0x40000
        .equ    PD, 0x41000
        .equ    PT, 0x42000
        .equ    VIRTUAL, 0x10000000
test:   mov     byte ptr [FREE + 0x1000], 0xC3  # RET
        LEAVE_LONG
        lidt    [idt32_pointer]
        GATE32  VECTOR_PF, on_pf
        GATE32  VECTOR_GP, on_gp
        mov     edi, PDPT
        mov     ecx, 0x3000 / 4
        xor     eax, eax
        cld
        rep stosd
        mov     dword ptr [PDPT], PD + 1
        mov     edi, PD
        mov     eax, 0x83
        mov     ecx, 512
.fill:  mov     [edi], eax
        add     edi, 8
        add     eax, 0x200000
        loop    .fill
        mov     dword ptr [PD + (VIRTUAL >> 21) * 8], PT + 7
        mov     dword ptr [PT], FREE + 3
        mov     dword ptr [PT + 8], FREE + 0x1003
        mov     dword ptr [PT + 12], 0x80000000 # XD
        mov     dword ptr [FREE], 0x1234
        mov     eax, cr4
        or      eax, CR4_PAE
        mov     cr4, eax
        mov     eax, PDPT
        mov     cr3, eax
        mov     eax, cr0
        or      eax, CR0_PG
        mov     cr0, eax
        jmp     .on
.on:    mov     eax, [VIRTUAL]
        mov     [RESULTS], eax
        mov     eax, [PT]
        mov     [RESULTS + 4], eax
        mov     edx, offset .xd
        mov     eax, VIRTUAL + 0x1000
        call    eax
.xd:    mov     eax, [RESULTS + 0x20]
        mov     [RESULTS + 0x10], eax
        mov     edx, offset .np                 # third GiB: no PDPTE
        mov     eax, [0x80000000]
.np:    mov     eax, [RESULTS + 0x20]
        mov     [RESULTS + 0x18], eax
        mov     edx, offset .bad
        mov     dword ptr [PDPT + 8], PD + 3    # reserved bit 1 in a PDPTE
        mov     eax, cr3
        mov     cr3, eax
.bad:   mov     eax, [RESULTS + 0x28]
        mov     [RESULTS + 0x1C], eax
        mov     dword ptr [PDPT + 8], PD + 1    # not loaded yet, so not there
        mov     edx, offset .old
        mov     eax, [0x40000000]
.old:   mov     eax, cr0
        and     eax, ~CR0_PG & 0xFFFFFFFF
        mov     cr0, eax
        ENTER_LONG
        EQ      dword ptr [RESULTS], 0x1234
        EQ      dword ptr [RESULTS + 4], FREE + 0x23
        EQ      dword ptr [RESULTS + 0x10], PFEC_P | PFEC_ID
        EQ      dword ptr [RESULTS + 0x18], 0
        EQ      dword ptr [RESULTS + 0x1C], 0xD
        EQ      dword ptr [RESULTS + 0x24], 0x40000000
        PASS
        .code32
on_pf:  pop     dword ptr [RESULTS + 0x20]
        mov     eax, cr2
        mov     [RESULTS + 0x24], eax
        mov     [esp], edx
        iretd
on_gp:  add     esp, 4
        mov     dword ptr [RESULTS + 0x28], 0xD
        mov     [esp], edx
        iretd
        .code64
