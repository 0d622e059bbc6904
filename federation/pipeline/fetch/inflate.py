"""Inflates compressed bodies and demands their end mark. Must never hand out more than its limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from federation.pipeline.fetch.faults import Fault, FetchFailed, cut, too_large

PIECE = 64 * 1024
"""Bytes that are inflated at a time, so that a bomb is stopped one piece after the limit."""

_GZIP, _ZLIB, _RAW_DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def inflate(chunks: Iterator[bytes], coding: str, limit: int, where: str) -> Iterator[bytes]:
    """Decompress gzip or deflate, and demand its end mark. Stops a bomb one piece after ``limit`` bytes.

    ``requests`` would hand out a cut gzip body without a word. RFC 1952 lets members follow each other; "deflate" means
    zlib (RFC 9110, section 8.4.1.2), but some servers send it bare. Raises FetchFailed, FetchRefused.
    """
    gzip = coding != "deflate"
    machine = zlib.decompressobj(_GZIP if gzip else _ZLIB)
    started, total = False, 0
    for chunk in chunks:
        data = chunk
        if not started and not gzip and not _looks_zlib(data):
            machine = zlib.decompressobj(_RAW_DEFLATE)
        while data:
            if machine.eof:
                if not gzip or not data.strip(b"\x00"):
                    break
                machine = zlib.decompressobj(_GZIP)
            started = True
            piece = _inflated(machine, data, where)
            total += len(piece)
            if total > limit:
                raise too_large(where, limit)
            yield piece
            data = machine.unconsumed_tail or machine.unused_data
    if started and not machine.eof:
        raise cut(where)


def _inflated(machine: zlib._Decompress, data: bytes, where: str) -> bytes:
    try:
        return machine.decompress(data, PIECE)
    except zlib.error as error:
        raise FetchFailed(
            Fault.ENCODING,
            f"La compression de la réponse de {where} est abîmée. C'est souvent passager.",
            f"The compression of the answer of {where} is damaged ({error}). This often passes.",
        ) from error


def _looks_zlib(data: bytes) -> bool:
    return len(data) > 1 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
