# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Admission of readings, compiled; checks and meaning stand in `kernels.admit`."""

from libc.math cimport isfinite, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t


def classify(
    const int32_t[::1] machine, const int32_t[::1] tag, const int32_t[::1] text,
    const int64_t[::1] ts, const double[::1] value,
    const int32_t[:, ::1] key_of, const uint8_t[::1] numeric, const uint8_t[::1] silent,
    int64_t earliest, int64_t latest, int32_t[::1] key, uint8_t[::1] reason,
):
    cdef int64_t marked
    with nogil:
        marked = _classify(
            machine, tag, text, ts, value, key_of, numeric, silent, earliest, latest, key, reason
        )
    return marked


cdef int64_t _classify(
    const int32_t[::1] machine, const int32_t[::1] tag, const int32_t[::1] text,
    const int64_t[::1] ts, const double[::1] value,
    const int32_t[:, ::1] key_of, const uint8_t[::1] numeric, const uint8_t[::1] silent,
    int64_t earliest, int64_t latest, int32_t[::1] key, uint8_t[::1] reason,
) noexcept nogil:
    cdef int64_t marked = 0
    cdef Py_ssize_t i
    cdef int32_t k
    cdef uint8_t why
    for i in range(ts.shape[0]):
        k = -1
        if machine[i] >= 0 and tag[i] >= 0:
            k = key_of[machine[i], tag[i]]
        key[i] = k
        if k < 0:
            why = 1
        elif ts[i] < earliest or ts[i] > latest:
            why = 2
        elif text[i] < 0:
            why = 3 if not isfinite(value[i]) else (0 if numeric[k] else 6)
        elif not isnan(value[i]):
            why = 5
        else:
            why = 4 if numeric[k] and not silent[text[i]] else 0
        reason[i] = why
        marked += why != 0
    return marked


def newest(const int32_t[::1] key, const int64_t[::1] ts, const int32_t[::1] group, int64_t[::1] latest):
    with nogil:
        _newest(key, ts, group, latest)


cdef void _newest(
    const int32_t[::1] key, const int64_t[::1] ts, const int32_t[::1] group, int64_t[::1] latest
) noexcept nogil:
    cdef Py_ssize_t i
    cdef int32_t g
    for i in range(ts.shape[0]):
        g = group[key[i]]
        if ts[i] > latest[g]:
            latest[g] = ts[i]
