# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""JSON lines, compiled; checks and meaning stand in `kernels.json_lines`."""

from libc.math cimport NAN
from libc.stdint cimport INT64_MIN, int16_t, int32_t, int64_t, uint8_t
from libc.string cimport memchr, memcmp, memset

from kernels._words cimport Minute, Words, digit, find, number, stamp, words_of

cdef enum:
    END = 0
    ODD = 1
    FULL = 2

ctypedef const uint8_t* Place

cdef struct Fields:  # of one JSON line
    Place[3] word  # machine, tag, text
    int64_t[3] size
    int64_t ts, source_ts, quality
    double value
    int have
    const uint8_t* begin  # of the payload
    const uint8_t* limit
    Minute last  # of its times and those of the lines before


def objects(
    const uint8_t[::1] payload,
    int32_t[::1] machine_slots, int64_t[:, ::1] machine_spans,
    int32_t[::1] tag_slots, int64_t[:, ::1] tag_spans,
    int32_t[::1] text_slots, int64_t[:, ::1] text_spans, int64_t[::1] counts, int64_t[:, ::1] line,
    int32_t[::1] machine, int32_t[::1] tag, int64_t[::1] ts, double[::1] value, int32_t[::1] text,
    int16_t[::1] quality, int64_t[::1] source_ts, uint8_t[::1] kind,
):
    cdef Words machines = words_of(payload, machine_slots, machine_spans, counts[2])
    cdef Words tags = words_of(payload, tag_slots, tag_spans, counts[3])
    cdef Words texts = words_of(payload, text_slots, text_spans, counts[4])
    cdef const uint8_t* base = &payload[0]
    cdef const uint8_t* at
    cdef const uint8_t* stop
    cdef const uint8_t* end = base + payload.shape[0]
    cdef Fields f
    cdef int64_t row
    cdef int why = END
    memset(&f, 0, sizeof(f))
    f.begin, f.limit = base, end
    with nogil:
        while counts[0] < payload.shape[0]:
            at = base + counts[0]
            stop = <const uint8_t*>memchr(at, c"\n", <size_t>(end - at))
            stop = end if stop == NULL else stop
            row = counts[1]
            if row == kind.shape[0]:
                why = FULL
                break
            if not _blank(at, stop):
                kind[row] = ODD
                if _object(at, stop, &f):
                    kind[row] = END
                    machine[row] = find(&machines, f.word[0], f.size[0], True)
                    tag[row] = find(&tags, f.word[1], f.size[1], True)
                    text[row] = find(&texts, f.word[2], f.size[2], True) if f.have & 4 else -1
                    if machine[row] == -2 or tag[row] == -2 or text[row] == -2:
                        why = FULL
                        break
                    ts[row], source_ts[row], quality[row] = f.ts, f.source_ts, <int16_t>f.quality
                    value[row] = f.value
                line[row, 0], line[row, 1] = at - base, stop - base
                counts[1] += 1
            counts[0] = min(stop - base + 1, payload.shape[0])
        counts[2], counts[3], counts[4] = machines.count, tags.count, texts.count
    return why


cdef inline bint _space(uint8_t letter) noexcept nogil:
    return letter == c" " or letter == c"\t" or letter == c"\r"


