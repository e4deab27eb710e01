"""coding.py - content codings for tests, br and zstd by the system's C libraries where these are."""
import ctypes
import ctypes.util
import gzip
import zlib


def _library(*names):
    for name in names:
        found = ctypes.util.find_library(name)
        if found:
            return ctypes.CDLL(found)
    return None


_br, _br_enc, _zstd = _library("brotlidec"), _library("brotlienc"), _library("zstd")


def can(coding):
    """Can it be decoded here?"""
    return coding in ("gzip", "deflate", "identity") or bool(_br if coding == "br" else _zstd)


def decode(coding, data, size_max=1 << 26):
    if coding == "gzip":
        return gzip.decompress(data)
    if coding == "deflate":
        return zlib.decompress(data)
    if coding == "identity":
        return data
    out = ctypes.create_string_buffer(size_max)
    if coding == "br":
        n = ctypes.c_size_t(size_max)
        if _br.BrotliDecoderDecompress(ctypes.c_size_t(len(data)), data, ctypes.byref(n), out) != 1:
            raise ValueError("no brotli")
        return out.raw[:n.value]
    if coding == "zstd":
        _zstd.ZSTD_decompressDCtx.restype = ctypes.c_size_t
        _zstd.ZSTD_createDCtx.restype = ctypes.c_void_p
        stream = ctypes.c_void_p(_zstd.ZSTD_createDCtx())
        n = _zstd.ZSTD_decompressDCtx(stream, out, ctypes.c_size_t(size_max), data,
                                      ctypes.c_size_t(len(data)))
        _zstd.ZSTD_freeDCtx(stream)
        if _zstd.ZSTD_isError(ctypes.c_size_t(n)):
            raise ValueError("no zstd")
        return out.raw[:n]
    raise ValueError("unknown coding " + coding)


def encode(coding, data):
    if coding == "gzip":
        return gzip.compress(data)
    if coding == "deflate":
        return zlib.compress(data)
    n = ctypes.c_size_t(len(data) + 1024)
    out = ctypes.create_string_buffer(n.value)
    if coding == "br":
        if _br_enc.BrotliEncoderCompress(5, 22, 0, ctypes.c_size_t(len(data)), data,
                                         ctypes.byref(n), out) != 1:
            raise ValueError("brotli failed")
        return out.raw[:n.value]
    if coding == "zstd":
        _zstd.ZSTD_compress.restype = ctypes.c_size_t
        size = _zstd.ZSTD_compress(out, n, data, ctypes.c_size_t(len(data)), 1)
        return out.raw[:size]
    return data
