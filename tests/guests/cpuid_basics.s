# Expect: pass. CPUID: vendor, leaf ranges, long mode, agreement of MAXPHYADDR with page tables; OSXSAVE follows CR4.
        .include "lib.s"

test:   xor     eax, eax
        cpuid
        EQ      ebx, 0x756E6547                 # GenuineIntel
        EQ      edx, 0x49656E69
        EQ      ecx, 0x6C65746E
        ABOVE   eax, 6
        mov     eax, 0x80000000
        cpuid
        ABOVE   eax, 0x80000007
        mov     eax, 0x80000001
        cpuid
        BITS    edx, 1 << 29                    # long mode
        BITS    edx, 1 << 20                    # XD
        mov     eax, 0x80000008
        cpuid
        movzx   ecx, al
        ABOVE   ecx, 35
        BELOW   ecx, 53
        EQ      ah, LINEAR_BITS
        mov     ebx, 1                          # the first address bit beyond MAXPHYADDR is reserved in a PTE
        shl     rbx, cl
        lea     rax, [rbx + FREE + USER_PAGE]
        mov     [WINDOW_PT], rax
        mov     rbx, WINDOW
        EXPECT  VECTOR_PF, PFEC_P | PFEC_RSVD
        mov     rcx, [rbx]
        CAUGHT
        mov     rcx, 0x1234567800000001
        mov     eax, ecx
        mov     rbx, -1
        mov     rdx, -1
        cpuid                                   # results are zero-extended
        shr     rbx, 32
        EQ      rbx, 0
        shr     rdx, 32
        EQ      rdx, 0
        mov     eax, 1
        cpuid
        NOBITS  ecx, FEATURE_C_OSXSAVE
        test    ecx, FEATURE_C_XSAVE
        jz      done
        mov     rax, cr4
        or      rax, CR4_OSXSAVE
        mov     cr4, rax
        mov     eax, 1
        cpuid
        BITS    ecx, FEATURE_C_OSXSAVE
        xor     ecx, ecx
        xgetbv
        BITS    eax, 1
        mov     eax, 2                          # XCR0.x87 must stay
        xor     edx, edx
        EXPECT  VECTOR_GP
        xsetbv
        CAUGHT
done:   PASS