cdef bint _blank(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    while at < stop and _space(at[0]):
        at += 1
    return at == stop


cdef bint _object(const uint8_t* at, const uint8_t* stop, Fields* f) noexcept nogil:
    """Read a line that is one flat object of a reading's fields; False where it is anything else."""
    cdef const uint8_t* name
    cdef int64_t size
    f.have, f.value, f.quality, f.ts, f.source_ts = 0, NAN, 0, INT64_MIN, INT64_MIN
    at = _over(at, stop)
    if at == stop or at[0] != c"{":
        return False
    while True:
        at = _over(at + 1, stop)
        name = at + 1
        at = _string(at, stop)
        if at == NULL:
            return False
        size = at - 1 - name
        at = _over(at, stop)
        if at == stop or at[0] != c":":
            return False
        at = _field(name, size, _over(at + 1, stop), stop, f)
        if at == NULL:
            return False
        at = _over(at, stop)
        if at == stop or at[0] != c",":
            break
    if at == stop or at[0] != c"}" or _over(at + 1, stop) != stop:
        return False
    return f.have & 3 == 3 and (f.have >> 2 & 1) + (f.have >> 4 & 1) == 1


cdef const uint8_t* _over(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    while at < stop and _space(at[0]):
        at += 1
    return at


cdef const uint8_t* _string(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """Return where a plain string ends, NULL where there is none, or none without escapes and in ASCII."""
    if at >= stop or at[0] != c'"':
        return NULL
    at += 1
    while at < stop and at[0] != c'"':
        if at[0] < 0x20 or at[0] & 0x80 or at[0] == c"\\":
            return NULL
        at += 1
    return at + 1 if at < stop else NULL


cdef const uint8_t* _field(
    const uint8_t* name, int64_t size, const uint8_t* at, const uint8_t* stop, Fields* f
) noexcept nogil:
    """Read the value of a field; return where it ends, NULL where only Python can say."""
    cdef const uint8_t* end
    cdef bint whole
    cdef int which = _which(name, size)
    if which < 0 or f.have >> which & 1 or at >= stop:
        return NULL
    if which in (2, 3, 4, 6) and stop - at >= 4 and memcmp(at, b"null", 4) == 0:
        return at + 4
    f.have |= 1 << which
    if which <= 2:
        end = _string(at, stop)
        if end != NULL:
            f.word[which], f.size[which] = at + 1, end - at - 2
        return end
    if which == 4:
        end = _strict(at, stop)
        if end == NULL or number(at, end, f.begin, &f.value, &whole) != end:
            return NULL
        if whole and f.value == 0:
            f.value = 0.0  # as an integer it has no sign
        return end
    if which == 5:
        end = _integer(at, stop, &f.quality)
        return end if 0 <= f.quality < 32768 else NULL
    return _time(at, stop, f, &f.ts if which == 3 else &f.source_ts)


cdef int _which(const uint8_t* name, int64_t size) noexcept nogil:
    if size == 7 and memcmp(name, b"machine", 7) == 0:
        return 0
    if size == 3 and memcmp(name, b"tag", 3) == 0:
        return 1
    if size == 4 and memcmp(name, b"text", 4) == 0:
        return 2
    if size == 2 and memcmp(name, b"ts", 2) == 0:
        return 3
    if size == 5 and memcmp(name, b"value", 5) == 0:
        return 4
    if size == 7 and memcmp(name, b"quality", 7) == 0:
        return 5
    return 6 if size == 9 and memcmp(name, b"source_ts", 9) == 0 else -1


cdef const uint8_t* _strict(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """Return where a number as JSON writes it ends, NULL where there is none."""
    cdef const uint8_t* begin = at
    cdef bint fraction = False
    if at < stop and at[0] == c"-":
        at += 1
    if at == stop or not digit(at[0]) or (at[0] == c"0" and at + 1 < stop and digit(at[1])):
        return NULL
    while at < stop and (digit(at[0]) or at[0] | 32 == c"e" or c"+" <= at[0] <= c"." and at[0] != c","):
        if at[0] == c".":
            if fraction or at + 1 == stop or not digit(at[1]):
                return NULL
            fraction = True
        at += 1
    return at if at > begin else NULL


cdef const uint8_t* _integer(const uint8_t* at, const uint8_t* stop, int64_t* value) noexcept nogil:
    """Read an integer of at most 18 digits."""
    cdef const uint8_t* end = _strict(at, stop)
    cdef bint negative = end != NULL and at[0] == c"-"
    cdef int64_t sum = 0
    if end == NULL or end - at > 18:
        return NULL
    at += negative
    while at < end:
        if not digit(at[0]):
            return NULL
        sum, at = sum * 10 + (at[0] - c"0"), at + 1
    value[0] = -sum if negative else sum
    return end


cdef const uint8_t* _time(const uint8_t* at, const uint8_t* stop, Fields* f, int64_t* ts) noexcept nogil:
    if at[0] != c'"':
        return _integer(at, stop, ts)
    at = stamp(at + 1, stop, f.limit, ts, &f.last)
    return at + 1 if at != NULL and at < stop and at[0] == c'"' else NULL
