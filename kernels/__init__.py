"""Hot paths: arrays in, the caller's array out, no policy.

Every kernel exists twice, compiled from Cython and written in NumPy, with the same results bit for
bit. ``SEAMLINE_KERNELS=c|python`` picks; `IMPL` says which one was picked.
"""

from kernels._select import IMPL

__all__ = ["IMPL"]
