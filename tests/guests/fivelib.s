# fivelib.s - tables of five levels: the library's below 256 TiB, and pages that no 48-bit address reaches.
#
# Source  SDM 3A, "4-Level Paging and 5-Level Paging"

        .equ    PML5, FREE + 0x10000
        .equ    PML4, FREE + 0x11000            # of the upper addresses
        .equ    PDPT, FREE + 0x12000
        .equ    PD, FREE + 0x13000
        .equ    PT, FREE + 0x14000
        .equ    PAGE_A, FREE + 0x18000
        .equ    PAGE_B, FREE + 0x19000
        .equ    CODE_PAGE, FREE + 0x1A000       # mov eax, 0x1234; ret
        .equ    PAGE_C, FREE + 0x1B000
        .equ    HIGH_5, 0x0A1
        .equ    HIGH_4, 0x102                   # bit 47 is set
        .equ    HIGH_3, 0x033
        .equ    HIGH_2, 0x044
        .equ    HIGH, HIGH_5 << 48 | HIGH_4 << 39 | HIGH_3 << 30 | HIGH_2 << 21
        .equ    NEGATIVE, 0xFF00000000000000 | HIGH_4 << 39 | HIGH_3 << 30 | HIGH_2 << 21

# five_tables - Pages at HIGH: A, B, code, A not executable; then a 2 MiB page of 2..4 MiB; then the lowest 2 MiB.
# NEGATIVE is the same.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdi.
five_tables:
        mov     edi, PML5
        mov     ecx, 0x5000 / 8
        xor     eax, eax
        cld
        rep stosq
        mov     dword ptr [PML5], TABLES + USER_PAGE
        mov     dword ptr [PML5 + HIGH_5 * 8], PML4 + USER_PAGE
        mov     dword ptr [PML5 + 0x100 * 8], PML4 + USER_PAGE
        mov     dword ptr [PML4 + HIGH_4 * 8], PDPT + USER_PAGE
        mov     dword ptr [PDPT + HIGH_3 * 8], PD + USER_PAGE
        mov     dword ptr [PD + HIGH_2 * 8], PT + USER_PAGE
        mov     dword ptr [PD + HIGH_2 * 8 + 8], 0x200000 + USER_PAGE + PDE_PS
        mov     dword ptr [PD + HIGH_2 * 8 + 16], USER_PAGE + PDE_PS
        mov     dword ptr [PT], PAGE_A + USER_PAGE
        mov     dword ptr [PT + 8], PAGE_B + USER_PAGE
        mov     dword ptr [PT + 16], CODE_PAGE + USER_PAGE
        mov     dword ptr [PT + 24], PAGE_A + USER_PAGE
        mov     dword ptr [PT + 28], 0x80000000 # XD
        mov     rax, 0x1122334455667788
        mov     [PAGE_A], rax
        mov     qword ptr [PAGE_C], 0x33
        mov     rax, 0xC300001234B8
        mov     [CODE_PAGE], rax
        ret
