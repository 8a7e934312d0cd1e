"""Answers of HTTP servers that we ask: as much of one as is wanted, and in our words why there is none."""

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientSSLError,
    ServerDisconnectedError,
    StreamReader,
    TooManyRedirects,
)

from moderation_service.config import causes

_CERTIFICATES = {
    10: "it has expired",
    18: "it is signed by itself",
    19: "it is signed by an authority that this machine does not trust",
    20: "it is signed by an authority that this machine does not trust",
    21: "it is signed by an authority that this machine does not trust",
    62: "it is for another name",
    64: "it is for another address",
}
"""What OpenSSL's X509_V_ERR_… mean (x509_vfy.h)."""

_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "no answer in time"),
    (ClientSSLError, "no secure connection: what answers does not speak TLS, or no version that we know"),
    (ClientConnectorDNSError, "its name leads to no address"),
    (ServerDisconnectedError, "the connection ended without an answer"),
    (TooManyRedirects, "it leads elsewhere without end"),
)


async def beginning(content: StreamReader, most: int) -> bytes:
    """Return what an answer begins with, all of it up to `most` bytes, however slowly it comes."""
    found = b""
    async for part in content.iter_any():
        found += part
        if len(found) >= most:
            break
    return found[:most]


def why(error: BaseException) -> str:
    """Say why a server gave no answer, in words that follow a colon."""
    if isinstance(error, ClientConnectorCertificateError):
        code = getattr(error.certificate_error, "verify_code", None)
        return f"the certificate is not accepted: {_CERTIFICATES.get(code or 0, 'it is not valid')}"
    words = next((words for kind, words in _WORDS if isinstance(error, kind)), None)
    if words is None and isinstance(error, ClientConnectorError):
        return causes.why(error.os_error)
    if words is None and isinstance(error, OSError):
        return causes.why(error)
    return words or "what answers does not speak HTTP"
