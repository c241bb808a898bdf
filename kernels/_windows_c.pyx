# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Keyed event-time panes, compiled; checks and meaning stand in `kernels.windows`."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from kernels._panes cimport floor_of, put, slot_of


def accumulate(
    const int32_t[::1] key, const int64_t[::1] ts, const double[::1] value, Py_ssize_t start,
    const int32_t[::1] group, const int64_t[::1] oldest, const int64_t[::1] closed, int64_t[::1] newest,
    int64_t width, int64_t slots, double[:, ::1] cells, uint8_t[::1] late,
):
    cdef Py_ssize_t end, marked = 0
    with nogil:
        end = _accumulate(
            key, ts, value, start, group, oldest, closed, newest, width, slots, cells, late, &marked
        )
    return end, marked


cdef Py_ssize_t _accumulate(
    const int32_t[::1] key, const int64_t[::1] ts, const double[::1] value, Py_ssize_t start,
    const int32_t[::1] group, const int64_t[::1] oldest, const int64_t[::1] closed, int64_t[::1] newest,
    int64_t width, int64_t slots, double[:, ::1] cells, uint8_t[::1] late, Py_ssize_t* marked,
) noexcept nogil:
    cdef int64_t keys = group.shape[0], groups = oldest.shape[0]
    cdef int64_t pane = 0, row = 0, begin = 0
    cdef uint64_t within = 0  # the width of the pane looked up last, 0 before there is one
    cdef Py_ssize_t i = start
    cdef int32_t k, g
    while i < ts.shape[0]:
        k = key[i]
        if k < 0 or k >= keys:
            return -1
        g = group[k]
        if value[i] != value[i]:
            i += 1
            continue
        if g < 0 or g >= groups:
            return -1
        if <uint64_t>ts[i] - <uint64_t>begin >= within:
            pane = floor_of(ts[i], width)
            row = slot_of(pane, slots) * keys
            begin, within = pane * width, width
        if pane >= oldest[g] + slots:
            return i
        if pane < oldest[g] or pane < closed[g] or ts[i] <= newest[k]:
            late[i] = 2 if pane < oldest[g] else 1
            marked[0] += 1
            i += 1
            continue
        i = _run(
            &key[0], &ts[0], &value[0], i, ts.shape[0], &group[0], <uint32_t>keys, g, begin, within,
            &newest[0], &cells[row, 0],
        )
    return i


cdef Py_ssize_t _run(
    const int32_t* key, const int64_t* ts, const double* value, Py_ssize_t i, Py_ssize_t stop,
    const int32_t* group, uint32_t keys, int32_t own, int64_t begin, uint64_t width,
    int64_t* newest, double* cells,
) noexcept nogil:
    """Add numbers while they are in order, of one group and in one pane; return the first that is not."""
    cdef uint32_t k
    cdef double v
    while i < stop:
        k = <uint32_t>key[i]
        if k >= keys or group[k] != own or <uint64_t>ts[i] - <uint64_t>begin >= width or ts[i] <= newest[k]:
            break
        v = value[i] + 0.0
        if v != v:
            break
        newest[k] = ts[i]
        put(cells + 4 * <int64_t>k, 1, v, v, v)
        i += 1
    return i


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
                p = floor_of(ts[i], width)
                begin = p * width
                end = begin + width
                row = slot_of(p, slots) * keys
            n = number[row + key[i]]
            v = value[i] + 0.0
            if n < 0 or pane[n] != p or v != v:
                continue
            while cursor[n] < stop[n] and _before(other_ts[cursor[n]], other[cursor[n]], ts[i], v):
                put(&cells[n, 0], 1, other[cursor[n]], other[cursor[n]], other[cursor[n]])
                cursor[n] += 1
            if cursor[n] < stop[n] and other_ts[cursor[n]] == ts[i] and other[cursor[n]] == v:
                cursor[n] += 1
            put(&cells[n, 0], 1, v, v, v)


cdef inline bint _before(int64_t one, double a, int64_t other, double b) noexcept nogil:
    return one < other or (one == other and a < b)


def merge(
    const int32_t[::1] key, const int64_t[::1] pane, const double[:, ::1] parts,
    int64_t keys, int64_t slots, double[:, ::1] cells,
):
    cdef Py_ssize_t i
    with nogil:
        for i in range(key.shape[0]):
            put(
                &cells[slot_of(pane[i], slots) * keys + key[i], 0],
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
                at = &cells[slot_of(p, slots) * keys + key[i], 0]
                if at[0] > 0:
                    put(&folds[i, 0], at[0], at[1], at[2], at[3])


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
            row = slot_of(p, slots) * keys
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
                row = slot_of(p, slots) * keys
                for k in range(first[i], last[i]):
                    if cells[row + k, 0] != 0:
                        cells[row + k, 0] = 0
                        version[row + k] = 0
