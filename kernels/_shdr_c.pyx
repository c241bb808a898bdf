# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""SHDR lines, compiled; checks and meaning stand in `kernels.shdr`."""

from libc.math cimport NAN
from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove, memset

from kernels._words cimport Minute, Words, eight, find, lowest_bit, stamp, told, words_of

cdef enum:
    END = 0
    ODD = 1
    FULL = 2
    NUMBER = 0
    TEXT = 1
    SKIPPED = 2
    EMPTY = 3
    WORDS = 0  # what a key takes
    NUMBERS = 1
    OTHERS = 2  # both, as it is not known
    FIELDS = 255  # of an SHDR line
    CONDITION = 7  # fields of a condition
    LEVELS = 4
    BLOCK = 64  # bytes that are searched for marks at a time
    MARKS = 1024  # found ahead: more than a line and a block can have

ctypedef const uint8_t* Place

cdef extern from *:
    const uint64_t LAST "(1ull << 63)"

cdef struct Marks:  # the bars, line ends and bytes beyond ASCII of a payload, those that come next
    const uint8_t* block  # where to look for more
    const uint8_t* limit
    int64_t next, count
    Place[MARKS] at

cdef struct Reader:  # what is known, what is filled, and how far it has come
    const uint8_t* base
    const uint8_t* limit
    const int64_t* levels
    const uint8_t* numeric
    uint8_t* takes
    Words known, keys, texts
    Minute last
    Marks marks
    int64_t row, room
    int64_t* line
    int32_t* key
    int64_t* ts
    double* value
    int32_t* text
    uint8_t* kind


def pairs(
    const uint8_t[::1] payload, const int64_t[:, ::1] levels, const uint8_t[::1] numeric,
    int32_t[::1] known_slots, int64_t[:, ::1] known_spans, int32_t[::1] key_slots, int64_t[:, ::1] key_spans,
    int32_t[::1] text_slots, int64_t[:, ::1] text_spans, uint8_t[::1] takes,
    int64_t[::1] counts, int64_t[::1] line, int32_t[::1] key, int64_t[::1] ts, double[::1] value,
    int32_t[::1] text, uint8_t[::1] kind,
):
    cdef Reader r
    cdef const uint8_t* next = &payload[0] + counts[0]
    cdef int why = END
    memset(&r.last, 0, sizeof(r.last))
    r.row = r.marks.next = r.marks.count = 0
    r.base, r.limit = &payload[0], &payload[0] + payload.shape[0]
    r.levels, r.numeric, r.takes = &levels[0, 0], &numeric[0], &takes[0]
    r.known = words_of(payload, known_slots, known_spans, numeric.shape[0])
    r.keys = words_of(payload, key_slots, key_spans, 0)
    r.texts = words_of(payload, text_slots, text_spans, 0)
    r.room = line.shape[0]
    r.line, r.key, r.ts, r.value, r.text, r.kind = &line[0], &key[0], &ts[0], &value[0], &text[0], &kind[0]
    r.marks.block, r.marks.limit = r.base + counts[0], r.limit
    with nogil:
        while why == END and counts[0] < payload.shape[0]:
            why = _line(&r, &next)
            if why == END:
                counts[0], counts[1] = next - r.base, r.row
                counts[2], counts[3] = r.keys.count, r.texts.count
    return why


cdef inline uint64_t _bits(const uint8_t* block, const uint8_t* limit) noexcept nogil:
    """Return a bit for each byte of a block, set where it is a mark."""
    cdef uint8_t[BLOCK] copy, found
    cdef uint64_t bits = 0
    cdef int i
    if limit - block < BLOCK:
        memset(copy, 0, BLOCK)
        memcpy(copy, block, <size_t>(limit - block))
        block = copy
    for i in range(BLOCK):
        found[i] = (block[i] == c"|") | (block[i] == c"\n") | (block[i] >> 7)
    for i in range(0, BLOCK, 8):  # the factor moves the lowest bits of eight bytes into the highest byte
        bits |= (eight(found + i) * 0x0102040810204080ULL >> 56) << i
    return bits


