# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""SHDR lines, compiled; checks and meaning stand in `kernels.shdr`."""

from libc.math cimport NAN
from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from kernels._words cimport Minute, Words, find, stamp, told, words_of

cdef enum:
    END = 0
    ODD = 1
    FULL = 2
    NUMBER = 0
    TEXT = 1
    SKIPPED = 2
    EMPTY = 3
    CUTS = 256  # fields of an SHDR line
    PLACES = 257  # of its bars, its begin and its end
    CONDITION = 7  # fields of a condition
    LEVELS = 4

ctypedef const uint8_t* Place

cdef uint64_t HIGH = 0x8080808080808080  # set in bytes beyond ASCII


def pairs(
    const uint8_t[::1] payload, const int64_t[:, ::1] levels, const uint8_t[::1] numeric,
    int32_t[::1] key_slots, int64_t[:, ::1] key_spans, int32_t[::1] text_slots, int64_t[:, ::1] text_spans,
    int64_t[::1] counts, int64_t[::1] line, int32_t[::1] key, int64_t[::1] ts, double[::1] value,
    int32_t[::1] text, uint8_t[::1] kind,
):
    cdef int why = END
    cdef Words keys = words_of(payload, key_slots, key_spans, counts[2])
    cdef Words texts = words_of(payload, text_slots, text_spans, counts[3])
    cdef const uint8_t* base = &payload[0]
    cdef const uint8_t* at
    cdef const uint8_t* stop
    cdef const uint8_t* end = base + payload.shape[0]
    cdef Minute last
    cdef int64_t row
    memset(&last, 0, sizeof(last))
    with nogil:
        while why == END and counts[0] < payload.shape[0]:
            at = base + counts[0]
            stop = <const uint8_t*>memchr(at, c"\n", <size_t>(end - at))
            stop = end if stop == NULL else stop
            row = counts[1]
            why = _line(
                at, stop, base, levels, numeric, &keys, &texts, &last, &row, line, key, ts, value, text, kind
            )
            if why == END:
                counts[0], counts[1] = min(stop - base + 1, payload.shape[0]), row
        counts[2], counts[3] = keys.count, texts.count
    return why


cdef int _line(
    const uint8_t* at, const uint8_t* stop, const uint8_t* base, const int64_t[:, ::1] levels,
    const uint8_t[::1] numeric, Words* keys, Words* texts, Minute* last, int64_t* row, int64_t[::1] line,
    int32_t[::1] key, int64_t[::1] ts, double[::1] value, int32_t[::1] text, uint8_t[::1] kind,
) noexcept nogil:
    cdef Place[PLACES] cut
    cdef int fields, i, level, said
    cdef int64_t time
    cdef int32_t k
    cdef const uint8_t* mark
    while stop > at and (stop - 1)[0] == c"\r":
        stop -= 1
    if stop == at:
        return END
    fields = _cut(at, stop, cut)
    if fields < 3 or fields % 2 == 0 or cut[1][1] == c"@" or at[0] == c"*":
        return ODD
    if cut[1] == at:
        time = INT64_MIN
    else:
        mark = stamp(at, cut[1], &time, last)
        if mark == NULL or (mark != cut[1] and mark[0] != c"@"):
            return ODD
    level = _condition(cut, base, levels, numeric, keys) if fields == CONDITION else -1
    for i in range(1, 2 if level >= 0 else fields, 2):
        if row[0] == line.shape[0]:
            return FULL
        k = find(keys, cut[i] + 1, cut[i + 1] - cut[i] - 1, True)
        if k == -2:
            return FULL
        key[row[0]], ts[row[0]], line[row[0]] = k, time, at - base
        if level >= 0:
            said = _say(
                base + levels[level, 0], base + levels[level, 0] + levels[level, 1], k, numeric, texts,
                row[0], value, text, kind,
            )
        else:
            said = _say(cut[i + 1] + 1, cut[i + 2], k, numeric, texts, row[0], value, text, kind)
        if said != END:
            return said
        row[0] += 1
    return END


cdef int _cut(const uint8_t* at, const uint8_t* stop, Place* cut) noexcept nogil:
    """Find the bars of a line, its end the last; return the number of fields, 0 where only Python can."""
    cdef int fields = 1
    cdef uint64_t some, high = 0
    cdef const uint8_t* begin = at
    while stop - at >= 8:
        memcpy(&some, at, 8)
        high, at = high | some, at + 8
    while at < stop:
        high, at = high | at[0], at + 1
    if high & HIGH:
        return 0
    at = begin
    while fields < CUTS:
        at = <const uint8_t*>memchr(at, c"|", <size_t>(stop - at))
        if at == NULL:
            break
        cut[fields] = at
        fields, at = fields + 1, at + 1
    cut[0], cut[fields] = begin - 1, stop
    return fields if at == NULL else 0


cdef int _condition(
    Place* cut, const uint8_t* base, const int64_t[:, ::1] levels,
    const uint8_t[::1] numeric, Words* keys,
) noexcept nogil:
    """Return the level that a line of seven fields tells, -1 where it tells three pairs."""
    cdef int level, i
    cdef int64_t size = cut[3] - cut[2] - 1
    cdef bint same
    cdef int32_t k
    for level in range(LEVELS):
        same = levels[level, 1] == size
        for i in range(size if same else 0):
            same = same and (cut[2][1 + i] & 0xDF) == base[levels[level, 0] + i]
        if same:
            for i in range(3, 6, 2):
                k = find(keys, cut[i] + 1, cut[i + 1] - cut[i] - 1, False)
                if 0 <= k < numeric.shape[0]:
                    return -1
            return level
    return -1


cdef int _say(
    const uint8_t* at, const uint8_t* stop, int32_t k, const uint8_t[::1] numeric, Words* texts, int64_t row,
    double[::1] value, int32_t[::1] text, uint8_t[::1] kind,
) noexcept nogil:
    """Fill the row of a pair with its value."""
    cdef bint known = k < numeric.shape[0]
    cdef int said = 0
    text[row], value[row] = -1, NAN
    if known and numeric[k] and stop == at:
        kind[row] = EMPTY
        return END
    if known and numeric[k] and stop - at == 11 and memcmp(at, b"UNAVAILABLE", 11) == 0:
        kind[row] = SKIPPED
        return END
    if not known or numeric[k]:
        said = told(at, stop, &value[row])
    if said < 0:
        return ODD
    kind[row] = NUMBER if said else TEXT
    if not said:
        value[row] = NAN
        text[row] = find(texts, at, stop - at, True)
    return FULL if text[row] == -2 else END
