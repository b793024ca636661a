"""Kaldi's binary primitives, written and read back (formats: README.md).

A file starts with `\\0B`; then come tokens (ASCII and one blank) and values, each integer or float with a size byte.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

HEADER = b"\0B"
_PACKED = {8: (b"CM3 ", "u1"), 16: (b"CM2 ", "<u2")}  # bits -> token and number type of a CompressedMatrix

Matrix = npt.NDArray[np.float64] | npt.NDArray[np.float32]


class KaldiFormatError(ValueError):
    """The bytes are not what was expected at this place."""


class KaldiWriter:
    """Appends primitives to `data`, which starts with the header."""

    def __init__(self) -> None:
        self.data = bytearray(HEADER)

    def token(self, text: str) -> None:
        """An ASCII token such as `<Nnet3>`; blanks would end it early and raise ValueError."""
        if not text or " " in text:
            raise ValueError(f"not a token: {text!r}")
        self.data += text.encode("ascii") + b" "

    def raw(self, text: str) -> None:
        """Text as it is (the network's configuration lines)."""
        self.data += text.encode("ascii")

    def integer(self, value: int) -> None:
        """int32."""
        self.data += b"\x04" + struct.pack("<i", value)

    def single(self, value: float) -> None:
        """float32."""
        self.data += b"\x04" + struct.pack("<f", value)

    def double(self, value: float) -> None:
        """float64."""
        self.data += b"\x08" + struct.pack("<d", value)

    def integers(self, values: list[int]) -> None:
        """std::vector<int32>: one size byte for the elements, then the count without a size byte."""
        self.data += b"\x04" + struct.pack("<i", len(values)) + np.asarray(values, "<i4").tobytes()

    def vector(self, values: npt.ArrayLike) -> None:
        """Vector<float>."""
        array = np.asarray(values, "<f4")
        self.token("FV")
        self.integer(len(array))
        self.data += array.tobytes()

    def matrix(self, values: Matrix) -> None:
        """Matrix<float>, row by row."""
        self.token("FM")
        self.integer(values.shape[0])
        self.integer(values.shape[1])
        self.data += np.ascontiguousarray(values, "<f4").tobytes()

    def compressed_matrix(self, values: Matrix, bits: int) -> None:
        """CompressedMatrix of 8 or 16 bits, linear from the least to the greatest value; read as any Matrix is."""
        token, kind = _PACKED[bits]
        low, span = float(values.min()), float(values.max() - values.min())
        self.data += token + struct.pack("<ffii", low, span, *values.shape)
        steps = np.round((values - low) / (span or 1.0) * (2**bits - 1))
        self.data += steps.astype(kind).tobytes()


class KaldiReader:
    """Reads primitives one after the other; raises KaldiFormatError where the bytes do not fit."""

    def __init__(self, data: bytes) -> None:
        if not data.startswith(HEADER):
            raise KaldiFormatError("no binary header")
        self._data = data
        self._at = len(HEADER)

    @property
    def at_end(self) -> bool:
        """True when nothing is left."""
        return self._at >= len(self._data)

    def token(self) -> str:
        """The next token, without its blank."""
        end = self._data.find(b" ", self._at)
        if end < 0:
            raise KaldiFormatError(f"no token at byte {self._at}")
        text = self._data[self._at : end]
        self._at = end + 1
        try:
            return text.decode("ascii")
        except UnicodeDecodeError as error:
            raise KaldiFormatError(f"no token at byte {end - len(text)}") from error

    def expect(self, *tokens: str) -> None:
        """Read these tokens and no others."""
        for expected in tokens:
            found = self.token()
            if found != expected:
                raise KaldiFormatError(f"{found!r} where {expected!r} was expected")

    def line(self) -> str:
        """Text up to the next end of line."""
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise KaldiFormatError(f"no line at byte {self._at}")
        text = self._data[self._at : end].decode("ascii")
        self._at = end + 1
        return text

    def integer(self) -> int:
        """int32."""
        self._size(4)
        return int(struct.unpack("<i", self._take(4))[0])

    def single(self) -> float:
        """float32."""
        self._size(4)
        return float(struct.unpack("<f", self._take(4))[0])

    def double(self) -> float:
        """float64."""
        self._size(8)
        return float(struct.unpack("<d", self._take(8))[0])

    def integers(self) -> list[int]:
        """std::vector<int32>."""
        self._size(4)
        count = int(struct.unpack("<i", self._take(4))[0])
        return [int(value) for value in np.frombuffer(self._take(4 * count), "<i4")]

    def vector(self) -> npt.NDArray[np.float32]:
        """Vector<float>."""
        self.expect("FV")
        return np.frombuffer(self._take(4 * self.integer()), "<f4")

    def matrix(self) -> npt.NDArray[np.float32]:
        """Matrix<float>, compressed or not."""
        kind = self.token()
        if kind == "FM":
            rows, columns = self.integer(), self.integer()
            return np.frombuffer(self._take(4 * rows * columns), "<f4").reshape(rows, columns)
        for bits, (token, number) in _PACKED.items():
            if token == kind.encode() + b" ":
                low, span, rows, columns = struct.unpack("<ffii", self._take(16))
                steps = np.frombuffer(self._take(rows * columns * bits // 8), number)
                values = low + steps.astype(np.float64) * span / (2**bits - 1)
                narrowed: npt.NDArray[np.float32] = values.astype(np.float32)
                return narrowed.reshape(rows, columns)
        raise KaldiFormatError(f"{kind!r} is no matrix")

    def _size(self, expected: int) -> None:
        found = self._take(1)[0]
        if found != expected:
            raise KaldiFormatError(f"size byte {found} at byte {self._at - 1}, {expected} expected")

    def _take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if count < 0 or len(piece) < count:
            raise KaldiFormatError(f"data end at byte {len(self._data)}")
        self._at += count
        return piece
