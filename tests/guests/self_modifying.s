# Expect: pass. Stores to code take effect: elsewhere at once, in the own block, through another alias, by string stores.
        .include "lib.s"

test:   lea     rbx, [rip + routine]
        mov     ecx, 1000
.loop:  mov     [rbx + 1], ecx                  # the immediate of MOV EAX
        call    rbx
        EQ      eax, ecx
        dec     ecx
        jnz     .loop

        mov     byte ptr [rip + .own + 1], 7    # a few instructions later
        jmp     .own
.own:   mov     eax, 5
        EQ      eax, 7

        MAP     0, 0x100000 + USER_PAGE         # through an alias of the page
        mov     ecx, 500
.alias: mov     eax, offset routine - 0x100000
        mov     edx, eax
        and     edx, ~0xFFF
        or      edx, 0x100000 + USER_PAGE
        mov     [WINDOW_PT], rdx
        mov     edx, WINDOW
        invlpg  [rdx]
        and     eax, 0xFFF
        mov     [rdx + rax + 1], ecx
        call    rbx
        EQ      eax, ecx
        dec     ecx
        jnz     .alias

        lea     rsi, [rip + template]           # whole routines by string moves
        mov     edi, FREE
        mov     ecx, template_end - template
        rep movsb
        mov     edx, FREE
        call    rdx
        EQ      eax, 0x11223344
        mov     eax, 0x90909090
        mov     edi, FREE
        mov     ecx, 1
        rep stosd
        mov     byte ptr [FREE + 4], 0x90
        call    rdx                             # five NOPs, then RET
        EQ      eax, 0x90909090
        PASS
        .align  64
routine: mov    eax, 0
        ret
        .align  64
template: mov   eax, 0x11223344
        ret
template_end:
