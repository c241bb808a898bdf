# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled twin of `kernels.boxes`: a detector's output into boxes, of overlapping ones the best.

What looks at every number stands in C, as in `kernels.pixels`. The exponential is our own, so that the
twins and all machines agree on it: whole powers of 2, and nine terms of the series for what is left.
"""

from libc.stdint cimport int32_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <stddef.h>

    #if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
    #define TWICE __attribute__((target_clones("avx2", "default")))
    #else
    #define TWICE
    #endif
    #define ROUNDER 6755399441055744.0  /* 1.5 * 2^52: added and taken away it leaves a whole number */

    static inline double power(double x) {
        union { double value; uint64_t bits; } whole_bits, out;
        x = x > -700.0 ? x : -700.0;
        whole_bits.value = x * 1.4426950408889634 + ROUNDER;
        double whole = whole_bits.value - ROUNDER;
        double rest = (x - whole * 6.93147180369123816490e-01) - whole * 1.90821492927058770002e-10;
        double sum = 1.0 / 40320;
        sum = sum * rest + 1.0 / 5040;
        sum = sum * rest + 1.0 / 720;
        sum = sum * rest + 1.0 / 120;
        sum = sum * rest + 1.0 / 24;
        sum = sum * rest + 1.0 / 6;
        sum = sum * rest + 1.0 / 2;
        sum = sum * rest + 1.0;
        sum = sum * rest + 1.0;
        out.value = sum;
        out.bits += whole_bits.bits << 52;  /* times 2^whole */
        return out.value;
    }

    TWICE static int any_above(const float *values, ptrdiff_t count, float least) {
        int found = 0;
        for (ptrdiff_t x = 0; x < count; x++)
            found |= values[x] > least;
        return found;
    }

    TWICE static float expected(const float *bins) {
        double powers[16], total = 0.0, weighted = 0.0;
        float top = bins[0];
        for (int bin = 1; bin < 16; bin++)
            top = bins[bin] > top ? bins[bin] : top;
        for (int bin = 0; bin < 16; bin++)
            powers[bin] = power((double)bins[bin] - (double)top);
        for (int bin = 0; bin < 16; bin++) {
            total += powers[bin];
            weighted += powers[bin] * bin;
        }
        return (float)(weighted / total);
    }

    static float logistic(float logit) {
        double small = power(logit < 0 ? logit : -(double)logit);
        return (float)((logit < 0 ? small : 1.0) / (1.0 + small));
    }
    """
    int any_above(const float*, Py_ssize_t, float) noexcept nogil
    float expected(const float*) noexcept nogil
    float logistic(float) noexcept nogil


cdef void _cell(
    const float* sides, const float* logits, Py_ssize_t classes, float x, float y, float stride, float* out
) noexcept nogil:
    cdef float left = x - expected(sides), top = y - expected(sides + 16)
    cdef float right = x + expected(sides + 32), bottom = y + expected(sides + 48)
    cdef Py_ssize_t name
    out[0] = (left + right) / <float> 2 * stride
    out[1] = (top + bottom) / <float> 2 * stride
    out[2] = (right - left) * stride
    out[3] = (bottom - top) * stride
    for name in range(classes):
        out[4 + name] = logistic(logits[name])


cdef Py_ssize_t _decode(
    const float[:, :, ::1] sides, const float[:, :, ::1] logits, float stride, float least,
    float[:, ::1] rows, Py_ssize_t count
) noexcept nogil:
    cdef Py_ssize_t classes = logits.shape[2], x, y
    for y in range(logits.shape[0]):
        if not any_above(&logits[y, 0, 0], logits.shape[1] * classes, least):
            continue
        for x in range(logits.shape[1]):
            if any_above(&logits[y, x, 0], classes, least):
                _cell(&sides[y, x, 0], &logits[y, x, 0], classes,
                      <float> x + <float> 0.5, <float> y + <float> 0.5, stride, &rows[count, 0])
                count += 1
    return count


cdef void _best(const float[:, ::1] output, int32_t[::1] labels, float[::1] scores) noexcept nogil:
    cdef Py_ssize_t columns = output.shape[1], row, x
    for x in range(columns):
        scores[x] = output[4, x]
        labels[x] = 0
    for row in range(5, output.shape[0]):
        for x in range(columns):
            if output[row, x] > scores[x]:
                scores[x] = output[row, x]
                labels[x] = <int32_t> (row - 4)


