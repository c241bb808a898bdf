# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled twin of `kernels.boxes`: a detector's output into boxes, of overlapping ones the best."""

from libc.stdint cimport int32_t, uint8_t


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


cdef void _suppress(
    const float[:, ::1] boxes, const int32_t[::1] labels, float overlap, uint8_t[::1] keep
) noexcept nogil:
    cdef Py_ssize_t count = keep.shape[0], row, later
    for row in range(count):
        keep[row] = 1
    for row in range(count):
        if not keep[row]:
            continue
        for later in range(row + 1, count):
            if keep[later] and labels[later] == labels[row]:
                keep[later] = _overlap(&boxes[row, 0], &boxes[later, 0]) <= overlap


def candidates(
    const float[:, ::1] output, float floor, float[:, ::1] boxes, int32_t[::1] labels, float[::1] scores
):
    """Write boxes, classes and scores above the floor; return how many."""
    cdef Py_ssize_t count
    with nogil:
        _best(output, labels, scores)
        count = _gather(output, floor, boxes, labels, scores)
    return count


def suppress(const float[:, ::1] boxes, const int32_t[::1] labels, float overlap, uint8_t[::1] keep):
    """Mark the boxes to keep, best first, of one class no two that overlap by more."""
    with nogil:
        _suppress(boxes, labels, overlap, keep)
