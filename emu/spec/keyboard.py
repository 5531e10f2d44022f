"""Keyboard controller (8042) and keyboard: commands, status, ports."""
from emu.bits import codes, layout

KBC = codes("KBC", 'IBM PS/2 Technical Reference, "Keyboard Controller"',
    READ_COMMAND=(0x20, "read command byte"), WRITE_COMMAND=(0x60, "write command byte"), AUX_OFF=(0xA7, "disable auxiliary port"),
    AUX_ON=(0xA8, "enable auxiliary port"), AUX_TEST=(0xA9, "test auxiliary port"), SELF_TEST=(0xAA, "self test"),
    KEY_TEST=(0xAB, "test keyboard port"), KEY_OFF=(0xAD, "disable keyboard"), KEY_ON=(0xAE, "enable keyboard"),
    READ_INPUT=(0xC0, "read input port"), READ_OUTPUT=(0xD0, "read output port"), WRITE_OUTPUT=(0xD1, "write output port"),
    WRITE_KEY=(0xD2, "write keyboard output buffer"), WRITE_AUX=(0xD3, "write auxiliary output buffer"),
    TO_AUX=(0xD4, "write to auxiliary device"), A20_OFF=(0xDD, "disable A20"), A20_ON=(0xDF, "enable A20"),
    PULSE=(0xF0, "0xF0-0xFF: pulse output bits 3:0 that are 0; bit 0 resets"))

KBSTATUS = layout("KBSTATUS", 8, 'IBM PS/2 Technical Reference, "Status Register"',
    OUTPUT=(0, 0, "output buffer full"), INPUT=(1, 1, "input buffer full"), SYSTEM=(2, 2, "self test passed"),
    COMMAND=(3, 3, "last write was a command"), UNLOCKED=(4, 4, "keyboard not locked"))

KBCOMMAND = layout("KBCOMMAND", 8, 'IBM PS/2 Technical Reference, "Command Byte"',
    IRQ1=(0, 0, "keyboard interrupt"), IRQ12=(1, 1, "auxiliary interrupt"), SYSTEM=(2, 2, "system flag"),
    KEY_OFF=(4, 4, "keyboard disabled"), AUX_OFF=(5, 5, "auxiliary port disabled"), TRANSLATE=(6, 6, "scan code set 1"))

KBOUTPUT = layout("KBOUTPUT", 8, 'IBM PS/2 Technical Reference, "Output Port"',
    RUN=(0, 0, "0 resets the processor"), A20=(1, 1, "address line 20"), IRQ1=(4, 4, "output buffer full"))

KEYBOARD = codes("KEYBOARD_COMMAND", 'IBM PS/2 Technical Reference, "Keyboard"',
    LEDS=(0xED, "set indicators"), ECHO=(0xEE, "echo"), CODES=(0xF0, "scan code set"), IDENTIFY=(0xF2, "identify"),
    RATE=(0xF3, "typematic rate"), ENABLE=(0xF4, "start scanning"), DISABLE=(0xF5, "stop scanning, defaults"),
    DEFAULTS=(0xF6, "defaults"), RESEND=(0xFE, "send the last byte again"), RESET=(0xFF, "reset and self test"),
    ACKNOWLEDGE=(0xFA, "answer: acknowledged"), PASSED=(0xAA, "answer: self test passed"), ID1=(0xAB, "answer: keyboard"),
    ID2=(0x83, "answer: keyboard, second byte"))

SYSTEM_A = layout("SYSTEM_A", 8, 'IBM PS/2 Technical Reference, "System Control Port A"',
    RESET=(0, 0, "a change from 0 to 1 resets the processor"), A20=(1, 1, "address line 20"))
