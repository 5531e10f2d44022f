# gpa_access.s - a parent reads and writes up to 16 bytes of a child's guest-physical memory.
#
# Source  TLFS, "HvCallReadGpa", "HvCallWriteGpa"

        .record GPA_ACCESS
        .field  PARTITION, 8
        .field  VP, 4
        .field  COUNT, 4
        .field  ADDRESS, 8
        .field  CONTROL, 8                      # cache type
        .field  DATA, 16
        .endrecord
        .equ    GPA_UNMAPPED, 1
        .equ    GPA_NO_READ, 2
        .equ    GPA_NO_WRITE, 3
        .equ    GPA_OVERLAY, 4
        .equ    CACHE_TYPES, 1 << MEMTYPE_UC | 1 << MEMTYPE_WC | 1 << MEMTYPE_WT | 1 << MEMTYPE_WP | 1 << MEMTYPE_WB

# gpa_access - Entry: rsi = input, rbp = caller.
# Exit: rdi = host address, r8d = EPT rights, eax = access code, carry clear; or eax = status and carry set.  r9d = code of a write
# that is not allowed.  Keeps rsi, rbx, rbp, r12-r15.
gpa_access:
        call    map_target
        jc      2f
        mov     ecx, [rsi + GPA_ACCESS_VP]
        call    target_vp
        jc      2f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     ecx, [rsi + GPA_ACCESS_COUNT]
        lea     edx, [rcx - 1]
        cmp     edx, 16
        jae     1f
        mov     rdi, [rsi + GPA_ACCESS_ADDRESS]
        mov     rdx, rdi
        shr     rdx, shift(GPA_LIMIT)
        jnz     1f
        mov     edx, edi
        and     edx, PAGE - 1
        add     edx, ecx
        cmp     edx, PAGE
        ja      1f
        mov     rdx, [rsi + GPA_ACCESS_CONTROL]
        cmp     rdx, 7
        ja      1f
        mov     r8d, CACHE_TYPES
        bt      r8d, edx
        jnc     1f
        push    rbp
        mov     rbp, r10
        call    ept_find
        mov     r8, rax
        push    rsi
        push    rdi
        call    overlay_find                    # zero flag: none
        pop     rdi
        pop     rsi
        pop     rbp
        mov     ecx, GPA_NO_WRITE
        mov     edx, GPA_OVERLAY
        cmovnz  ecx, edx
        mov     r9d, ecx                        # what a write that is not allowed is called
        mov     eax, GPA_UNMAPPED
        test    r8, r8
        jz      3f
        mov     rdx, WALK_ADDRESS
        and     rdx, r8
        and     edi, PAGE - 1
        add     rdi, rdx
        xor     eax, eax
3:      clc
        ret
1:      stc
2:      ret

# call_read_gpa - HvCallReadGpa.  Entry, Exit, Keeps: as a handler of calls.
call_read_gpa:
        push    rdi
        call    gpa_access
        pop     rdx                             # output
        jc      .done
        xor     ecx, ecx
        mov     [rdx + 8], rcx
        mov     [rdx + 16], rcx
        test    eax, eax
        jnz     .code
        test    r8d, EPTE_R
        jnz     2f
        mov     eax, GPA_NO_READ
.code:  mov     [rdx], rax
        xor     eax, eax
        ret
2:      mov     [rdx], rax
        mov     ecx, [rsi + GPA_ACCESS_COUNT]
        mov     rsi, rdi
        lea     rdi, [rdx + 8]
        rep movsb
.done:  ret

# call_write_gpa - HvCallWriteGpa.  Entry, Exit, Keeps: as a handler of calls.
call_write_gpa:
        push    rdi
        call    gpa_access
        pop     rdx
        jc      call_read_gpa.done
        test    eax, eax
        jnz     call_read_gpa.code
        test    r8d, EPTE_W
        jnz     4f
        mov     eax, r9d
        jmp     call_read_gpa.code
4:      mov     [rdx], rax
        mov     ecx, [rsi + GPA_ACCESS_COUNT]
        add     rsi, GPA_ACCESS_DATA
        rep movsb
        ret
