# fault.s - exceptions that we raise in the guest at its next entry (inject.s).
#
# Source  SDM 3C, "Event Injection"

        .equ    INFO_HARD, INTR_VALID | put(INTR_TYPE, EVENT_HARD)

# fault_ud, fault_gp - Raise #UD or #GP(0) in the guest at its next entry.  Entry: rbx = VP.
fault_ud:
        mov     dword ptr [rbx + VP_FAULT], INFO_HARD | VECTOR_UD
        WORK    WORK_EVENT
        ret
fault_gp:
        mov     dword ptr [rbx + VP_FAULT], INFO_HARD | INTR_ERROR | VECTOR_GP
        mov     dword ptr [rbx + VP_FAULT_ERROR], 0
        WORK    WORK_EVENT
        ret
# fault_pf - Raise #PF.  Entry: edi = error code, rsi = address for CR2.
fault_pf:
        mov     cr2, rsi                        # this VP's state is on the processor
        mov     dword ptr [rbx + VP_FAULT], INFO_HARD | INTR_ERROR | VECTOR_PF
        mov     [rbx + VP_FAULT_ERROR], edi
        WORK    WORK_EVENT
        ret
