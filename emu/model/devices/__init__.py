"""Devices: timers, clock, serial port, keyboard, screen, PCI, ACPI, the ports and pages they answer at, and when they act."""
