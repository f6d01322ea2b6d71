/*
 * Finds the fields of a stream's `media` message: JSON (RFC 8259) in the form that everybody writes.
 *
 * Keys come in any order and with any white space. What this file does not take is left to json, which decides: escapes,
 * anything but ASCII, a key that comes twice, values that are objects or lists where none belong, numbers that are no
 * counts. It never guesses, so that a message means the same on both ways.
 */
#include "streamscan.h"

#define MAX_COUNT (INT64_C(1) << 53)
#define MAX_DIGITS 16
#define MAX_NUMBER_TEXT 32 /* of a number that is passed over */

typedef struct {
    const uint8_t *at, *end;
} cursor;

typedef struct {
    const uint8_t *begin;
    size_t octets;
} word;

static void skip_space(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
        c->at++;
}

/* One character, and the white space behind it. */
static int skip(cursor *c, uint8_t character)
{
    if (c->at == c->end || *c->at != character)
        return 0;
    c->at++;
    skip_space(c);
    return 1;
}

static int is(word w, const char *text, size_t octets)
{
    return w.octets == octets && memcmp(w.begin, text, octets) == 0;
}

#define IS(w, text) is(w, text, sizeof(text) - 1)

/* A string of printable ASCII without escapes. */
static int take_string(cursor *c, word *out)
{
    if (c->at == c->end || *c->at != '"')
        return 0;
    out->begin = ++c->at;
    while (c->at < c->end && *c->at != '"') {
        if (*c->at < 0x20 || *c->at >= 0x80 || *c->at == '\\')
            return 0;
        c->at++;
    }
    out->octets = (size_t)(c->at - out->begin);
    return skip(c, '"');
}

/* A string of which only the end is looked for: its characters are checked when it is decoded. */
static int take_payload(cursor *c, word *out)
{
    const uint8_t *quote;
    if (c->at == c->end || *c->at != '"')
        return 0;
    out->begin = ++c->at;
    quote = memchr(c->at, '"', (size_t)(c->end - c->at));
    if (!quote)
        return 0;
    out->octets = (size_t)(quote - out->begin);
    c->at = quote;
    return skip(c, '"');
}

static int is_digit(uint8_t character)
{
    return character >= '0' && character <= '9';
}

/* A count: digits, bare or in a string. */
static int take_count(cursor *c, int64_t *out)
{
    int quoted = c->at < c->end && *c->at == '"', digits = 0;
    int64_t value = 0;
    if (*out != -1)
        return 0; /* the key came twice */
    c->at += quoted;
    if (!quoted && c->end - c->at > 1 && c->at[0] == '0' && is_digit(c->at[1]))
        return 0; /* no JSON number begins so */
    for (; c->at < c->end && is_digit(*c->at) && digits < MAX_DIGITS; c->at++, digits++)
        value = value * 10 + (*c->at - '0');
    if (digits == 0 || value > MAX_COUNT)
        return 0;
    *out = value;
    if (quoted)
        return skip(c, '"');
    if (c->at < c->end && (is_digit(*c->at) || *c->at == '.' || *c->at == 'e' || *c->at == 'E'))
        return 0;
    skip_space(c);
    return 1;
}

static int take_digits(cursor *c)
{
    const uint8_t *begin = c->at;
    while (c->at < c->end && is_digit(*c->at))
        c->at++;
    return c->at > begin;
}

static int pass_number(cursor *c)
{
    const uint8_t *begin = c->at;
    if (*c->at == '-')
        c->at++;
    if (c->end - c->at > 1 && c->at[0] == '0' && is_digit(c->at[1]))
        return 0;
    if (!take_digits(c))
        return 0;
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!take_digits(c))
            return 0;
    }
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
            c->at++;
        if (!take_digits(c))
            return 0;
    }
    return c->at - begin <= MAX_NUMBER_TEXT;
}

static int pass_literal(cursor *c, const char *text, size_t octets)
{
    if ((size_t)(c->end - c->at) < octets || memcmp(c->at, text, octets) != 0)
        return 0;
    c->at += octets;
    return 1;
}

/* A value that nobody asks for. */
static int pass_value(cursor *c)
{
    word ignored;
    int found;
    if (c->at == c->end)
        return 0;
    if (*c->at == '"')
        return take_string(c, &ignored);
    if (*c->at == 't')
        found = pass_literal(c, "true", 4);
    else if (*c->at == 'f')
        found = pass_literal(c, "false", 5);
    else if (*c->at == 'n')
        found = pass_literal(c, "null", 4);
    else
        found = pass_number(c);
    skip_space(c);
    return found;
}

static int take_track(cursor *c, sw_scanned *out)
{
    word name;
    if (out->lane != -1 || !take_string(c, &name))
        return 0;
    if (IS(name, "inbound") || IS(name, "inbound_track"))
        out->lane = 0;
    else if (IS(name, "outbound") || IS(name, "outbound_track"))
        out->lane = 1;
    return out->lane != -1;
}

static int take_media_member(cursor *c, word key, sw_scanned *out)
{
    word payload;
    if (IS(key, "payload")) {
        if (out->payload || !take_payload(c, &payload))
            return 0;
        out->payload = payload.begin;
        out->payload_octets = payload.octets;
        return 1;
    }
    if (IS(key, "track"))
        return take_track(c, out);
    if (IS(key, "chunk"))
        return take_count(c, &out->chunk);
    if (IS(key, "timestamp"))
        return take_count(c, &out->timestamp);
    return pass_value(c);
}

/* What has been found of the outer object. */
enum { EVENT = 1, MEDIA = 2 };

static int take_media(cursor *c, sw_scanned *out)
{
    word key;
    if (!skip(c, '{'))
        return 0;
    do {
        if (!take_string(c, &key) || !skip(c, ':') || !take_media_member(c, key, out))
            return 0;
    } while (skip(c, ','));
    return skip(c, '}') && out->payload;
}

static int take_member(cursor *c, word key, sw_scanned *out, int *found)
{
    word value;
    if (IS(key, "event")) {
        if (*found & EVENT || !take_string(c, &value) || !IS(value, "media"))
            return 0;
        *found |= EVENT;
        return 1;
    }
    if (IS(key, "media")) {
        if (*found & MEDIA)
            return 0;
        *found |= MEDIA;
        return take_media(c, out);
    }
    if (IS(key, "sequenceNumber"))
        return take_count(c, &out->sequence_number);
    if (IS(key, "streamSid")) {
        if (out->sid || !take_string(c, &value))
            return 0;
        out->sid = value.begin;
        out->sid_octets = value.octets;
        return 1;
    }
    return pass_value(c);
}

int sw_stream_scan(const uint8_t *text, size_t octets, sw_scanned *out)
{
    cursor c = {text, text + octets};
    int found = 0;
    word key;
    memset(out, 0, sizeof *out);
    out->sequence_number = out->chunk = out->timestamp = -1;
    out->lane = -1;
    skip_space(&c);
    if (!skip(&c, '{'))
        return 0;
    do {
        if (!take_string(&c, &key) || !skip(&c, ':') || !take_member(&c, key, out, &found))
            return 0;
    } while (skip(&c, ','));
    return skip(&c, '}') && c.at == c.end && found == (EVENT | MEDIA);
}
