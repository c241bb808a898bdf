# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What lines of readings are made of: words that come again, numbers, times."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport strtod
from libc.string cimport memchr, memcmp, memcpy, memset

cdef enum:
    DIGITS = 64  # characters of a number

cdef struct Words:  # spans of the words found so far, and an open hash table of their numbers
    const uint8_t* text
    const uint8_t* limit
    int32_t* slots
    int64_t* spans
    int64_t mask, room, count

cdef struct Sixteen:  # bytes, as two numbers
    uint64_t head, tail

cdef extern from *:
    """
    static const double EXACT_TENS[23] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
    };
    static const uint8_t KEEP[32] = {  /* a mask of so many bytes begins as many before the middle */
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255
    };
    /* Eight bytes as a number, the first of them the lowest on every machine. */
    static inline uint64_t eight(const uint8_t* at) {
        uint64_t word;
        memcpy(&word, at, 8);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
    #endif
        return word;
    }
    """
    const double[23] EXACT_TENS
    const uint8_t[32] KEEP
    const uint64_t FACTOR "11400714819323198485ull"
    const uint64_t ONES "0x0101010101010101ull"  # in each byte
    const uint64_t SIXES "0x0606060606060606ull"
    const uint64_t ZEROS "0x3030303030303030ull"  # as digits
    const uint64_t POINTS "0x1E1E1E1E1E1E1E1Eull"  # less zeros
    const uint64_t HIGHS "0x8080808080808080ull"
    const uint64_t HIGH_HALVES "0xF0F0F0F0F0F0F0F0ull"
    uint64_t eight(const uint8_t* at) noexcept nogil
    int64_t lowest_bit "__builtin_ctzll"(uint64_t bits) noexcept nogil
    int64_t leading_zeros "__builtin_clzll"(uint64_t bits) noexcept nogil

cdef struct Minute:  # the one read last, as most times come in order
    uint8_t[16] text
    int64_t start


cdef inline Words words_of(
    const uint8_t[::1] payload, int32_t[::1] slots, int64_t[:, ::1] spans, int64_t count
) noexcept nogil:
    cdef Words words
    words.text, words.limit = &payload[0], &payload[0] + payload.shape[0]
    words.slots = &slots[0]
    words.spans = &spans[0, 0]
    words.mask, words.room, words.count = slots.shape[0] - 1, spans.shape[0], count
    return words


cdef inline Sixteen sixteen(const uint8_t* at, int64_t size, const uint8_t* limit) noexcept nogil:
    """Return the first sixteen bytes of a word, zeros behind its end."""
    cdef Sixteen found
    cdef uint8_t[16] copy
    size = min(size, 16)
    if limit - at < 16:
        memset(copy, 0, 16)
        memcpy(copy, at, <size_t>size)
        at = copy
    found.head = eight(at) & eight(KEEP + 16 - size)
    found.tail = eight(at + 8) & eight(KEEP + 24 - size)
    return found


cdef inline uint64_t mixed(uint64_t digest, Sixteen some) noexcept nogil:
    digest = (digest ^ some.head) * FACTOR
    digest = (digest ^ digest >> 32 ^ some.tail) * FACTOR
    return digest ^ digest >> 32


cdef inline int32_t find(Words* words, const uint8_t* word, int64_t size, bint add) noexcept nogil:
    """Return a word's number; -1 where it is not known, -2 where there is no room to add it."""
    cdef Sixteen other, some = sixteen(word, size, words.limit)
    cdef uint64_t digest = mixed(<uint64_t>size, some)
    cdef const uint8_t* text
    cdef int64_t i
    cdef int32_t code
    for i in range(16, size, 16):
        digest = mixed(digest, sixteen(word + i, size - i, words.limit))
    i = <int64_t>(digest & <uint64_t>words.mask)
    while True:
        code = words.slots[i]
        if code < 0:
            break
        if words.spans[2 * code + 1] == size:
            text = words.text + words.spans[2 * code]
            other = sixteen(text, size, words.limit)
            if other.head == some.head and other.tail == some.tail:
                if size <= 16 or memcmp(text, word, <size_t>size) == 0:
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


cdef inline int64_t digits_of(uint64_t word) noexcept nogil:
    """Return with how many digits eight bytes begin that were made values: less ``0``, each."""
    cdef uint64_t others = ((word + SIXES) | word) & HIGH_HALVES
    return lowest_bit(others) >> 3 if others else 8


cdef inline uint64_t valued(uint64_t word) noexcept nogil:
    """Return what eight digits mean, the first of them the highest: pairs, fours, all."""
    word = word * 10 + (word >> 8)
    return (
        (word & 0x000000FF000000FFULL) * 0x000F424000000064ULL
        + (word >> 16 & 0x000000FF000000FFULL) * 0x0000271000000001ULL
    ) >> 32


cdef inline bint short_number(
    const uint8_t* at, const uint8_t* end, double* value, bint* whole
) noexcept nogil:
    """Read a number of at most eight digits before its point and seven behind; False where it is none.

    The sixteen bytes before its end must be there.
    """
    cdef uint64_t front, back = eight(end - 8) ^ ZEROS, points = back ^ POINTS
    cdef bint negative = at[0] == c"-", point
    cdef int64_t before, behind
    points = (points - ONES) & ~points & HIGHS  # of its bytes: those that are zero, at least
    behind = leading_zeros(points | 1) >> 3
    point = points != 0 and behind < end - at
    behind *= point
    before = end - at - behind - point - (negative or at[0] == c"+")
    if before < 1 or before > 8:
        return False
    front = (eight(end - behind - point - 8) ^ ZEROS) & ~eight(KEEP + 8 + before)
    back &= ~eight(KEEP + 8 + behind)
    if ((front + SIXES) | front | (back + SIXES) | back) & HIGH_HALVES:
        return False
    value[0] = valued(front) * EXACT_TENS[behind] + valued(back)  # whole: nothing is rounded
    value[0] /= EXACT_TENS[behind] * (1 - 2 * negative)
    whole[0] = not point
    return True


cdef inline const uint8_t* number(
    const uint8_t* at, const uint8_t* end, const uint8_t* begin, double* value, bint* whole
) noexcept nogil:
    """Read a number of a payload that has its begin; return where it ends, NULL where there is none."""
    if at < end and end - begin >= 16 and short_number(at, end, value, whole):
        return end
    return long_number(at, end, value, whole)


cdef inline const uint8_t* long_number(
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
    const uint8_t* at, const uint8_t* end, const uint8_t* limit, int64_t* ts, Minute* last
) noexcept nogil:
    """Read ``YYYY-MM-DDTHH:MM:SS[.digits][Z]``; return where it ends, NULL where there is none."""
    cdef int64_t second, micro = 0, unit = 100000
    cdef uint64_t fraction
    cdef int64_t digits = 0
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
        if limit - at >= 8:
            fraction = eight(at) ^ ZEROS
            digits = digits_of(fraction)
        if 0 < digits < 8:
            micro, at = valued(fraction & eight(KEEP + 16 - digits)) // 100, at + digits
        else:
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


cdef inline int told(
    const uint8_t* at, const uint8_t* end, const uint8_t* begin, double* value
) noexcept nogil:
    """Return whether a text is a number as Python's ``float`` reads it, 1 or 0; -1: let Python say."""
    cdef bint whole
    if at == end:
        return 0
    if number(at, end, begin, value, &whole) == end:
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
