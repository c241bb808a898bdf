# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Algebra of half-open intervals, compiled; checks and meaning stand in `kernels.intervals`."""

from libc.stdint cimport int32_t, int64_t


def totals(
    const int64_t[::1] start, const int64_t[::1] end, const int32_t[::1] label,
    int64_t low, int64_t high, int64_t[::1] total,
):
    with nogil:
        _totals(start, end, label, low, high, total)


cdef void _totals(
    const int64_t[::1] start, const int64_t[::1] end, const int32_t[::1] label,
    int64_t low, int64_t high, int64_t[::1] total,
) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t a, b
    for i in range(start.shape[0]):
        a = start[i] if start[i] > low else low
        b = end[i] if end[i] < high else high
        if a < b:
            total[label[i]] += b - a


def split(
    const int64_t[::1] start, const int64_t[::1] end, const int64_t[::1] boundary,
    int64_t[::1] piece_start, int64_t[::1] piece_end, int32_t[::1] origin,
):
    cdef Py_ssize_t pieces
    with nogil:
        pieces = _split(start, end, boundary, piece_start, piece_end, origin)
    return pieces


cdef Py_ssize_t _split(
    const int64_t[::1] start, const int64_t[::1] end, const int64_t[::1] boundary,
    int64_t[::1] piece_start, int64_t[::1] piece_end, int32_t[::1] origin,
) noexcept nogil:
    cdef Py_ssize_t pieces = 0
    cdef Py_ssize_t i, j
    cdef int64_t at
    for i in range(start.shape[0]):
        at = start[i]
        j = _after(boundary, at)
        while at < end[i]:
            piece_start[pieces] = at
            at = end[i]
            if j < boundary.shape[0] and boundary[j] < at:
                at = boundary[j]
                j += 1
            piece_end[pieces] = at
            origin[pieces] = <int32_t>i
            pieces += 1
    return pieces


cdef Py_ssize_t _after(const int64_t[::1] boundary, int64_t at) noexcept nogil:
    cdef Py_ssize_t low = 0
    cdef Py_ssize_t high = boundary.shape[0]
    cdef Py_ssize_t middle
    while low < high:
        middle = (low + high) // 2
        if boundary[middle] <= at:
            low = middle + 1
        else:
            high = middle
    return low
