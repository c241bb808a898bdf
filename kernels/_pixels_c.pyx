# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled twin of `kernels.pixels`: a picture into a model's blob, and its statistics in integers.

The inner loops stand in C because only there a function can be compiled twice, for any x86-64 and
for those with AVX2; the loader picks. Both give the same bits: integers, and single IEEE divisions.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <stddef.h>

    #if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
    #define TWICE __attribute__((target_clones("avx2", "default")))
    #else
    #define TWICE
    #endif
    #define SHORT 256  /* pixels that are swapped before they are divided */
    #define STRETCH 1024  /* pixels whose squares fit into 32 bits: 1024 * 1020 * 1020 < 2^32 */

    TWICE static void row_planes(
        const uint8_t *from, ptrdiff_t width, float *red, float *green, float *blue
    ) {
        for (ptrdiff_t x = 0; x < width; x++) {
            blue[x] = (float)from[3 * x] / 255.0f;
            green[x] = (float)from[3 * x + 1] / 255.0f;
            red[x] = (float)from[3 * x + 2] / 255.0f;
        }
    }

    TWICE static void row_swapped(const uint8_t *from, ptrdiff_t width, uint8_t *to) {
        for (ptrdiff_t x = 0; x < width; x++) {
            to[3 * x] = from[3 * x + 2];
            to[3 * x + 1] = from[3 * x + 1];
            to[3 * x + 2] = from[3 * x];
        }
    }

    TWICE static void row_lit(const uint8_t *from, ptrdiff_t width, float *to) {
        uint8_t swapped[3 * SHORT];
        for (ptrdiff_t start = 0; start < width; start += SHORT) {
            ptrdiff_t count = width - start < SHORT ? width - start : SHORT;
            row_swapped(from + 3 * start, count, swapped);
            for (ptrdiff_t x = 0; x < 3 * count; x++)
                to[3 * start + x] = (float)swapped[x] / 255.0f;
        }
    }

    TWICE static void row_grey(const uint8_t *from, ptrdiff_t width, uint8_t *to) {
        for (ptrdiff_t x = 0; x < width; x++)
            to[x] = (uint8_t)((1868 * (int32_t)from[3 * x] + 9617 * (int32_t)from[3 * x + 1]
                               + 4899 * (int32_t)from[3 * x + 2] + 8192) >> 14);
    }

    TWICE static void row_levels(
        const uint8_t *row, ptrdiff_t width, int32_t dark, int32_t bright, int64_t *out
    ) {
        for (ptrdiff_t start = 0; start < width; start += STRETCH) {
            ptrdiff_t stop = start + STRETCH < width ? start + STRETCH : width;
            uint32_t total = 0, squares = 0, low = 0, high = 0;
            for (ptrdiff_t x = start; x < stop; x++) {
                int32_t value = row[x];
                total += value;
                squares += value * value;
                low += value <= dark;
                high += value >= bright;
            }
            out[1] += total;
            out[2] += squares;
            out[3] += low;
            out[4] += high;
        }
    }

    TWICE static void row_edges(
        const uint8_t *above, const uint8_t *row, const uint8_t *below, ptrdiff_t width, int64_t *out
    ) {
        for (ptrdiff_t start = 1; start < width - 1; start += STRETCH) {
            ptrdiff_t stop = start + STRETCH < width - 1 ? start + STRETCH : width - 1;
            int32_t total = 0;
            uint32_t squares = 0;
            for (ptrdiff_t x = start; x < stop; x++) {
                int32_t value = above[x] + below[x] + row[x - 1] + row[x + 1] - 4 * (int32_t)row[x];
                total += value;
                squares += (uint32_t)(value * value);
            }
            out[5] += total;
            out[6] += squares;
        }
    }
    """
    void row_planes(const uint8_t*, Py_ssize_t, float*, float*, float*) noexcept nogil
    void row_swapped(const uint8_t*, Py_ssize_t, uint8_t*) noexcept nogil
    void row_lit(const uint8_t*, Py_ssize_t, float*) noexcept nogil
    void row_grey(const uint8_t*, Py_ssize_t, uint8_t*) noexcept nogil
    void row_levels(const uint8_t*, Py_ssize_t, int32_t, int32_t, int64_t*) noexcept nogil
    void row_edges(const uint8_t*, const uint8_t*, const uint8_t*, Py_ssize_t, int64_t*) noexcept nogil

ctypedef const uint8_t[:, :, ::1] Picture
ctypedef const uint8_t[:, ::1] Grey

cdef enum:
    BLOCK = 16

ctypedef fused Level:
    float
    uint8_t


cdef inline void _fill(Level* row, Py_ssize_t start, Py_ssize_t stop, Level value) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(start, stop):
        row[x] = value


cdef void _blob(
    Picture image, Py_ssize_t top, Py_ssize_t left, float fill, float[:, :, ::1] out
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
        row_planes(&image[y - top, 0, 0], width,
                   &out[0, y, 0] + left, &out[1, y, 0] + left, &out[2, y, 0] + left)


cdef inline void _row(const uint8_t* image, Py_ssize_t width, Level* out) noexcept nogil:
    if Level is uint8_t:
        row_swapped(image, width, out)
    else:
        row_lit(image, width, out)


cdef void _square(
    Picture image, Py_ssize_t top, Py_ssize_t left, Level fill, Level[:, :, ::1] out
) noexcept nogil:
    cdef Py_ssize_t height = image.shape[0], width = image.shape[1], across = out.shape[1], y
    for y in range(out.shape[0]):
        if y < top or y >= top + height:
            _fill(&out[y, 0, 0], 0, 3 * across, fill)
        else:
            _fill(&out[y, 0, 0], 0, 3 * left, fill)
            _row(&image[y - top, 0, 0], width, &out[y, 0, 0] + 3 * left)
            _fill(&out[y, 0, 0], 3 * (left + width), 3 * across, fill)


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


def blob(Picture image, int top, int left, int fill, float[:, :, ::1] out):
    """Put a BGR picture into a padded RGB blob of planes from 0 to 1."""
    with nogil:
        _blob(image, top, left, <float> fill / <float> 255.0, out)


def square(Picture image, int top, int left, int fill, float[:, :, ::1] out):
    """Put a BGR picture into a padded RGB picture of levels from 0 to 1."""
    with nogil:
        _square[float](image, top, left, <float> fill / <float> 255.0, out)


def square_of_levels(Picture image, int top, int left, int fill, uint8_t[:, :, ::1] out):
    """Put a BGR picture into a padded RGB picture of bytes."""
    with nogil:
        _square[uint8_t](image, top, left, <uint8_t> fill, out)


def grey(Picture image, uint8_t[:, ::1] out):
    """Weigh blue, green and red into one grey."""
    with nogil:
        row_grey(&image[0, 0, 0], image.shape[0] * image.shape[1], &out[0, 0])


def statistics(Grey grey, int dark, int bright, int span, int64_t[::1] out):
    """Count and sum what the quality gate looks at."""
    cdef int64_t* place = &out[0]
    cdef Py_ssize_t y, height = grey.shape[0], width = grey.shape[1]
    with nogil:
        out[:] = 0
        place[0] = height * width
        for y in range(height):
            row_levels(&grey[y, 0], width, dark, bright, place)
        for y in range(1, height - 1):
            row_edges(&grey[y - 1, 0], &grey[y, 0], &grey[y + 1, 0], width, place)
        _flat_blocks(grey, span, place)
