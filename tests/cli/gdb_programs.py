"""Guest programs that the gdb tests debug."""
from tests.guests.guests import FOLDER

HEAD = "".join(f'        .include "{FOLDER / name}"\n' for name in ("lib.s", "vmxlib.s"))
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
    "enter": HEAD + """
test:   call    vmx_start
        GUEST   guest
        RUN     CPUID
        SKIP
        RUN     VMCALL
        PASS
guest:  nop
exits:  cpuid
after:  mov     [0x600018], eax
        vmcall
""",
    "crash": HEAD + """
test:   lidt    [rip + none]
        ud2
none:   .quad   0, 0
""",
}
