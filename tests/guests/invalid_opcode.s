# Expect: pass. Undefined instructions raise #UD without error code at their own address.
        .include "lib.s"

test:   UNDEFINED "0x0F, 0x0B"                  # UD2
        UNDEFINED "0x0F, 0xB9, 0xC0"            # UD1
        UNDEFINED "0x0F, 0xFF, 0xC0"            # UD0
        UNDEFINED "0x06"                        # PUSH ES
        UNDEFINED "0x37"                        # AAA
        UNDEFINED "0xCE"                        # INTO
        UNDEFINED "0x60"                        # PUSHA
        UNDEFINED "0xD4, 0x0A"                  # AAM
        UNDEFINED "0x9A, 0, 0, 0, 0, 8, 0"      # CALL ptr16:32
        UNDEFINED "0x82, 0xC0, 1"
        UNDEFINED "0x8E, 0xC8"                  # MOV CS, EAX
        UNDEFINED "0x0F, 0x20, 0xC8"            # MOV RAX, CR1
        UNDEFINED "0x0F, 0x22, 0xE8"            # MOV CR5, RAX
        UNDEFINED "0x8D, 0xC0"                  # LEA with a register
        UNDEFINED "0x0F, 0x0A"
        UNDEFINED "0x0F, 0x01, 0xC1"            # VMCALL outside VMX
        UNDEFINED "0x0F, 0x01, 0xC2"            # VMLAUNCH
        UNDEFINED "0x0F, 0xAA"                  # RSM outside SMM
        PASS
