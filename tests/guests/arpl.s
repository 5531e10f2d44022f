# Expect: pass. ARPL is one read-modify-write of its operand: it faults as a write, also where the RPL stays as it is.
        .include "lib.s"
        .include "modelib.s"

        .equ    PDPT, FREE + 0x1000             # PAE: the library's page directories
        .equ    READ_ONLY, FREE + 0x2000
        .equ    CHANGED, FREE + 0x3000
        .equ    KEPT, FREE + 0x4000
        .equ    FAULTS, RESULTS + 0x40          # error code and CR2 of each page fault

test:   MAP     0, 0                            # absent
        MAP     1, READ_ONLY + PTE_P
        MAP     2, CHANGED + PTE_P | PTE_RW
        MAP     3, KEPT + PTE_P | PTE_RW
        mov     dword ptr [READ_ONLY], 0x00130010       # RPL 0, and 3
        mov     dword ptr [CHANGED], 0x12340011
        mov     dword ptr [KEPT], 0x12340013
        LEAVE_LONG
        lidt    [idt32_pointer]
        GATE32  VECTOR_PF, on_pf
        mov     dword ptr [PDPT], TABLES + 0x2000 + PTE_P
        mov     dword ptr [PDPT + 4], 0
        mov     dword ptr [PDPT + 8], TABLES + 0x3000 + PTE_P
        mov     dword ptr [PDPT + 12], 0
        mov     dword ptr [PDPT + 16], 0
        mov     dword ptr [PDPT + 24], 0
        mov     eax, PDPT
        mov     cr3, eax
        mov     eax, cr0
        or      eax, CR0_PG | CR0_WP
        mov     cr0, eax
        mov     ecx, 2
        mov     ebx, WINDOW
.fault0: arpl   [ebx], cx
.fault1: arpl   [ebx + 0x1000], cx
.fault2: arpl   [ebx + 0x1002], cx              # its RPL is 3 already
.fault3: arpl   [ebx + 0xFFF], cx               # the first page comes first
.fault4: mov    dx, [ebx + 0x1002]              # a read may
        arpl    [ebx + 0x2000], cx
        setz    [RESULTS]
        arpl    [ebx + 0x3000], cx
        setz    [RESULTS + 1]
        mov     eax, 0x12345670
        arpl    ax, cx
        mov     [RESULTS + 4], eax
        mov     eax, cr0
        and     eax, ~CR0_PG & 0xFFFFFFFF
        mov     cr0, eax
        ENTER_LONG
        EQ      dword ptr [FAULTS], PFEC_WR
        EQ      dword ptr [FAULTS + 4], WINDOW
        EQ      dword ptr [FAULTS + 8], PFEC_P | PFEC_WR
        EQ      dword ptr [FAULTS + 12], WINDOW + 0x1000
        EQ      dword ptr [FAULTS + 16], PFEC_P | PFEC_WR
        EQ      dword ptr [FAULTS + 20], WINDOW + 0x1002
        EQ      dword ptr [FAULTS + 24], PFEC_WR
        EQ      dword ptr [FAULTS + 28], WINDOW + 0xFFF
        EQ      dword ptr [count], 4
        EQ      word ptr [RESULTS], 1
        EQ      dword ptr [RESULTS + 4], 0x12345672
        EQ      dword ptr [READ_ONLY], 0x00130010
        EQ      dword ptr [CHANGED], 0x12340012
        EQ      dword ptr [KEPT], 0x12340013
        NOBITS  qword ptr [WINDOW_PT + 8], PTE_D
        BITS    qword ptr [WINDOW_PT + 16], PTE_A | PTE_D
        BITS    qword ptr [WINDOW_PT + 24], PTE_A | PTE_D
        PASS

        .code32
on_pf:  pop     esi
        mov     eax, [count]
        mov     [FAULTS + eax*8], esi
        mov     esi, cr2
        mov     [FAULTS + 4 + eax*8], esi
        inc     dword ptr [count]
        mov     esi, [places + eax*4]
        mov     [esp], esi
        iretd
        .align  4
count:  .long   0
places: .long   test.fault1, test.fault2, test.fault3, test.fault4
        .code64
