# Expect: pass. A triple fault in the guest is an exit with reason 2, and the host goes on.
        .include "lib.s"
        .include "vmxlib.s"

test:   call    vmx_start
        PUT     GUEST_IDTR_LIMIT, 0
        GUEST   guest
        RUN     TRIPLE_FAULT
        PASS
guest:  ud2
