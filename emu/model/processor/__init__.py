"""What instructions and events share: decoder, operands, segments, MSRs, CPUID."""
