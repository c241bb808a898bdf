# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Admission of readings, compiled; checks and meaning stand in `kernels.admit`."""

from libc.math cimport isfinite, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    BLOCK = 1024  # rows looked at together: they stay in the nearest cache

cdef uint64_t MAGNITUDE = 0x7FFFFFFFFFFFFFFF  # of a double: all but its sign
cdef uint64_t EXPONENT_UNIT = 0x0010000000000000  # added to an infinity or NaN it reaches the sign


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
    cdef int64_t marked = 0, found
    cdef Py_ssize_t start = 0, stop
    while start < ts.shape[0]:
        stop = min(start + BLOCK, ts.shape[0])
        found = 0
        if text.shape[0] == 0 and 0 <= earliest <= latest and _plain(
            &machine[start], &tag[start], &ts[start], &value[start], stop - start,
            key_of, numeric, earliest, latest, &key[start],
        ):
            memset(&reason[start], 0, stop - start)
        else:
            found = _each(
                machine, tag, text, ts, value, key_of, numeric, silent, earliest, latest, start, stop,
                key, reason,
            )
        if found < 0:
            return -1
        marked += found
        start = stop
    return marked


cdef bint _plain(
    const int32_t* machine, const int32_t* tag, const int64_t* ts, const double* value, Py_ssize_t size,
    const int32_t[:, ::1] key_of, const uint8_t[::1] numeric,
    int64_t earliest, int64_t latest, int32_t* key,
) noexcept nogil:
    """Fill the keys of a block in which nothing is wrong; what is, sets the sign of a word at the end."""
    cdef uint32_t machines = <uint32_t>key_of.shape[0], tags = <uint32_t>key_of.shape[1]
    cdef uint32_t keys = <uint32_t>numeric.shape[0]
    cdef uint32_t m, t, wrong = 0
    cdef uint8_t number = 1
    cdef Py_ssize_t i
    for i in range(size):
        m, t = <uint32_t>machine[i], <uint32_t>tag[i]
        wrong |= m | (machines - 1 - m) | t | (tags - 1 - t)
    if <int32_t>wrong < 0:
        return False
    for i in range(size):
        key[i] = key_of[machine[i], tag[i]]
        wrong |= <uint32_t>key[i] | (keys - 1 - <uint32_t>key[i])
    if <int32_t>wrong < 0:
        return False
    for i in range(size):
        number &= numeric[key[i]]
    return number == 1 and _timely_numbers(ts, value, size, earliest, latest)


cdef int64_t _each(
    const int32_t[::1] machine, const int32_t[::1] tag, const int32_t[::1] text,
    const int64_t[::1] ts, const double[::1] value,
    const int32_t[:, ::1] key_of, const uint8_t[::1] numeric, const uint8_t[::1] silent,
    int64_t earliest, int64_t latest, Py_ssize_t start, Py_ssize_t stop,
    int32_t[::1] key, uint8_t[::1] reason,
) noexcept nogil:
    cdef bint worded = text.shape[0] > 0
    cdef int64_t marked = 0
    cdef Py_ssize_t i
    cdef int32_t k, word = -1
    for i in range(start, stop):
        if machine[i] >= key_of.shape[0] or tag[i] >= key_of.shape[1]:
            return -1
        k = key_of[machine[i], tag[i]] if machine[i] >= 0 and tag[i] >= 0 else -1
        if worded:
            word = text[i]
        if k >= numeric.shape[0] or word >= silent.shape[0]:
            return -1
        key[i] = k
        reason[i] = _reason(k, earliest <= ts[i] <= latest, value[i], word, numeric, silent)
        marked += reason[i] != 0
    return marked


cdef inline uint8_t _reason(
    int32_t k, bint timely, double value, int32_t word,
    const uint8_t[::1] numeric, const uint8_t[::1] silent,
) noexcept nogil:
    if k < 0:
        return 1
    if not timely:
        return 2
    if word < 0:
        return 3 if not isfinite(value) else (0 if numeric[k] else 6)
    if not isnan(value):
        return 5
    return 4 if numeric[k] and not silent[word] else 0


def plain(const int64_t[::1] ts, const double[::1] value, int64_t earliest, int64_t latest):
    cdef Py_ssize_t start = 0, stop
    cdef int64_t newest = -1
    with nogil:
        while start < ts.shape[0]:
            stop = min(start + BLOCK, ts.shape[0])
            if not _timely_numbers(&ts[start], &value[start], stop - start, earliest, latest):
                newest = -1
                break
            newest = max(newest, _latest(&ts[start], stop - start))
            start = stop
    return newest


cdef bint _timely_numbers(
    const int64_t* ts, const double* value, Py_ssize_t size, int64_t earliest, int64_t latest
) noexcept nogil:
    """Say whether a block holds finite numbers between two times that are not negative."""
    cdef uint64_t stamp, bits, worse = 0
    cdef Py_ssize_t i
    for i in range(size):
        stamp = <uint64_t>ts[i]
        memcpy(&bits, &value[i], 8)
        worse |= stamp | (stamp - <uint64_t>earliest) | (<uint64_t>latest - stamp)
        worse |= (bits & MAGNITUDE) + EXPONENT_UNIT
    return <int64_t>worse >= 0


cdef int64_t _latest(const int64_t* ts, Py_ssize_t size) noexcept nogil:
    cdef int64_t a = ts[0], b = ts[0]  # two at a time: neither waits for the other
    cdef Py_ssize_t i
    for i in range(0, size - 1, 2):
        a = ts[i] if ts[i] > a else a
        b = ts[i + 1] if ts[i + 1] > b else b
    a = ts[size - 1] if ts[size - 1] > a else a
    return max(a, b)


def same(const int32_t[::1] one, const int32_t[::1] other):
    cdef size_t size = one.shape[0] * sizeof(int32_t)
    return one.shape[0] == other.shape[0] and (size == 0 or memcmp(&one[0], &other[0], size) == 0)


def newest(const int32_t[::1] key, const int64_t[::1] ts, const int32_t[::1] group, int64_t[::1] latest):
    cdef bint known
    with nogil:
        known = _newest(key, ts, group, latest)
    return known


cdef bint _newest(
    const int32_t[::1] key, const int64_t[::1] ts, const int32_t[::1] group, int64_t[::1] latest
) noexcept nogil:
    cdef Py_ssize_t keys = group.shape[0], groups = latest.shape[0]
    cdef Py_ssize_t i
    cdef int32_t g, last = -1  # the group whose newest time is at hand
    cdef int64_t held = 0
    for i in range(ts.shape[0]):
        if key[i] < 0 or key[i] >= keys:
            return False
        g = group[key[i]]
        if g != last:
            if g < 0 or g >= groups:
                return False
            if last >= 0:
                latest[last] = held
            last, held = g, latest[g]
        held = ts[i] if ts[i] > held else held
    if last >= 0:
        latest[last] = held
    return True
