# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Keyed event-time panes, compiled; checks and meaning stand in `kernels.windows`."""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy


cdef inline int64_t _floor(int64_t value, int64_t width) noexcept nogil:
    cdef int64_t quotient = value // width
    return quotient - (value % width < 0)


cdef inline int64_t _slot(int64_t pane, int64_t slots) noexcept nogil:
    cdef int64_t rest = pane % slots
    return rest + slots if rest < 0 else rest


cdef inline void _add(
    double[:, ::1] cells, int64_t cell, double n, double s, double lo, double hi
) noexcept nogil:
    cdef double* at = &cells[cell, 0]
    if at[0] == 0:
        at[1] = 0
        at[2] = INFINITY
        at[3] = -INFINITY
    at[0] += n
    at[1] += s
    at[2] = lo if lo < at[2] else at[2]
    at[3] = hi if hi > at[3] else at[3]


def accumulate(
    const int32_t[::1] key, const int64_t[::1] ts, const double[::1] value, Py_ssize_t start,
    const int32_t[::1] group, const int64_t[::1] oldest, const int64_t[::1] closed, int64_t[::1] newest,
    int64_t width, int64_t slots, double[:, ::1] cells, uint8_t[::1] late,
):
    cdef Py_ssize_t end
    with nogil:
        end = _accumulate(key, ts, value, start, group, oldest, closed, newest, width, slots, cells, late)
    return end


cdef Py_ssize_t _accumulate(
    const int32_t[::1] key, const int64_t[::1] ts, const double[::1] value, Py_ssize_t start,
    const int32_t[::1] group, const int64_t[::1] oldest, const int64_t[::1] closed, int64_t[::1] newest,
    int64_t width, int64_t slots, double[:, ::1] cells, uint8_t[::1] late,
) noexcept nogil:
    cdef int64_t keys = group.shape[0], groups = oldest.shape[0]
    cdef int64_t pane = 0, row = 0
    cdef int64_t begin = 0, end = 0  # of the pane looked up last
    cdef uint8_t fate = 0
    cdef Py_ssize_t i
    cdef int32_t k, g, last = -1  # the group looked up last
    cdef double v
    for i in range(start, ts.shape[0]):
        k = key[i]
        if k < 0 or k >= keys:
            return -1
        v = value[i] + 0.0
        if v != v:
            continue
        g = group[k]
        if g != last or ts[i] < begin or ts[i] >= end:
            if ts[i] < begin or ts[i] >= end:
                pane = _floor(ts[i], width)
                begin = pane * width
                end = begin + width
                row = _slot(pane, slots) * keys
            if g < 0 or g >= groups:
                return -1
            if pane >= oldest[g] + slots:
                return i
            last = g
            fate = 2 if pane < oldest[g] else 1 if pane < closed[g] else 0
        if fate or ts[i] <= newest[k]:
            late[i] = fate if fate else 1
            continue
        newest[k] = ts[i]
        _add(cells, row + k, 1, v, v, v)
    return ts.shape[0]


def rising(
    const int32_t[::1] key, const int64_t[::1] ts, const double[::1] value, int64_t[::1] newest,
    uint8_t[::1] late,
):
    cdef Py_ssize_t i
    with nogil:
        for i in range(ts.shape[0]):
            if value[i] != value[i]:
                continue
            if ts[i] <= newest[key[i]]:
                late[i] = 1
            else:
                newest[key[i]] = ts[i]


