"""Interrupt controllers: local APICs, their timers and messages, I/O APIC, 8259 pair, FERR#, and the lines that lead there."""
