# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled twin of `kernels.pixels`: a picture into a model's blob, and its statistics in integers."""

from libc.stdint cimport int32_t, int64_t, uint8_t

ctypedef const uint8_t[:, :, ::1] Picture
ctypedef const uint8_t[:, ::1] Grey

cdef enum:
    BLOCK = 16


cdef inline void _fill(float* row, Py_ssize_t start, Py_ssize_t stop, float value) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(start, stop):
        row[x] = value


cdef inline void _planes(
    const uint8_t* source, const float* levels, Py_ssize_t width, float* red, float* green, float* blue
) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(width):
        blue[x] = levels[source[3 * x]]
        green[x] = levels[source[3 * x + 1]]
        red[x] = levels[source[3 * x + 2]]


cdef void _blob(
    Picture image, Py_ssize_t top, Py_ssize_t left, float fill, const float* levels, float[:, :, ::1] out
) noexcept nogil:
    cdef Py_ssize_t height = image.shape[0], width = image.shape[1], across = out.shape[2]
    cdef Py_ssize_t plane, y
    for y in range(out.shape[1]):
        if y < top or y >= top + height:
            for plane in range(3):
                _fill(&out[plane, y, 0], 0, across, fill)
            continue
        for plane in range(3):
            _fill(&out[plane, y, 0], 0, left, fill)
            _fill(&out[plane, y, 0], left + width, across, fill)
        _planes(&image[y - top, 0, 0], levels, width,
                &out[0, y, 0] + left, &out[1, y, 0] + left, &out[2, y, 0] + left)


cdef void _grey(Picture image, uint8_t[:, ::1] out) noexcept nogil:
    cdef Py_ssize_t pixels = image.shape[0] * image.shape[1], i
    cdef const uint8_t* source = &image[0, 0, 0]
    cdef uint8_t* target = &out[0, 0]
    for i in range(pixels):
        target[i] = <uint8_t> (
            (1868 * <int32_t> source[3 * i] + 9617 * <int32_t> source[3 * i + 1]
             + 4899 * <int32_t> source[3 * i + 2] + 8192) >> 14
        )


cdef void _levels(Grey grey, int32_t dark, int32_t bright, int64_t* out) noexcept nogil:
    cdef Py_ssize_t y, x, width = grey.shape[1]
    cdef const uint8_t* row
    cdef int32_t value, total, low, high
    cdef int64_t squares
    for y in range(grey.shape[0]):
        row = &grey[y, 0]
        total = low = high = 0
        squares = 0
        for x in range(width):
            value = row[x]
            total += value
            squares += value * value
            low += value <= dark
            high += value >= bright
        out[1] += total
        out[2] += squares
        out[3] += low
        out[4] += high


cdef void _laplacian(Grey grey, int64_t* out) noexcept nogil:
    cdef Py_ssize_t y, x, width = grey.shape[1]
    cdef const uint8_t* above
    cdef const uint8_t* row
    cdef const uint8_t* below
    cdef int32_t value, total
    cdef int64_t squares
    for y in range(1, grey.shape[0] - 1):
        above, row, below = &grey[y - 1, 0], &grey[y, 0], &grey[y + 1, 0]
        total = 0
        squares = 0
        for x in range(1, width - 1):
            value = above[x] + below[x] + row[x - 1] + row[x + 1] - 4 * <int32_t> row[x]
            total += value
            squares += value * value
        out[5] += total
        out[6] += squares


cdef int _is_flat(Grey grey, Py_ssize_t top, Py_ssize_t left, int32_t span) noexcept nogil:
    cdef Py_ssize_t y, x
    cdef int32_t low = 255, high = 0, value
    cdef const uint8_t* row
    for y in range(top, top + BLOCK):
        row = &grey[y, left]
        for x in range(BLOCK):
            value = row[x]
            low = value if value < low else low
            high = value if value > high else high
        if high - low > span:
            return 0
    return 1


cdef void _flat_blocks(Grey grey, int32_t span, int64_t* out) noexcept nogil:
    cdef Py_ssize_t y, x
    for y in range(grey.shape[0] // BLOCK):
        for x in range(grey.shape[1] // BLOCK):
            out[7] += _is_flat(grey, y * BLOCK, x * BLOCK, span)


def blob(Picture image, int top, int left, int fill, const float[::1] levels, float[:, :, ::1] out):
    """Put a BGR picture into a padded RGB blob of planes."""
    with nogil:
        _blob(image, top, left, levels[fill], &levels[0], out)


def grey(Picture image, uint8_t[:, ::1] out):
    """Weigh blue, green and red into one grey."""
    with nogil:
        _grey(image, out)


def statistics(Grey grey, int dark, int bright, int span, int64_t[::1] out):
    """Count and sum what the quality gate looks at."""
    cdef int64_t* place = &out[0]
    with nogil:
        out[:] = 0
        place[0] = grey.shape[0] * grey.shape[1]
        _levels(grey, dark, bright, place)
        _laplacian(grey, place)
        _flat_blocks(grey, span, place)