cdef Py_ssize_t _gather(
    const float[:, ::1] output, float floor, float[:, ::1] boxes, int32_t[::1] labels, float[::1] scores
) noexcept nogil:
    cdef Py_ssize_t x, count = 0
    cdef float across, down
    for x in range(output.shape[1]):
        if scores[x] > floor:
            across, down = output[2, x] / <float> 2, output[3, x] / <float> 2
            boxes[count, 0] = output[0, x] - across
            boxes[count, 1] = output[1, x] - down
            boxes[count, 2] = output[0, x] + across
            boxes[count, 3] = output[1, x] + down
            labels[count] = labels[x]
            scores[count] = scores[x]
            count += 1
    return count


cdef inline float _area(const float* box) noexcept nogil:
    return (box[2] - box[0]) * (box[3] - box[1])


cdef inline float _overlap(const float* one, const float* other) noexcept nogil:
    cdef float left = one[0] if one[0] > other[0] else other[0]
    cdef float top = one[1] if one[1] > other[1] else other[1]
    cdef float right = one[2] if one[2] < other[2] else other[2]
    cdef float bottom = one[3] if one[3] < other[3] else other[3]
    cdef float across = right - left if right > left else 0
    cdef float down = bottom - top if bottom > top else 0
    cdef float shared = across * down
    cdef float together = _area(one) + _area(other) - shared
    return shared / together if together > 0 else 0


cdef inline void _move(
    float[:, ::1] boxes, int32_t[::1] labels, float[::1] scores, Py_ssize_t source, Py_ssize_t target
) noexcept nogil:
    cdef Py_ssize_t side
    for side in range(4):
        boxes[target, side] = boxes[source, side]
    labels[target] = labels[source]
    scores[target] = scores[source]


cdef void _sort(float[:, ::1] boxes, int32_t[::1] labels, float[::1] scores, Py_ssize_t count) noexcept nogil:
    """Insert row after row, best first; rows of one score stay in their order. They are few."""
    cdef Py_ssize_t row, place, side
    cdef float[4] box
    cdef float score
    cdef int32_t label
    for row in range(1, count):
        if scores[row] <= scores[row - 1]:
            continue
        for side in range(4):
            box[side] = boxes[row, side]
        label, score = labels[row], scores[row]
        place = row
        while place > 0 and scores[place - 1] < score:
            _move(boxes, labels, scores, place - 1, place)
            place -= 1
        for side in range(4):
            boxes[place, side] = box[side]
        labels[place] = label
        scores[place] = score


cdef Py_ssize_t _suppress(
    float[:, ::1] boxes, int32_t[::1] labels, float[::1] scores, float overlap, Py_ssize_t count
) noexcept nogil:
    cdef Py_ssize_t row, rival, kept = 0
    for row in range(count):
        for rival in range(kept):
            if labels[rival] == labels[row] and not _overlap(&boxes[rival, 0], &boxes[row, 0]) <= overlap:
                break
        else:
            _move(boxes, labels, scores, row, kept)
            kept += 1
    return kept


cdef inline float _within(float value, float limit) noexcept nogil:
    return 0 if value < 0 else limit if value > limit else value


def decode(
    const float[:, :, ::1] sides, const float[:, :, ::1] logits, float stride, float least,
    float[:, ::1] rows, Py_ssize_t start,
):
    """Write a row for each cell that is likely enough, from row ``start`` on; return where they end."""
    cdef Py_ssize_t count
    with nogil:
        count = _decode(sides, logits, stride, least, rows, start)
    return count


def select(
    const float[:, ::1] output, float floor, float overlap,
    float[:, ::1] boxes, int32_t[::1] labels, float[::1] scores,
):
    """Write the boxes above the floor, best first, of overlapping ones the best; return how many."""
    cdef Py_ssize_t count
    with nogil:
        _best(output, labels, scores)
        count = _gather(output, floor, boxes, labels, scores)
        _sort(boxes, labels, scores, count)
        count = _suppress(boxes, labels, scores, overlap, count)
    return count


def restore(
    float[:, ::1] boxes, float left, float top, float across, float down, float width, float height
):
    """Shift, scale and clip boxes in place."""
    cdef Py_ssize_t row
    with nogil:
        for row in range(boxes.shape[0]):
            boxes[row, 0] = _within((boxes[row, 0] - left) / across, width)
            boxes[row, 1] = _within((boxes[row, 1] - top) / down, height)
            boxes[row, 2] = _within((boxes[row, 2] - left) / across, width)
            boxes[row, 3] = _within((boxes[row, 3] - top) / down, height)
