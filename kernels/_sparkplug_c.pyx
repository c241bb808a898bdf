# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sparkplug B payloads, compiled; checks and meaning stand in `kernels.sparkplug`."""

from libc.stdint cimport INT64_MAX, INT64_MIN, int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef enum:
    ALIAS, SLOT, TIME, TYPE, KIND, FLAGS, VALUE, NAME, NAME_END, TEXT, TEXT_END, QUALITY
    VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5


def decode(
    const uint8_t[::1] payload, const int64_t[::1] bounds,
    const int64_t[:, ::1] known, int64_t[:, ::1] heads, int64_t[:, ::1] rows, Py_ssize_t first,
):
    with nogil:
        _decode(payload, bounds, known, heads, rows, first)


cdef void _decode(
    const uint8_t[::1] payload, const int64_t[::1] bounds,
    const int64_t[:, ::1] known, int64_t[:, ::1] heads, int64_t[:, ::1] rows, Py_ssize_t first,
) noexcept nogil:
    cdef Py_ssize_t i, row = first
    cdef bint full = False
    for i in range(heads.shape[0]):
        heads[i, 4] = 2
        if not full:
            heads[i, 4] = _payload(payload, bounds[i], bounds[i + 1], known, heads[i], rows, row)
        full = heads[i, 4] == 2
        if heads[i, 4]:
            heads[i, 2] = 0
        row += heads[i, 2]


cdef int64_t _payload(
    const uint8_t[::1] payload, Py_ssize_t begin, Py_ssize_t end,
    const int64_t[:, ::1] known, int64_t[::1] head, int64_t[:, ::1] rows, Py_ssize_t first,
) noexcept nogil:
    cdef const uint8_t* data = &payload[0] if end > begin else NULL
    cdef Py_ssize_t at = begin, row = first, last = -1, i, stop
    cdef uint64_t tag, number
    cdef int wire
    head[0] = head[1] = INT64_MIN
    head[2] = head[3] = 0
    while at < end:
        if not _tag(data, &at, end, &tag, &wire) or not _field(data, &at, end, wire, &number, &stop):
            return 1
        if tag == 1 and wire == VARINT:
            head[0] = _positive(number)
        elif tag == 3 and wire == VARINT:
            head[1] = _positive(number)
        elif tag == 2 and wire == BYTES:
            if row >= rows.shape[1]:
                return 2
            if not _metric(data, at, stop, rows, row):
                return 1
            last = _find(known, rows, row, last)
            _number(known, rows, row, last)
            head[3] += rows[SLOT, row] == -1
            row += 1
        at = stop
    for i in range(first, row):
        if rows[TIME, i] == INT64_MIN:
            rows[TIME, i] = head[0]
    head[2] = row - first
    return 0


cdef bint _metric(
    const uint8_t* data, Py_ssize_t at, Py_ssize_t end, int64_t[:, ::1] rows, Py_ssize_t row
) noexcept nogil:
    cdef uint64_t tag, number
    cdef int wire, column
    cdef Py_ssize_t stop
    for column in range(QUALITY):
        rows[column, row] = 0
    rows[NAME, row] = rows[QUALITY, row] = -1
    rows[TIME, row] = INT64_MIN
    while at < end:
        if not _tag(data, &at, end, &tag, &wire) or not _field(data, &at, end, wire, &number, &stop):
            return False
        if wire == VARINT:
            if tag == 2:
                rows[ALIAS, row] = <int64_t> number
                rows[FLAGS, row] |= 8
            elif tag == 3:
                rows[TIME, row] = _positive(number)
            elif tag == 4:
                rows[TYPE, row] = <uint32_t> number
            elif 5 <= tag <= 7:
                rows[FLAGS, row] &= ~(<int64_t> 1 << (tag - 5))
                rows[FLAGS, row] |= <int64_t> (number != 0) << (tag - 5)
            elif tag == 10 or tag == 11 or tag == 14:
                rows[KIND, row], rows[VALUE, row] = <int64_t> tag, <int64_t> number
        elif wire == BYTES:
            if tag == 1:
                rows[NAME, row], rows[NAME_END, row] = at, stop
            elif tag == 9:
                if not _quality(data, at, stop, &rows[QUALITY, row]):
                    return False
            elif 15 <= tag <= 19:
                rows[KIND, row], rows[TEXT, row], rows[TEXT_END, row] = <int64_t> tag, at, stop
        elif (wire == FIXED32 and tag == 12) or (wire == FIXED64 and tag == 13):
            rows[KIND, row], rows[VALUE, row] = <int64_t> tag, <int64_t> number
        at = stop
    return True


