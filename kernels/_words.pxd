# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What lines of readings are made of: words that come again, numbers, times."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport strtod
from libc.string cimport memchr, memcmp, memcpy

cdef enum:
    DIGITS = 64  # characters of a number

cdef struct Words:  # spans of the words found so far, and an open hash table of their numbers
    const uint8_t* text
    int32_t* slots
    int64_t* spans
    int64_t mask, room, count

cdef extern from *:
    """
    static const double EXACT_TENS[23] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
    };
    """
    const double[23] EXACT_TENS
    const uint64_t FACTOR "11400714819323198485ull"

cdef struct Minute:  # the one read last, as most times come in order
    uint8_t[16] text
    int64_t start


cdef inline Words words_of(
    const uint8_t[::1] payload, int32_t[::1] slots, int64_t[:, ::1] spans, int64_t count
) noexcept nogil:
    cdef Words words
    words.text = &payload[0]
    words.slots = &slots[0]
    words.spans = &spans[0, 0]
    words.mask, words.room, words.count = slots.shape[0] - 1, spans.shape[0], count
    return words


cdef inline int32_t find(Words* words, const uint8_t* word, int64_t size, bint add) noexcept nogil:
    """Return a word's number; -1 where it is not known, -2 where there is no room to add it."""
    cdef uint64_t digest = <uint64_t>size, some
    cdef int64_t i = 0
    cdef int32_t code
    while i < size:
        some = 0
        memcpy(&some, word + i, <size_t>min(size - i, 8))
        digest = (digest ^ some) * FACTOR
        digest ^= digest >> 32
        i += 8
    i = <int64_t>(digest & <uint64_t>words.mask)
    while True:
        code = words.slots[i]
        if code < 0:
            break
        if words.spans[2 * code + 1] == size:
            if memcmp(words.text + words.spans[2 * code], word, <size_t>size) == 0:
                return code
        i = (i + 1) & words.mask
    if not add:
        return -1
    if words.count == words.room:
        return -2
    code = <int32_t>words.count
    words.slots[i] = code
    words.spans[2 * code] = word - words.text
    words.spans[2 * code + 1] = size
    words.count += 1
    return code


cdef inline bint digit(uint8_t letter) noexcept nogil:
    return c"0" <= letter <= c"9"


cdef inline const uint8_t* number(
    const uint8_t* at, const uint8_t* end, double* value, bint* whole
) noexcept nogil:
    """Read ``[+-]digits[.digits][e[+-]digits]``; return where it ends, NULL where there is none."""
    cdef const uint8_t* begin = at
    cdef bint negative = at < end and at[0] == c"-", exact = True
    cdef uint64_t mantissa = 0
    cdef int64_t digits = 0, tens = 0, power = 0
    cdef bint down = False
    cdef char[DIGITS] copy
    cdef char* stop
    if at < end and (at[0] == c"-" or at[0] == c"+"):
        at += 1
    while at < end and digit(at[0]):
        mantissa, digits, at = mantissa * 10 + (at[0] - c"0"), digits + 1, at + 1
    if digits == 0 or end - begin >= DIGITS:
        return NULL
    whole[0] = True
    if at < end and at[0] == c".":
        whole[0], at = False, at + 1
        while at < end and digit(at[0]):
            mantissa, digits, tens, at = mantissa * 10 + (at[0] - c"0"), digits + 1, tens - 1, at + 1
    if at < end and (at[0] == c"e" or at[0] == c"E"):
        whole[0], at = False, at + 1
        if at < end and (at[0] == c"-" or at[0] == c"+"):
            down, at = at[0] == c"-", at + 1
        if at == end or not digit(at[0]):
            return NULL
        while at < end and digit(at[0]):
            power, at = power * 10 + (at[0] - c"0"), at + 1
            exact = exact and power < 1000
        tens += -power if down else power
    if exact and digits <= 15 and -22 <= tens <= 22:  # both exact: one rounding, as it should be
        value[0] = <double>mantissa / EXACT_TENS[-tens] if tens < 0 else <double>mantissa * EXACT_TENS[tens]
        if negative:
            value[0] = -value[0]
        return at
    memcpy(copy, begin, <size_t>(at - begin))
    copy[at - begin] = 0
    value[0] = strtod(copy, &stop)
    return at if stop == &copy[at - begin] else NULL


cdef inline int64_t two(const uint8_t* at) noexcept nogil:
    return (at[0] - c"0") * 10 + (at[1] - c"0") if digit(at[0]) and digit(at[1]) else -1000000


cdef inline const uint8_t* stamp(
    const uint8_t* at, const uint8_t* end, int64_t* ts, Minute* last
) noexcept nogil:
    """Read ``YYYY-MM-DDTHH:MM:SS[.digits][Z]``; return where it ends, NULL where there is none."""
    cdef int64_t second, micro = 0, unit = 100000
    cdef const uint8_t* mark
    if end - at < 19 or at[16] != c":":
        return NULL
    if memcmp(at, last.text, 16) != 0 and not minute(at, last):
        return NULL
    second = two(at + 17)
    if second < 0 or second > 59:
        return NULL
    at += 19
    if at < end and at[0] == c".":
        mark = at = at + 1
        while at < end and digit(at[0]):
            micro, unit, at = micro + unit * (at[0] - c"0"), unit // 10, at + 1
        if at == mark or at - mark > 9:
            return NULL
    if at < end and at[0] == c"Z":
        at += 1
    ts[0] = last.start + second * 1000000 + micro
    return at


cdef inline bint minute(const uint8_t* at, Minute* last) noexcept nogil:
    """Read ``YYYY-MM-DDTHH:MM``; False where it is no minute of the calendar."""
    cdef int64_t year, month, day, hour, mins, days
    if at[4] != c"-" or at[7] != c"-" or at[10] != c"T" or at[13] != c":":
        return False
    year, month, day = two(at) * 100 + two(at + 2), two(at + 5), two(at + 8)
    hour, mins = two(at + 11), two(at + 14)
    if year < 1 or month < 1 or month > 12 or day < 1 or day > days_of(year, month):
        return False
    if hour < 0 or hour > 23 or mins < 0 or mins > 59:
        return False
    year -= month <= 2  # years that begin in March, in cycles of 400
    days = year * 365 + year // 4 - year // 100 + year // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day
    memcpy(last.text, at, 16)
    last.start = (((days - 719469) * 24 + hour) * 60 + mins) * 60000000
    return True


cdef inline int64_t days_of(int64_t year, int64_t month) noexcept nogil:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef inline int told(const uint8_t* at, const uint8_t* end, double* value) noexcept nogil:
    """Return whether a text is a number as Python's ``float`` reads it, 1 or 0; -1: let Python say."""
    cdef bint whole
    if at == end:
        return 0
    if number(at, end, value, &whole) == end:
        return 1
    if c"a" <= at[0] | 32 <= c"z":
        if end - at < 3:
            return 0
        if at[0] | 32 == c"n" and at[1] | 32 == c"a" and at[2] | 32 == c"n":
            return -1
        return -1 if at[0] | 32 == c"i" and at[1] | 32 == c"n" and at[2] | 32 == c"f" else 0
    if at[0] > c" " and (end - 1)[0] > c" " and memchr(at, c" ", <size_t>(end - at)) != NULL:
        return 0
    return -1