cdef inline int64_t _count(uint64_t bits) noexcept nogil:
    """Return how many bits are set: of pairs, of fours, of bytes, of all."""
    bits -= bits >> 1 & 0x5555555555555555ULL
    bits = (bits & 0x3333333333333333ULL) + (bits >> 2 & 0x3333333333333333ULL)
    return <int64_t>(((bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0FULL) * 0x0101010101010101ULL >> 56)


cdef void _search(Marks* marks) noexcept nogil:
    """Find the marks that come next, the payload's end behind the last.

    They are written eight at a time, those that are none over again: a loop over what a block really has
    would end where no processor foresees it.
    """
    cdef uint64_t bits
    cdef int64_t i, some, count = marks.count - marks.next
    memmove(marks.at, marks.at + marks.next, <size_t>count * sizeof(Place))
    while count <= MARKS - BLOCK - 1 and marks.block < marks.limit:
        bits = _bits(marks.block, marks.limit)
        some = count + _count(bits)
        while True:
            for i in range(8):
                marks.at[count + i] = marks.block + lowest_bit(bits | LAST)
                bits &= bits - 1
            count += 8
            if count >= some:
                break
        count, marks.block = some, marks.block + BLOCK
    if marks.block >= marks.limit:
        marks.at[count] = marks.limit
        count += 1
    marks.next, marks.count = 0, count


cdef inline int _line(Reader* r, const uint8_t** next) noexcept nogil:
    """Read a line; find where the next one begins."""
    cdef Place* cut
    cdef const uint8_t* at = next[0]
    cdef const uint8_t* mark = at
    cdef const uint8_t* said
    cdef const uint8_t* end
    cdef int64_t fields, i, level = -1
    cdef int why = END
    cdef int64_t time = INT64_MIN
    if r.marks.count - r.marks.next <= FIELDS and r.marks.block < r.limit:
        _search(&r.marks)
    cut = r.marks.at + r.marks.next
    fields = _fields(cut, r.limit)
    if fields == 0:
        return ODD
    r.marks.next += fields
    next[0] = cut[fields - 1] + (cut[fields - 1] != r.limit)
    while cut[fields - 1] > at and (cut[fields - 1] - 1)[0] == c"\r":
        cut[fields - 1] -= 1
    if cut[0] == at and fields == 1:
        return END
    if fields < 3 or fields % 2 == 0 or cut[0][1] == c"@":
        return ODD
    if at != cut[0]:
        mark = stamp(at, cut[0], r.limit, &time, &r.last)
        if mark == NULL or (mark != cut[0] and mark[0] != c"@"):
            return ODD
    if fields == CONDITION:
        level = _condition(r, cut)
    for i in range(0, 1 if level >= 0 else fields - 1, 2):
        said, end = cut[i + 1] + 1, cut[i + 2]
        if level >= 0:
            said, end = r.base + r.levels[2 * level], r.base + r.levels[2 * level] + r.levels[2 * level + 1]
        why = _pair(r, at, time, cut[i] + 1, cut[i + 1], said, end)
        if why != END:
            break
    return why


cdef inline int64_t _fields(const Place* cut, const uint8_t* limit) noexcept nogil:
    """Return how many fields a line has, whose bars and end come next; 0 where only Python can say."""
    cdef int64_t fields = 0
    while cut[fields] != limit and cut[fields][0] == c"|":
        fields += 1
        if fields == FIELDS:
            return 0
    return fields + 1 if cut[fields] == limit or cut[fields][0] == c"\n" else 0


cdef int64_t _condition(Reader* r, Place* cut) noexcept nogil:
    """Return the level that a line of seven fields tells, -1 where it tells three pairs."""
    cdef int64_t level, i
    cdef int64_t size = cut[2] - cut[1] - 1
    cdef bint same
    for level in range(LEVELS):
        same = r.levels[2 * level + 1] == size
        for i in range(size if same else 0):
            same = same and (cut[1][1 + i] & 0xDF) == r.base[r.levels[2 * level] + i]
        if same:
            for i in range(2, 5, 2):
                if find(&r.known, cut[i] + 1, cut[i + 1] - cut[i] - 1, False) >= 0:
                    return -1
            return level
    return -1


cdef inline int _pair(
    Reader* r, const uint8_t* line, int64_t time,
    const uint8_t* key, const uint8_t* key_end, const uint8_t* at, const uint8_t* end,
) noexcept nogil:
    """Take a pair into the next row."""
    cdef int64_t row = r.row
    cdef int32_t k
    cdef int said = 0
    if row == r.room:
        return FULL
    k = _key(r, key, key_end - key)
    if k < 0:
        return FULL
    r.line[row], r.key[row], r.ts[row], r.text[row], r.kind[row] = line - r.base, k, time, -1, NUMBER
    r.row = row + 1
    if r.takes[k] != WORDS:
        said = told(at, end, r.base, &r.value[row])
        if said > 0:
            return END
    r.value[row] = NAN
    if r.takes[k] == NUMBERS and end == at:
        r.kind[row] = EMPTY
    elif r.takes[k] == NUMBERS and end - at == 11 and memcmp(at, b"UNAVAILABLE", 11) == 0:
        r.kind[row] = SKIPPED
    elif said < 0:
        return ODD
    else:
        r.kind[row] = TEXT
        r.text[row] = find(&r.texts, at, end - at, True)
    return FULL if r.text[row] == -2 else END


cdef inline int32_t _key(Reader* r, const uint8_t* key, int64_t size) noexcept nogil:
    """Return a key's number, -2 where there is no room; note what it takes when it comes first."""
    cdef int64_t before = r.keys.count
    cdef int32_t known, k = find(&r.keys, key, size, True)
    if k == before:
        known = find(&r.known, key, size, False)
        r.takes[k] = OTHERS if known < 0 else NUMBERS if r.numeric[known] else WORDS
    return k
