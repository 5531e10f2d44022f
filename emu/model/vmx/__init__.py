"""VMX: the current VMCS, its instructions, VM entry with its checks, VM exit, and what exits."""
