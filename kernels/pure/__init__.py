"""The NumPy twins of the compiled kernels."""
