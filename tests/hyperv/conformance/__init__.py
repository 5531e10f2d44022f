"""Every hypercall, synthetic MSR and CPUID leaf, asked by every caller."""
