"""Delivery of interrupts and exceptions in real, protected and 64-bit mode."""
