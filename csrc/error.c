/* The words for the codes of sw_api.h. */
#include "sw.h"

const char *sw_strerror(int code)
{
    switch (code) {
    case SW_OK:
        return "no error";
    case SW_EINVAL:
        return "an argument makes no sense";
    case SW_EROOM:
        return "the output has not enough room";
    case SW_ECODEC:
        return "no such codec, or octets that are no whole number of its samples";
    case SW_ESHORT:
        return "shorter than an RTP header";
    case SW_EVERSION:
        return "the RTP version is not 2";
    case SW_ECSRC:
        return "the CSRC list passes the end of the packet";
    case SW_EEXT:
        return "the header extension passes the end of the packet";
    case SW_EPADDING:
        return "the padding is zero or more than the packet holds";
    case SW_ETYPE:
        return "an RTCP packet where RTP belongs";
    case SW_ELENGTH:
        return "an RTCP packet that is longer than its datagram, or shorter than what it must hold";
    case SW_EBASE64:
        return "no base64";
    default:
        return "unknown error code";
    }
}
