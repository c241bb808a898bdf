# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Panes of keys that come sweep by sweep, compiled; checks and meaning stand in `kernels.sweeps`.

A key's numbers stand a sweep apart: tiles of keys are folded side by side, each key in order of time.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from kernels._panes cimport floor_of, put, slot_of

cdef enum:
    TILE = 64  # keys folded together: their numbers so far stay in the nearest cache


cdef struct Sweeps:
    const int32_t* key
    const int64_t* ts
    const double* value
    Py_ssize_t size  # keys of a sweep
    Py_ssize_t first  # sweeps folded together, the last one excluded
    Py_ssize_t last
    int64_t begin  # of their pane
    int64_t width


def accumulate(
    const int32_t[::1] key, const int64_t[::1] ts, const double[::1] value,
    const int32_t[::1] group, const int64_t[::1] oldest, const int64_t[::1] closed, int64_t[::1] newest,
    int64_t width, int64_t slots, double[:, ::1] cells,
):
    cdef Py_ssize_t done
    with nogil:
        done = _accumulate(key, ts, value, group, oldest, closed, newest, width, slots, cells)
    return done


cdef Py_ssize_t _accumulate(
    const int32_t[::1] key, const int64_t[::1] ts, const double[::1] value,
    const int32_t[::1] group, const int64_t[::1] oldest, const int64_t[::1] closed, int64_t[::1] newest,
    int64_t width, int64_t slots, double[:, ::1] cells,
) noexcept nogil:
    cdef Py_ssize_t sweeps = ts.shape[0] // key.shape[0]
    cdef int64_t pane
    cdef Sweeps some
    some.key, some.ts, some.value, some.size, some.width = &key[0], &ts[0], &value[0], key.shape[0], width
    some.last = 0
    while some.last < sweeps:
        some.first = some.last
        pane = floor_of(ts[some.first * some.size], width)
        some.begin = pane * width
        if not (_within(&some) and _open(&some, pane, slots, group, oldest, closed, newest)):
            break
        some.last += 1
        while some.last < sweeps and _follows(&some):
            some.last += 1
        _fold(&some, &newest[0], &cells[slot_of(pane, slots) * group.shape[0], 0])
    return some.last * some.size


cdef bint _within(const Sweeps* some) noexcept nogil:
    """Say whether a sweep lies in the pane; what does not, sets the sign of a word."""
    cdef const int64_t* ts = some.ts + some.last * some.size
    cdef uint64_t begin = <uint64_t>some.begin, end = begin + <uint64_t>some.width - 1, wrong = 0
    cdef Py_ssize_t i
    for i in range(some.size):
        wrong |= (<uint64_t>ts[i] - begin) | (end - <uint64_t>ts[i])
    return <int64_t>wrong >= 0


cdef bint _follows(const Sweeps* some) noexcept nogil:
    """Say whether a sweep lies in the pane, and each of its times behind that of the sweep before."""
    cdef const int64_t* ts = some.ts + some.last * some.size
    cdef const int64_t* before = ts - some.size
    cdef uint64_t begin = <uint64_t>some.begin, end = begin + <uint64_t>some.width - 1, wrong = 0
    cdef Py_ssize_t i
    for i in range(some.size):
        wrong |= (<uint64_t>ts[i] - begin) | (end - <uint64_t>ts[i]) | ~<uint64_t>(before[i] - ts[i])
    return <int64_t>wrong >= 0


cdef bint _open(
    const Sweeps* some, int64_t pane, int64_t slots, const int32_t[::1] group,
    const int64_t[::1] oldest, const int64_t[::1] closed, const int64_t[::1] newest,
) noexcept nogil:
    """Say whether the pane is open for every key, and the sweep newer than all before it."""
    cdef const int64_t* ts = some.ts + some.first * some.size
    cdef uint32_t keys = <uint32_t>group.shape[0], groups = <uint32_t>oldest.shape[0], k, g
    cdef Py_ssize_t i
    for i in range(some.size):
        k = <uint32_t>some.key[i]
        if k >= keys or ts[i] <= newest[k]:
            return False
        g = <uint32_t>group[k]
        if g >= groups or pane < oldest[g] or pane < closed[g] or pane >= oldest[g] + slots:
            return False
    return True


cdef void _fold(const Sweeps* some, int64_t* newest, double* cells) noexcept nogil:
    cdef Py_ssize_t first = 0
    while first < some.size:
        if first + TILE > some.size or not _fold_tile(some, first, newest, cells):
            _fold_each(some, first, min(first + TILE, some.size), newest, cells)
        first += TILE


cdef bint _fold_tile(const Sweeps* some, Py_ssize_t first, int64_t* newest, double* cells) noexcept nogil:
    """Fold keys side by side; False, and nothing is done, where one of their numbers may be none."""
    cdef double[TILE] total
    cdef double[TILE] low
    cdef double[TILE] high
    cdef const int32_t* key = some.key + first
    cdef const int64_t* ts = some.ts + (some.last - 1) * some.size + first
    cdef const double* value
    cdef double* at
    cdef double v
    cdef bint odd = False
    cdef Py_ssize_t i, sweep
    for i in range(TILE):
        at = cells + 4 * <int64_t>key[i]
        total[i], low[i], high[i] = at[1], at[2], at[3]
        if at[0] == 0:
            total[i], low[i], high[i] = 0, INFINITY, -INFINITY
    for sweep in range(some.first, some.last):
        value = some.value + sweep * some.size + first
        for i in range(TILE):
            v = value[i] + 0.0
            total[i] += v
            low[i] = v if v < low[i] else low[i]
            high[i] = v if v > high[i] else high[i]
    for i in range(TILE):
        odd |= total[i] != total[i]
    if odd:
        return False
    for i in range(TILE):
        at = cells + 4 * <int64_t>key[i]
        at[0] += some.last - some.first
        at[1], at[2], at[3] = total[i], low[i], high[i]
        newest[key[i]] = ts[i]
    return True


cdef void _fold_each(
    const Sweeps* some, Py_ssize_t first, Py_ssize_t last, int64_t* newest, double* cells
) noexcept nogil:
    """Fold keys one by one, and pass over what is no number."""
    cdef Py_ssize_t i, sweep, row
    cdef double v
    for sweep in range(some.first, some.last):
        for i in range(first, last):
            row = sweep * some.size + i
            v = some.value[row] + 0.0
            if v != v:
                continue
            newest[some.key[i]] = some.ts[row]
            put(cells + 4 * <int64_t>some.key[i], 1, v, v, v)
