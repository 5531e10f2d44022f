"""Behaviour of the hardware: kernels, a file per unit."""