cdef bint _quality(const uint8_t* data, Py_ssize_t begin, Py_ssize_t end, int64_t* quality) noexcept nogil:
    """Find the value that stands where the key "Quality" stands among the keys."""
    cdef Py_ssize_t at = begin, stop, keys = 0, values = 0, wanted = -1
    cdef uint64_t tag, number
    cdef int wire, look
    for look in range(2):
        at = begin
        while at < end:
            if not _tag(data, &at, end, &tag, &wire) or not _field(data, &at, end, wire, &number, &stop):
                return False
            if wire == BYTES and tag == 1 and look == 0:
                if stop - at == 7 and memcmp(data + at, b"Quality", 7) == 0:
                    wanted = keys
                keys += 1
            elif wire == BYTES and tag == 2 and look == 1:
                if values == wanted and not _whole(data, at, stop, quality):
                    return False
                values += 1
            at = stop
        if wanted < 0:
            return True
    return True


cdef bint _whole(const uint8_t* data, Py_ssize_t at, Py_ssize_t end, int64_t* whole) noexcept nogil:
    cdef uint64_t tag, number
    cdef int wire
    cdef Py_ssize_t stop
    while at < end:
        if not _tag(data, &at, end, &tag, &wire) or not _field(data, &at, end, wire, &number, &stop):
            return False
        if wire == VARINT and (tag == 3 or tag == 4):
            whole[0] = <int64_t> <uint32_t> number
        at = stop
    return True


cdef Py_ssize_t _find(
    const int64_t[:, ::1] known, int64_t[:, ::1] rows, Py_ssize_t row, Py_ssize_t last
) noexcept nogil:
    """Look an alias up; those of a payload often follow one another."""
    cdef Py_ssize_t low = 0, high = known.shape[1], middle
    cdef int64_t alias = rows[ALIAS, row]
    rows[SLOT, row] = -1
    if not rows[FLAGS, row] & 8:
        return last
    if last + 1 < high and known[0, last + 1] == alias:
        rows[SLOT, row] = known[1, last + 1]
        return last + 1
    while low < high:
        middle = (low + high) >> 1
        if known[0, middle] < alias:
            low = middle + 1
        else:
            high = middle
    if low < known.shape[1] and known[0, low] == alias:
        rows[SLOT, row] = known[1, low]
        return low
    return last


cdef void _number(
    const int64_t[:, ::1] known, int64_t[:, ::1] rows, Py_ssize_t row, Py_ssize_t last
) noexcept nogil:
    """Turn the wire's bits into a double, as the metric's own type or its birth's says."""
    cdef uint64_t bits = <uint64_t> rows[VALUE, row]
    cdef int64_t kind = rows[KIND, row], type = rows[TYPE, row]
    cdef uint32_t half = <uint32_t> bits
    cdef float single
    cdef double value = 0.0
    if 10 <= kind <= 14:
        rows[TEXT, row] = rows[VALUE, row]
    if type == 0 and rows[SLOT, row] != -1:
        type = rows[TYPE, row] = known[2, last]
    if kind == 12:
        memcpy(&single, &half, 4)
        value = single
    elif kind == 13:
        memcpy(&value, &bits, 8)
    elif kind == 14:
        value = bits != 0
    elif type == 1:
        value = <int8_t> bits
    elif type == 2:
        value = <int16_t> bits
    elif type == 3 or (type == 4 and kind == 10):
        value = <int32_t> bits
    elif type == 4:
        value = <double> <int64_t> bits
    else:
        value = half if kind == 10 else <double> bits
    memcpy(&rows[VALUE, row], &value, 8)


cdef inline int64_t _positive(uint64_t number) noexcept nogil:
    return <int64_t> number if number <= INT64_MAX else INT64_MAX


cdef bint _tag(const uint8_t* data, Py_ssize_t* at, Py_ssize_t end, uint64_t* tag, int* wire) noexcept nogil:
    if not _varint(data, at, end, tag) or tag[0] >> 32:
        return False
    wire[0] = tag[0] & 7
    tag[0] >>= 3
    return tag[0] != 0


cdef bint _field(
    const uint8_t* data, Py_ssize_t* at, Py_ssize_t end, int wire, uint64_t* number, Py_ssize_t* stop
) noexcept nogil:
    """Leave the cursor at a field's first byte (behind a varint) and say where the field stops."""
    if wire == VARINT or wire == BYTES:
        if not _varint(data, at, end, number):
            return False
        if wire == BYTES and number[0] > <uint64_t> (end - at[0]):
            return False
        stop[0] = at[0] + (<Py_ssize_t> number[0] if wire == BYTES else 0)
        return True
    cdef Py_ssize_t width = 8 if wire == FIXED64 else 4
    if (wire != FIXED64 and wire != FIXED32) or end - at[0] < width:
        return False
    number[0] = 0
    memcpy(number, data + at[0], width)
    stop[0] = at[0] + width
    return True


cdef bint _varint(const uint8_t* data, Py_ssize_t* at, Py_ssize_t end, uint64_t* number) noexcept nogil:
    cdef uint64_t byte
    cdef int shift = 0
    number[0] = 0
    while at[0] < end:
        byte = data[at[0]]
        if shift == 63 and byte > 1:
            return False
        at[0] += 1
        number[0] |= (byte & 127) << shift
        if byte < 128:
            return True
        shift += 7
    return False
