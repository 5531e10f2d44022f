"""A machine's state in words and drawings: registers, VMCSs, translations, why an interrupt waits."""
