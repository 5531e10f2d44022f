# Expect: pass. Without AVX every VEX and EVEX instruction is #UD, but BMI1 and BMI2 work; their reserved forms are #UD.
        .include "lib.s"

test:   lea     rbx, [rip + memory]
        nop
        UNDEFINED "0xC5, 0xF8, 0x77"                    # VZEROUPPER
        UNDEFINED "0xC5, 0xF8, 0x58, 0xC1"              # VADDPS
        UNDEFINED "0xC5, 0xF9, 0x6E, 0xC0"              # VMOVD
        UNDEFINED "0xC5, 0xFC, 0x28, 0x03"              # VMOVAPS of 256 bits
        UNDEFINED "0xC4, 0xE2, 0x7D, 0x18, 0x03"        # VBROADCASTSS
        UNDEFINED "0xC4, 0xE3, 0x7D, 0x19, 0xC0, 0x01"  # VEXTRACTF128
        UNDEFINED "0xC4, 0xE1, 0xF8, 0x90, 0x03"        # KMOV
        UNDEFINED "0xC5, 0xF8, 0x05"                    # no SYSCALL
        UNDEFINED "0xC5, 0xF8, 0xA2"                    # no CPUID
        UNDEFINED "0x62, 0xF1, 0x7C, 0x48, 0x58, 0xC1"  # EVEX VADDPS
        UNDEFINED "0xC4, 0xE2, 0x79, 0xF2, 0xC2"        # ANDN with 66
        UNDEFINED "0xC4, 0xE2, 0x74, 0xF2, 0xC2"        # ANDN with L = 1
        UNDEFINED "0xC4, 0xE2, 0x70, 0xF3, 0xC0"        # group 17, reg 0
        mov     eax, 0xFF00F0F0
        mov     ecx, 0x0F0FFFFF
        andn    edx, eax, ecx
        EQ      edx, 0x000F0F0F
        blsr    edx, eax
        EQ      edx, 0xFF00F0E0
        blsi    edx, eax
        EQ      edx, 0x10
        mov     ecx, 0x0804
        bextr   edx, eax, ecx
        EQ      edx, 0x0F
        mov     ecx, 8
        bzhi    edx, eax, ecx
        EQ      edx, 0xF0
        rorx    edx, eax, 4
        EQ      edx, 0x0FF00F0F
        shlx    edx, eax, ecx
        EQ      edx, 0x00F0F000
        sarx    edx, eax, ecx
        EQ      edx, 0xFFFF00F0
        shrx    edx, eax, ecx
        EQ      edx, 0x00FF00F0
        mov     edx, 0x10000
        mulx    esi, edi, eax
        EQ      esi, 0xFF00
        EQ      edi, 0xF0F00000
        mov     ecx, 0xF0F0
        pext    edx, eax, ecx
        EQ      edx, 0xFF
        mov     edx, 0xA5
        pdep    edx, edx, ecx
        EQ      edx, 0xA050
        PASS
        .align  64
memory: .fill   64, 1
