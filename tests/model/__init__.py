"""The kernels of emu/model, compiled and as plain Python."""
