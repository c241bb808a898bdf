# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Streaming deviation score, compiled; checks and meaning stand in `kernels.detect`."""

from libc.math cimport NAN, fabs, sqrt
from libc.stdint cimport int32_t, int64_t


cdef struct Tuning:
    double horizon
    double warm
    double smoothing
    double clip
    double hold


def score(
    const int64_t[::1] first, const int32_t[::1] group, const int32_t[::1] slot, const double[::1] value,
    double[:, ::1] reference, double[::1] smooth, const double[::1] limit, const double[::1] tuning,
    double[::1] result, int64_t[::1] top, double[::1] share,
):
    cdef Tuning how = Tuning(tuning[0], tuning[1], tuning[2], tuning[3], tuning[4])
    cdef Py_ssize_t i
    with nogil:
        for i in range(group.shape[0]):
            _score(
                first[i], first[i + 1], group[i], slot, value, reference, smooth, limit, &how,
                &result[i], &top[i], &share[i],
            )


cdef void _score(
    int64_t low, int64_t high, int32_t group, const int32_t[::1] slot, const double[::1] value,
    double[:, ::1] reference, double[::1] smooth, const double[::1] limit, Tuning* how,
    double* result, int64_t* top, double* share,
) noexcept nogil:
    cdef double total = 0
    cdef double most = -1
    cdef double square
    cdef int64_t counted = 0
    cdef int64_t i
    result[0] = NAN
    top[0] = -1
    share[0] = 0
    for i in range(low, high):
        if reference[slot[i], 2] < how.warm:
            continue
        square = _square(&reference[slot[i], 0], value[i], how.clip)
        total = total + square
        counted += 1
        if square > most:
            most = square
            top[0] = i
    if counted > 0:
        smooth[group] = smooth[group] + (total / counted - smooth[group]) / how.smoothing
        result[0] = sqrt(smooth[group])
        if total > 0:
            share[0] = most / total
    for i in range(low, high):
        _learn(&reference[slot[i], 0], value[i], how, result[0] > limit[group])


cdef inline double _square(double* known, double value, double clip) noexcept nogil:
    cdef double z = (value - known[0]) / (sqrt(known[1]) + 1e-9 * (fabs(known[0]) + 1))
    if z > clip:
        z = clip
    if z < -clip:
        z = -clip
    return z * z


cdef inline void _learn(double* known, double value, Tuning* how, bint alarm) noexcept nogil:
    cdef double rate, off
    known[2] += 1
    rate = 1 / (known[2] if known[2] < how.horizon else how.horizon)
    if alarm:
        rate = rate * how.hold
    if known[2] == 1:
        known[0] = value
    off = value - known[0]
    known[0] = known[0] + rate * off
    known[1] = (1 - rate) * (known[1] + rate * off * off)
