# memory.s - the memory map and the identity page tables.
#
# Source  ACPI, "System Address Map Interfaces"; the BIOS data area of the IBM PC AT Technical Reference; SDM 3A, "4-Level Paging
# and 5-Level Paging"

        .equ    BDA_EBDA, 0x40E                 # segment of the extended BIOS data area
        .equ    BDA_KIB, 0x413                  # KiB of memory below it

        .code32
# memory_map - Write the map at LOW_E820, and what the BIOS data area says of low memory.  Entry: memory size known.  Exit: nothing.
# Changes eax, ecx, edx, esi, edi.
memory_map:
        mov     esi, offset map_template
        mov     edi, LOW_E820
        mov     ecx, (map_end - map_template) / 4
        cld
        rep movsd
        mov     ecx, (map_above - map_template) / E820_SIZE
        mov     eax, [LOW_BOOT + BOOT_MEMORY]
        mov     edx, [LOW_BOOT + BOOT_MEMORY + 4]
        sub     eax, MEMORY_HOLE
        sbb     edx, 0
        jc      .below
        mov     [LOW_E820 + MAP_ABOVE + E820_LENGTH], eax
        mov     [LOW_E820 + MAP_ABOVE + E820_LENGTH + 4], edx
        or      edx, eax
        jz      .whole
        inc     ecx                             # RAM beyond the hole
.whole: xor     eax, eax
.below: add     eax, MEMORY_HOLE - LOW_HIGH
        mov     [LOW_E820 + MAP_HIGH + E820_LENGTH], eax
        mov     dword ptr [LOW_BOOT + BOOT_E820], LOW_E820
        mov     [LOW_BOOT + BOOT_E820_COUNT], ecx
        mov     word ptr [BDA_EBDA], LOW_EBDA >> 4
        mov     word ptr [BDA_KIB], LOW_EBDA >> 10
        ret

        .macro  RANGE base, length, type
        .quad   \base, \length
        .long   \type, 1
        .endm

map_template:
        RANGE   0, LOW_EBDA, E820_RAM
        RANGE   LOW_EBDA, 0xA0000 - LOW_EBDA, E820_RESERVED
        RANGE   LOW_ACPI, LOW_HIGH - LOW_ACPI, E820_RESERVED
map_high:
        RANGE   LOW_HIGH, 0, E820_RAM           # memory_map sets the length
        RANGE   MEMORY_IOAPIC, 0x1000, E820_RESERVED
        RANGE   MEMORY_LOCAL_APIC, 0x1000, E820_RESERVED
        RANGE   ROM, 0x20000, E820_RESERVED
map_above:
        RANGE   MEMORY_ABOVE, 0, E820_RAM       # only with more RAM than goes below the hole
map_end:
        .equ    MAP_HIGH, map_high - map_template
        .equ    MAP_ABOVE, map_above - map_template

        .equ    PRESENT, PDE_P | PDE_RW
        .equ    PRESENT_2M, PRESENT | PDE_2M_PS
# tables_build - Identity map of 4 GiB by 2 MiB pages at LOW_PML4.  Entry: nothing.  Exit: nothing.  Changes eax, ecx, edi.
tables_build:
        mov     edi, LOW_PML4
        mov     ecx, 6 * 0x1000 / 4
        xor     eax, eax
        cld
        rep stosd
        mov     dword ptr [LOW_PML4], LOW_PML4 + 0x1000 + PRESENT
        mov     edi, LOW_PML4 + 0x1000
        mov     eax, LOW_PML4 + 0x2000 + PRESENT
.pdpt:  mov     [edi], eax
        add     edi, 8
        add     eax, 0x1000
        cmp     edi, LOW_PML4 + 0x1000 + 4 * 8
        jb      .pdpt
        mov     edi, LOW_PML4 + 0x2000
        mov     eax, PRESENT_2M
.pd:    mov     [edi], eax
        add     edi, 8
        add     eax, 0x200000
        jnc     .pd                             # wraps after 4 GiB
        ret
