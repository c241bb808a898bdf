# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A pane's number, its place and its contents, for the kernels that fill panes."""

from libc.math cimport INFINITY
from libc.stdint cimport int64_t


cdef inline int64_t floor_of(int64_t ts, int64_t width) noexcept nogil:
    """Return the number of the pane in which a time lies."""
    cdef int64_t quotient = ts // width
    return quotient - (ts % width < 0)


cdef inline int64_t slot_of(int64_t pane, int64_t slots) noexcept nogil:
    """Return the slot of the ring in which a pane lies."""
    cdef int64_t rest = pane % slots
    return rest + slots if rest < 0 else rest


cdef inline void put(double* at, double n, double s, double lo, double hi) noexcept nogil:
    """Add count, sum, minimum and maximum to what a pane holds."""
    if at[0] == 0:
        at[1] = 0
        at[2] = INFINITY
        at[3] = -INFINITY
    at[0] += n
    at[1] += s
    at[2] = lo if lo < at[2] else at[2]
    at[3] = hi if hi > at[3] else at[3]
