"""The engines: what they translate, hold and refuse; the compilation of kernels."""
