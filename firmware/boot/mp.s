# mp.s - MP floating pointer structure and configuration table at LOW_MP, for software that does not read ACPI.
#
# Source  MultiProcessor Specification 1.4, "MP Configuration Table"

        .equ    MP_HEADER, LOW_MP + 16          # the configuration table follows the pointer
        .equ    MP_LENGTH, 4
        .equ    MP_CHECKSUM, 7
        .equ    MP_COUNT, 34
        .equ    MP_PROCESSOR, 20                # bytes of a processor entry
        .equ    MP_ENABLED, 0x01
        .equ    MP_FIRST, 0x02                  # the bootstrap processor
        .equ    MP_APIC_VERSION, 0x14

        .code32
# mp_build - Pointer, header, processors, then bus, I/O APIC and interrupts; checksums.  Entry: nothing.  Exit: nothing.
# Changes all but esp.
mp_build:
        mov     eax, 1
        cpuid
        mov     ebp, eax                        # signature; edx: features
        mov     esi, offset mp_template
        mov     edi, LOW_MP
        mov     ecx, mp_bus - mp_template
        cld
        rep movsb
        xor     ecx, ecx                        # processor, by APIC ID
.next:  mov     byte ptr [edi], 0
        mov     [edi + 1], cl
        mov     byte ptr [edi + 2], MP_APIC_VERSION
        mov     al, MP_ENABLED
        test    ecx, ecx
        jnz     .flags
        or      al, MP_FIRST
.flags: mov     [edi + 3], al
        mov     [edi + 4], ebp
        mov     [edi + 8], edx
        mov     dword ptr [edi + 12], 0
        mov     dword ptr [edi + 16], 0
        add     edi, MP_PROCESSOR
        inc     ecx
        cmp     ecx, [LOW_BOOT + BOOT_PROCESSORS]
        jb      .next
        mov     eax, ecx
        add     eax, MP_REST
        mov     [MP_HEADER + MP_COUNT], ax
        mov     ecx, mp_end - mp_bus            # esi is there
        rep movsb

        sub     edi, MP_HEADER
        mov     [MP_HEADER + MP_LENGTH], di
        mov     ecx, edi
        mov     eax, MP_HEADER
        mov     edi, MP_HEADER + MP_CHECKSUM
        call    checksum
        mov     eax, LOW_MP
        mov     ecx, 16
        mov     edi, LOW_MP + 10
        jmp     checksum

        .macro  SOURCE line, pin, flags         # I/O interrupt assignment: of ISA line to pin
        .byte   3, 0
        .word   \flags
        .byte   0, \line, 0, \pin
        .endm
        .align  16
mp_template:
        .ascii  "_MP_"
        .long   MP_HEADER
        .byte   1, 4, 0                         # 16 bytes, revision 1.4, checksum
        .byte   0, 0, 0, 0, 0                   # a configuration table is there; virtual wire mode
mp_table:
        .ascii  "PCMP"
        .word   0                               # length
        .byte   4, 0
        .ascii  "HVLAB   "
        .ascii  "HVLAB PC    "
        .long   0
        .word   0, 0
        .long   MEMORY_LOCAL_APIC
        .word   0
        .byte   0, 0
        .assert mp_table - mp_template == 16, "the pointer has 16 bytes"
        .assert mp_bus - mp_table == 44, "the header has 44 bytes"
mp_bus: .byte   1, 0
        .ascii  "ISA   "
        .byte   2, 0, 0x20, 1                   # I/O APIC with ID 0, enabled
        .long   MEMORY_IOAPIC
mp_interrupts:
        .byte   3, 3                            # 8259 pair: ExtINT on pin 0
        .word   0
        .byte   0, 0, 0, PIN_EXTINT
        SOURCE  IRQ_PIT, PIN_PIT, 0
        SOURCE  1, 1, 0
        SOURCE  3, 3, 0
        SOURCE  4, 4, 0
        SOURCE  5, 5, 0
        SOURCE  6, 6, 0
        SOURCE  7, 7, 0
        SOURCE  8, 8, 0
        SOURCE  IRQ_SCI, IRQ_SCI, 0x000D        # active high, level
        SOURCE  10, 10, 0
        SOURCE  11, 11, 0
        SOURCE  12, 12, 0
        SOURCE  13, 13, 0
        SOURCE  14, 14, 0
        SOURCE  15, 15, 0
        .byte   4, 3                            # ExtINT on LINT0, NMI on LINT1 of every processor
        .word   0
        .byte   0, 0, 0xFF, 0
        .byte   4, 1
        .word   0
        .byte   0, 0, 0xFF, 1
mp_end:
        .equ    MP_REST, 2 + (mp_end - mp_interrupts) / 8       # entries besides processors
