# gva.s - a parent lets a linear address of a child be translated.
#
# Source  TLFS, "HvCallTranslateVirtualAddress"

        .record TRANSLATE
        .field  PARTITION, 8
        .field  VP, 8
        .field  CONTROL, 8
        .field  PAGE, 8                         # linear page number
        .endrecord
        .equ    WANT_READ, 1
        .equ    WANT_WRITE, 2
        .equ    WANT_EXECUTE, 4
        .equ    WANT_EXEMPT, 8                  # as at privilege level 0
        .equ    FOUND_ABSENT, 1
        .equ    FOUND_PRIVILEGE, 2
        .equ    FOUND_UNMAPPED, 4
        .equ    FOUND_NO_READ, 5
        .equ    FOUND_NO_WRITE, 6

# call_translate - HvCallTranslateVirtualAddress.  Entry, Exit, Keeps: as a handler of calls.
call_translate:
        call    map_target
        jc      1f
        mov     ecx, [rsi + TRANSLATE_VP]
        call    target_vp
        jc      1f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     rdx, [rsi + TRANSLATE_CONTROL]
        test    rdx, ~(WANT_READ | WANT_WRITE | WANT_EXECUTE | WANT_EXEMPT)
        jnz     1f
        test    edx, WANT_READ | WANT_WRITE | WANT_EXECUTE
        jz      1f
        push    rsi
        call    vp_hold
        pop     rsi
        jc      call_once_more
        push    r12
        push    r13
        mov     r12, rsi
        mov     r13, [rbx + VP_CALL_OUTPUT]
        push    r11
        call    vp_borrow
        call    translate_walk
        call    vp_return
        pop     r11
        mov     [r13], rax
        mov     [r13 + 8], rdx
        pop     r13
        pop     r12
        call    vp_release
        xor     eax, eax
1:      ret

# translate_walk - Entry: r12 = input, rbp = partition, its VP loaded.
# Exit: rax = result (code, cache type, overlay), rdx = page number.
# Keeps rbx, rbp, r12-r15.
translate_walk:
        mov     edi, [r12 + TRANSLATE_CONTROL]
        xor     esi, esi
        test    edi, WANT_WRITE
        jz      1f
        or      esi, PFEC_WR
1:      test    edi, WANT_EXECUTE
        jz      2f
        or      esi, PFEC_ID
2:      test    edi, WANT_EXEMPT
        jnz     3f
        call    guest_cpl
        cmp     eax, 3
        jne     3f
        or      esi, PFEC_US
3:      mov     rdi, [r12 + TRANSLATE_PAGE]
        shl     rdi, 12
        push    r12
        call    guest_walk
        pop     r12
        jc      5f
        mov     rdi, rax
        mov     rdx, rax
        shr     rdx, 12
        push    rdx
        call    ept_find
        mov     ecx, FOUND_UNMAPPED
        test    rax, rax
        jz      4f
        mov     ecx, FOUND_NO_READ
        test    eax, EPTE_R
        jz      4f
        xor     ecx, ecx
        test    dword ptr [r12 + TRANSLATE_CONTROL], WANT_WRITE
        jz      4f
        test    eax, EPTE_W
        jnz     4f
        mov     ecx, FOUND_NO_WRITE
4:      push    rcx
        call    overlay_find                    # rdi = address
        mov     eax, MEMTYPE_WB
        jz      6f
        or      eax, 1 << 8
6:      shl     rax, 32
        pop     rcx
        or      rax, rcx
        pop     rdx
        ret
5:      xor     edx, edx
        mov     ecx, FOUND_PRIVILEGE
        test    eax, PFEC_P
        mov     eax, FOUND_ABSENT
        cmovnz  eax, ecx
        ret
