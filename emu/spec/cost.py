"""Cycle costs charged by the model as events; instruction costs are in emu.spec.timing.

Order of magnitude after published measurements of Skylake-class processors (uops.info; Intel
Optimization Reference Manual): an L2-resident table load about 14 cycles, a world switch about 500 each way.
"""
from emu.bits import codes

COST = codes("COST", "ours, after the Intel Optimization Reference Manual",
    INSTRUCTION=(1, "an instruction of the ordinary class"),
    WALK_LOAD=(14, "one paging-structure or EPT entry read by a walk"),
    DELIVERY=(80, "an exception or interrupt delivered through the IDT"),
    VM_EXIT=(420, "a VM exit"), VM_ENTRY=(380, "a VM entry"), VMREAD=(24, "VMREAD or VMWRITE"),
    VMX_INSTRUCTION=(120, "another VMX instruction"), DEVICE=(250, "a device register access by port or memory"),
    CPUID=(100, "CPUID"), MSR=(90, "RDMSR or WRMSR"), CONTROL=(70, "MOV to CR or DR, LGDT and the like"),
    TSC=(25, "RDTSC, RDTSCP, RDPMC"), PAUSE=(140, "PAUSE"), SYSTEM=(40, "SYSCALL, SYSRET and other system instructions"))
