# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled twin of `kernels.pgcopy`: rows of PostgreSQL's binary COPY, written column by column."""

from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef int64_t ABSENT = INT64_MIN


cdef inline void _put32(uint8_t* place, int32_t value) noexcept nogil:
    place[0] = (value >> 24) & 0xFF
    place[1] = (value >> 16) & 0xFF
    place[2] = (value >> 8) & 0xFF
    place[3] = value & 0xFF


cdef inline void _put(uint8_t* place, uint64_t value, Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(width):
        place[i] = (value >> (8 * (width - 1 - i))) & 0xFF


cdef void _measure_integers(const int64_t[::1] values, Py_ssize_t width, int64_t[::1] sizes) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        sizes[i] += 4 if values[i] == ABSENT else 4 + width


cdef void _measure_floats(const double[::1] values, int64_t[::1] sizes) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        sizes[i] += 4 if values[i] != values[i] else 12


cdef void _measure_texts(
    const int32_t[::1] codes, const int64_t[::1] offsets, Py_ssize_t extra, int64_t[::1] sizes
) noexcept nogil:
    cdef Py_ssize_t i
    cdef int32_t code
    for i in range(codes.shape[0]):
        code = codes[i]
        sizes[i] += 4 if code < 0 else 4 + extra + offsets[code + 1] - offsets[code]


cdef void _put_counts(Py_ssize_t columns, uint8_t[::1] out, int64_t[::1] cursors) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(cursors.shape[0]):
        _put(&out[cursors[i]], <uint64_t>columns, 2)
        cursors[i] += 2


cdef void _put_integers(
    const int64_t[::1] values, Py_ssize_t width, int64_t origin, uint8_t[::1] out, int64_t[::1] cursors
) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint8_t* place
    for i in range(values.shape[0]):
        place = &out[cursors[i]]
        if values[i] == ABSENT:
            _put32(place, -1)
            cursors[i] += 4
        else:
            _put32(place, <int32_t>width)
            _put(place + 4, <uint64_t>values[i] - <uint64_t>origin, width)
            cursors[i] += 4 + width


cdef void _put_floats(const double[::1] values, uint8_t[::1] out, int64_t[::1] cursors) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint8_t* place
    cdef uint64_t bits
    for i in range(values.shape[0]):
        place = &out[cursors[i]]
        if values[i] != values[i]:
            _put32(place, -1)
            cursors[i] += 4
        else:
            memcpy(&bits, &values[i], 8)
            _put32(place, 8)
            _put(place + 4, bits, 8)
            cursors[i] += 12


cdef void _put_texts(
    const int32_t[::1] codes,
    const int64_t[::1] offsets,
    const uint8_t[::1] letters,
    Py_ssize_t extra,
    uint8_t[::1] out,
    int64_t[::1] cursors,
) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t length
    cdef int32_t code
    cdef uint8_t* place
    for i in range(codes.shape[0]):
        code = codes[i]
        place = &out[cursors[i]]
        if code < 0:
            _put32(place, -1)
            cursors[i] += 4
            continue
        length = offsets[code + 1] - offsets[code]
        _put32(place, <int32_t>(length + extra))
        if extra:
            place[4] = 1
        if length:
            memcpy(place + 4 + extra, &letters[offsets[code]], length)
        cursors[i] += 4 + extra + length


def measure_integers(const int64_t[::1] values, Py_ssize_t width, int64_t[::1] sizes):
    with nogil:
        _measure_integers(values, width, sizes)


def measure_floats(const double[::1] values, int64_t[::1] sizes):
    with nogil:
        _measure_floats(values, sizes)


def measure_texts(const int32_t[::1] codes, const int64_t[::1] offsets, Py_ssize_t extra, int64_t[::1] sizes):
    with nogil:
        _measure_texts(codes, offsets, extra, sizes)


def put_counts(Py_ssize_t columns, uint8_t[::1] out, int64_t[::1] cursors):
    with nogil:
        _put_counts(columns, out, cursors)


def put_integers(
    const int64_t[::1] values, Py_ssize_t width, int64_t origin, uint8_t[::1] out, int64_t[::1] cursors
):
    with nogil:
        _put_integers(values, width, origin, out, cursors)


def put_floats(const double[::1] values, uint8_t[::1] out, int64_t[::1] cursors):
    with nogil:
        _put_floats(values, out, cursors)


def put_texts(
    const int32_t[::1] codes,
    const int64_t[::1] offsets,
    const uint8_t[::1] letters,
    Py_ssize_t extra,
    uint8_t[::1] out,
    int64_t[::1] cursors,
):
    with nogil:
        _put_texts(codes, offsets, letters, extra, out, cursors)
