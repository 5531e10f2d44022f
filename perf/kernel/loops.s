# loops.s - what is measured without a hypervisor: plain instructions, memory, calls, pages.
#
# Entry   rdi = count, rsi = BUFFER
# Exit    rax = 0.  Changes everything but rsp

        .align  64
loop_alu:
        mov     ecx, edi
.next:  add     rax, rcx
        add     rbx, 1
        xor     rdx, rax
        lea     rsi, [rax + rdx]
        sub     r8, rsi
        and     r9, rax
        or      r10, rdx
        dec     ecx
        jne     .next
        xor     eax, eax
        ret

        .align  64
loop_load:
        mov     ecx, edi
.next:  mov     rax, [rsi]
        add     rbx, [rsi + 8]
        add     rdx, [rsi + 16]
        dec     ecx
        jne     .next
        xor     eax, eax
        ret

        .align  64
loop_store:
        mov     ecx, edi
.next:  mov     [rsi], rax
        mov     [rsi + 8], rbx
        mov     [rsi + 16], rdx
        dec     ecx
        jne     .next
        xor     eax, eax
        ret

        .align  64
loop_call:
        mov     ecx, edi
.next:  call    nothing
        dec     ecx
        jne     .next
        xor     eax, eax
        ret
        .align  16
nothing:
        ret

# One word into each of 4,096 pages in turn, `count` times over.
        .align  64
loop_touch:
        mov     r8, TOUCH
.pass:  mov     rsi, r8
        mov     ecx, 4096
.page:  mov     [rsi], rax
        add     rsi, 4096
        dec     ecx
        jne     .page
        dec     edi
        jne     .pass
        xor     eax, eax
        ret
