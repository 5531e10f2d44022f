# Expect: pass. REP MOVS, STOS and CMPS leave RCX, RSI and RDI at the element that faults.
        .include "lib.s"

test:   MAP     0, FREE + USER_PAGE
        cld
        mov     edi, WINDOW + 0xFF0
        mov     ecx, 100
        mov     al, 0x77
        EXPECT  VECTOR_PF, PFEC_WR
        rep stosb
        CAUGHT
        EQ      ecx, 84
        EQ      rdi, offset WINDOW + 0x1000
        EQ      dword ptr [FREE + 0xFFC], 0x77777777
        mov     esi, WINDOW + 0xFF0
        mov     edi, FREE + 0x2000
        mov     ecx, 10
        EXPECT  VECTOR_PF, 0
        rep movsq
        CAUGHT
        EQ      ecx, 8
        EQ      rsi, offset WINDOW + 0x1000
        EQ      rdi, FREE + 0x2010
        mov     esi, FREE
        mov     edi, WINDOW + 0xFFF
        mov     ecx, 10
        EXPECT  VECTOR_PF, PFEC_WR
        rep movsb
        CAUGHT
        EQ      ecx, 9
        EQ      rsi, FREE + 1
        mov     byte ptr [FREE + 0xFFF], 0x77
        mov     edi, WINDOW + 0xFFE
        mov     al, 0x77
        mov     ecx, 5
        EXPECT  VECTOR_PF, 0
        repe scasb
        CAUGHT
        EQ      ecx, 3
        EQ      rdi, offset WINDOW + 0x1000
        PASS
