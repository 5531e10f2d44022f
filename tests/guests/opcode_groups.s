# Expect: pass. Unused members of opcode groups raise #UD.
        .include "lib.s"

test:   UNDEFINED "0xC7, 0xC8, 0, 0, 0, 0"      # C7 /1
        UNDEFINED "0xC6, 0xC8, 0"               # C6 /1
        UNDEFINED "0xFE, 0xD0"                  # FE /2
        UNDEFINED "0xFF, 0xF8"                  # FF /7
        UNDEFINED "0x0F, 0xBA, 0xC0, 0"         # 0F BA /0
        UNDEFINED "0x0F, 0x00, 0xF0"            # 0F 00 /6
        UNDEFINED "0x0F, 0x01, 0xE8"            # 0F 01 /5 with a register: SERIALIZE, not offered
        UNDEFINED "0x0F, 0xC7, 0xC8"            # CMPXCHG8B with a register
        UNDEFINED "0xFF, 0xD8"                  # far CALL with a register
        PASS
