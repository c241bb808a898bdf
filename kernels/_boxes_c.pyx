# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled twin of `kernels.boxes`: a detector's output into boxes, of overlapping ones the best."""

from libc.stdint cimport int32_t


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
