"""How many rows each row group of a Parquet file has, from the end of the file.

A reader that asks for rows of two groups unpacks both. Asked group by group, a file is unpacked once.

Source: Apache Parquet, "File format" and parquet.thrift (FileMetaData: row_groups is field 4; RowGroup:
    num_rows is 3); Apache Thrift, "Thrift compact protocol encoding".
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_MAGIC, _TAIL = b"PAR1", 8
_BYTES = {3: 1, 7: 8}  # those of a byte and a double; whole numbers have as many as they need
_WHOLE, _BINARY, _LISTS, _STRUCT = (4, 5, 6), 8, (9, 10), 12
_ROW_GROUPS, _NUM_ROWS = 4, 3


def group_rows(path: Path) -> list[int]:
    """The rows of each row group, in order; none where the file does not end as Parquet does."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TAIL, 0))
        tail = file.read(_TAIL)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or length + _TAIL > size:
            return []
        file.seek(size - _TAIL - length)
        try:
            groups = _Compact(file.read(length)).struct().get(_ROW_GROUPS, [])
            return [int(group[_NUM_ROWS]) for group in groups]
        except (IndexError, KeyError, TypeError, ValueError, AttributeError):
            return []


class _Compact:
    """Reads structs written in Thrift's compact protocol."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def struct(self) -> dict[int, Any]:
        """Fields by number."""
        fields, number = dict[int, Any](), 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 15, in_list=False)
        return fields

    def _value(self, kind: int, in_list: bool) -> Any:
        if kind in _WHOLE:
            return self._signed()
        if kind == _BINARY:
            length = self._varint()
            self._at += length
        elif kind == _STRUCT:
            return self.struct()
        elif kind in _LISTS:
            head = self._byte()
            count = self._varint() if head >> 4 == 15 else head >> 4
            return [self._value(head & 15, in_list=True) for _ in range(count)]
        elif kind in _BYTES:
            self._at += _BYTES[kind]
        elif kind in (1, 2):  # a truth value: in a field the kind says it, in a list a byte does
            self._at += in_list
        else:
            raise ValueError(f"no kind {kind} stands in a footer")
        return None

    def _byte(self) -> int:
        self._at += 1
        return self._body[self._at - 1]

    def _varint(self) -> int:
        found = shift = 0
        while True:
            one = self._byte()
            found |= (one & 127) << shift
            if one < 128:
                return found
            shift += 7

    def _signed(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
