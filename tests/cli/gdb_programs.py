"""Guest programs that the gdb tests debug."""
from tests.machines import HEAD
from tests.programs import ENTER

PROGRAMS = {
    "count": HEAD + """
test:
count:  xor     ecx, ecx
again:  mov     [rip + cell], ecx
        inc     ecx
        cmp     ecx, 10
        jb      again
        mov     eax, 7
        out     PORT_DEBUG_EXIT, eax
        .align  8
cell:   .quad   0
""",
    "enter": HEAD + ENTER,
    "crash": HEAD + """
test:   lidt    [rip + none]
        ud2
none:   .quad   0, 0
""",
}