def refold(
    const int32_t[::1] key, const int64_t[::1] ts, const double[::1] value, const uint8_t[::1] late,
    int64_t width, int64_t slots, int64_t keys, const int32_t[::1] number, const int64_t[::1] pane,
    const int64_t[::1] other_ts, const double[::1] other, int64_t[::1] cursor, const int64_t[::1] stop,
    double[:, ::1] cells,
):
    cdef Py_ssize_t i
    cdef int64_t p = 0, row = 0
    cdef int64_t begin = 0, end = 0  # of the pane looked up last
    cdef int32_t n
    cdef double v
    with nogil:
        for i in range(ts.shape[0]):
            if late[i]:
                continue
            if ts[i] < begin or ts[i] >= end:
                p = _floor(ts[i], width)
                begin = p * width
                end = begin + width
                row = _slot(p, slots) * keys
            n = number[row + key[i]]
            v = value[i] + 0.0
            if n < 0 or pane[n] != p or v != v:
                continue
            while cursor[n] < stop[n] and _before(other_ts[cursor[n]], other[cursor[n]], ts[i], v):
                _add(cells, n, 1, other[cursor[n]], other[cursor[n]], other[cursor[n]])
                cursor[n] += 1
            if cursor[n] < stop[n] and other_ts[cursor[n]] == ts[i] and other[cursor[n]] == v:
                cursor[n] += 1
            _add(cells, n, 1, v, v, v)


cdef inline bint _before(int64_t one, double a, int64_t other, double b) noexcept nogil:
    return one < other or (one == other and a < b)


def merge(
    const int32_t[::1] key, const int64_t[::1] pane, const double[:, ::1] parts,
    int64_t keys, int64_t slots, double[:, ::1] cells,
):
    cdef Py_ssize_t i
    with nogil:
        for i in range(key.shape[0]):
            _add(
                cells, _slot(pane[i], slots) * keys + key[i],
                parts[i, 0], parts[i, 1], parts[i, 2], parts[i, 3],
            )


def fold(
    const int32_t[::1] key, const int64_t[::1] begin, const int64_t[::1] live,
    int64_t keys, int64_t slots, const double[:, ::1] cells, double[:, ::1] folds,
):
    cdef Py_ssize_t i
    cdef int64_t p
    cdef const double* at
    with nogil:
        for i in range(key.shape[0]):
            for p in range(begin[i], begin[i] + live[i]):
                at = &cells[_slot(p, slots) * keys + key[i], 0]
                if at[0] > 0:
                    _add(folds, i, at[0], at[1], at[2], at[3])


def collect(
    const int64_t[::1] first, const int64_t[::1] last, const int64_t[::1] begin, const int64_t[::1] end,
    int64_t keys, int64_t slots, const double[:, ::1] cells, const int32_t[::1] version,
    int32_t[::1] key, int64_t[::1] pane, int32_t[::1] version_of, double[:, ::1] parts,
):
    cdef Py_ssize_t found
    with nogil:
        found = _collect(
            first, last, begin, end, keys, slots, cells, version, key, pane, version_of, parts
        )
    return found


cdef Py_ssize_t _collect(
    const int64_t[::1] first, const int64_t[::1] last, const int64_t[::1] begin, const int64_t[::1] end,
    int64_t keys, int64_t slots, const double[:, ::1] cells, const int32_t[::1] version,
    int32_t[::1] key, int64_t[::1] pane, int32_t[::1] version_of, double[:, ::1] parts,
) noexcept nogil:
    cdef Py_ssize_t found = 0
    cdef Py_ssize_t i
    cdef int64_t p, k, row
    for i in range(first.shape[0]):
        for p in range(begin[i], end[i]):
            row = _slot(p, slots) * keys
            for k in range(first[i], last[i]):
                if cells[row + k, 0] > 0:
                    key[found] = <int32_t>k
                    pane[found] = p
                    version_of[found] = version[row + k]
                    memcpy(&parts[found, 0], &cells[row + k, 0], 4 * sizeof(double))
                    found += 1
    return found


def clear(
    const int64_t[::1] first, const int64_t[::1] last, const int64_t[::1] begin, const int64_t[::1] end,
    int64_t keys, int64_t slots, double[:, ::1] cells, int32_t[::1] version,
):
    cdef Py_ssize_t i
    cdef int64_t p, k, row
    with nogil:
        for i in range(first.shape[0]):
            for p in range(begin[i], end[i]):
                row = _slot(p, slots) * keys
                for k in range(first[i], last[i]):
                    if cells[row + k, 0] != 0:
                        cells[row + k, 0] = 0
                        version[row + k] = 0
