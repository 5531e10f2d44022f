# overlay.s - the hypercall page: a frame of ours over a page of the guest.
#
# Source  TLFS, "Establishing the Hypercall Interface", "GPA Overlay Pages"

# overlay_on - Lay our frame over the guest's page that the MSR names.  Entry: rbp = partition.
overlay_on:
        mov     rax, [rbp + PART_CALL_FRAME]
        test    rax, rax
        jnz     1f
        mov     edi, PAGE
        mov     esi, PAGE
        call    frames_take
        mov     [rbp + PART_CALL_FRAME], rax
        mov     rdi, rax
        mov     ecx, PAGE
        mov     al, 0xCC
        rep stosb
        mov     rax, [rbp + PART_CALL_FRAME]
        mov     edx, [rel hypercall_code]
        mov     [rax], edx
1:      mov     rdi, [rbp + PART_HYPERCALL]
        and     rdi, -PAGE
        lea     rsi, [rdi + 1]
        mov     [rbp + PART_CALL_OLD], rsi
        lea     rsi, [rax + EPT_CODE]
        call    ept_map
        jmp     ept_flush

# overlay_off - Give the page back to the guest.  Entry: rbp = partition.
overlay_off:
        mov     rdi, [rbp + PART_CALL_OLD]
        test    rdi, rdi
        jz      1f
        dec     rdi
        mov     qword ptr [rbp + PART_CALL_OLD], 0
        mov     rsi, [rbp + PART_BASE]
        add     rsi, rdi
        add     rsi, EPT_RAM
        call    ept_map
        call    ept_flush
1:      ret

        .balign 4
hypercall_code:
        vmcall
        ret
