/*
 * The C interface of swsync: everything that Python may call, and nothing else. The sw_api_*.h beside this file are
 * its parts; here are the rules for all of them, and the codes.
 *
 * cffi reads these files as they are, in the order of sw.h, so they hold declarations and comments only: no
 * #include, no macros with arguments, no include guard (C files include "sw.h", which has one).
 *
 * Rules for every function here and for the files behind them:
 *  - Names begin with sw_ and then say their file: sw_ulaw_decode, sw_rtp_parse.
 *  - A function that can fail returns SW_OK or a negative SW_E... code; sw_strerror() turns any code into words.
 *  - The caller owns all memory. Nothing allocates, logs or keeps a pointer after it returns (an object that
 *    does says so). There is no global state but constant tables and the choice of CPU path, so any number of
 *    threads may be inside: cffi drops Python's lock around each call.
 *  - Time is an argument. Only rtpio.c, rtpwishes.c, rtpsocket.c, rtppace.c and wsio.c touch sockets and clocks, and
 *    datagrams.c sockets.
 *  - Arguments come in this order: the object, the inputs, their lengths, the outputs.
 *  - Each length is checked before the read that it protects.
 *  - The wire's byte order is made by shifts. PCM is int16 in the machine's order behind a void pointer of any
 *    alignment; inputs and outputs do not overlap.
 *  - Sequence numbers and timestamps wrap: their arithmetic is uint16_t and uint32_t.
 *  - Calls take blocks. Crossing from Python into C costs more than decoding a frame, so nothing here is meant
 *    to be called once a sample, and the hot paths take many frames a call.
 */

/* Codes. Zero is success; every failure is negative. */
enum {
    SW_OK = 0,
    SW_EINVAL = -1,   /* an argument makes no sense */
    SW_EROOM = -2,    /* the output has not enough room */
    SW_ECODEC = -3,   /* no such codec, or octets that are no whole number of its samples */
    SW_ESHORT = -4,   /* shorter than an RTP header */
    SW_EVERSION = -5, /* the RTP version is not 2 */
    SW_ECSRC = -6,    /* the CSRC list passes the end */
    SW_EEXT = -7,     /* the header extension passes the end */
    SW_EPADDING = -8, /* the padding is zero or more than the packet holds */
    SW_ETYPE = -9,    /* an RTCP packet where RTP belongs, or the other way round (RFC 5761 section 4) */
    SW_ELENGTH = -10, /* an RTCP packet that is longer than its datagram, or shorter than what it must hold */
    SW_EBASE64 = -11  /* no base64 (RFC 4648 section 4) */
};

/* What a code means, as a constant string; never NULL. */
const char *sw_strerror(int code);
