# reset.s - pulse the processor's reset line by the keyboard controller.
#
# Entry   LONG state of hv/README.md, "What a partition finds"
# Exit    0xE000_0003
# Source  hv/README.md, "What a partition finds"

        .use    platform
        .org    0x100000
        .equ    PULSE_RESET, 0xFE               # command of the 8042: output port bit 0 low

start:  mov     al, PULSE_RESET
        out     PORT_KEY_COMMAND, al
        cli
        hlt
