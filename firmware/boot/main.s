# main.s - the firmware's course, in 32-bit protected mode with paging off.
#
# Entry   from reset.s: flat segments, interrupts off, esp = LOW_STACK
# Exit    jumps to the payload (handover.s), or ends the run when there is none
# Source  firmware/boot/README.md

        .code32
# main - Entry: from reset.s.  Exit: never.
main:   call    uart_init
        call    pic_init
        call    a20_init
        call    screen_clear
        call    fwcfg_read                      # [BOOT + processors], [BOOT + memory]
        call    memory_map
        call    acpi_build
        call    mp_build
        call    processor_init                  # MSRs and local APIC of this processor
        call    lint_init
        mov     eax, [LOW_BLOCK + BLOCK_KIND]
        cmp     eax, PAYLOAD_FLAT
        je      .others                         # it runs without paging
        cmp     eax, PAYLOAD_LINUX
        je      .others
        call    tables_build
.others:
        call    others_start
        call    banner
        jmp     handover

# banner - Print "hvlab firmware: N processors, M MiB".  Entry: nothing.  Exit: nothing.  Changes eax, ecx, edx, esi.
banner: mov     esi, offset text_name
        call    print
        mov     eax, [LOW_BOOT + BOOT_PROCESSORS]
        call    print_number
        mov     esi, offset text_processors
        call    print
        mov     eax, [LOW_BOOT + BOOT_MEMORY]
        mov     edx, [LOW_BOOT + BOOT_MEMORY + 4]
        shrd    eax, edx, 20
        call    print_number
        mov     esi, offset text_mib
        jmp     print

# pic_init - Leave the 8259 pair at vectors 0x08 and 0x70, as PC firmware does, all lines masked.  Entry: nothing.  Exit: nothing.
# Changes eax.
# Source  Intel 8259A data sheet, "Initialization Command Words"
pic_init:
        mov     al, 0x11                        # ICW1: edge, cascade, ICW4 follows
        out     PORT_PIC1, al
        out     PORT_PIC2, al
        mov     al, 0x08                        # ICW2: vectors
        out     PORT_PIC1_DATA, al
        mov     al, 0x70
        out     PORT_PIC2_DATA, al
        mov     al, 1 << IRQ_CASCADE            # ICW3
        out     PORT_PIC1_DATA, al
        mov     al, IRQ_CASCADE
        out     PORT_PIC2_DATA, al
        mov     al, 0x01                        # ICW4: 8086 mode
        out     PORT_PIC1_DATA, al
        out     PORT_PIC2_DATA, al
        mov     al, 0xFF
        out     PORT_PIC1_DATA, al
        out     PORT_PIC2_DATA, al
        ret

# a20_init - Address line 20 follows the processor.  Entry: nothing.  Exit: nothing.  Changes eax.
a20_init:
        in      al, PORT_SYSTEM_A
        or      al, 0x02
        and     al, 0xFE                        # bit 0 would reset
        out     PORT_SYSTEM_A, al
        ret

# screen_clear - Blank the text screen: spaces, grey on black.  Entry: nothing.  Exit: nothing.  Changes eax, ecx, edi.
screen_clear:
        mov     edi, MEMORY_VGA_TEXT
        mov     ecx, 80 * 25 / 2
        mov     eax, 0x07200720
        cld
        rep stosd
        ret

text_name:       .asciz "hvlab firmware: "
text_processors: .asciz " processors, "
text_mib:        .asciz " MiB\n"
