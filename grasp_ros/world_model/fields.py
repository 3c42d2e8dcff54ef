# SPDX-License-Identifier: Apache-2.0
"""The values of a manifest, taken one by one: of the type, size and range that they must have."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Iterator
from typing import Any

from grasp_ros.types import BadInput

LONGEST = 1000  # values of a list, characters of a text

# A manifest may be made to harm: a value is shown without walking through all of it.
_short = reprlib.Repr()
_short.maxlevel, _short.maxstring, _short.maxother, _short.maxlong = 2, 60, 60, 60


class Fields:
    """A mapping of names to values, and where it stands, for the texts of refusals.

    Every method raises BadInput naming the place, the value seen and what was expected.
    """

    def __init__(self, value: object, where: str):
        self._values: dict[str, Any]
        if not (isinstance(value, dict) and all(isinstance(name, str) for name in value)):
            raise BadInput(f'{where}: {_short.repr(value)}; values by name expected')
        self._values, self._where = dict(value), where

    def refused(self, reason: str) -> BadInput:
        """An error to raise, that says where this mapping stands."""
        return BadInput(f'{self._where}: {reason}')

    def number(self, name: str, low: float, high: float) -> float:
        """A finite number from low to high."""
        return self._number(self._take(name), name, low, high)

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number from low to high."""
        return self._whole(self._take(name), name, low, high)

    def wholes(self, name: str, count: int, low: int, high: int) -> tuple[int, ...]:
        """`count` whole numbers from low to high."""
        values = self._list(name)
        if len(values) != count:
            raise self._wrong(name, values, f'{count} whole numbers')
        return tuple(self._whole(one, name, low, high) for one in values)

    def text(self, name: str) -> str:
        """A text that is not empty."""
        return self._text(self._take(name), name)

    def choice(self, name: str, choices: Iterable[str]) -> str:
        """One of the texts `choices`."""
        value, known = self._take(name), list(choices)
        if not isinstance(value, str) or value not in known:
            raise self._wrong(name, value, f'one of {known}')
        return value

    def texts(self, name: str, least: int = 1) -> tuple[str, ...]:
        """Some texts, at least so many and each once."""
        texts = tuple(self._text(one, name) for one in self._list(name, least))
        if len(set(texts)) < len(texts):
            raise self._wrong(name, list(texts), 'each of them once')
        return texts

    def numbers(self, name: str, low: float, high: float) -> tuple[float, ...]:
        """Some finite numbers from low to high, at least one."""
        return tuple(self._number(one, name, low, high) for one in self._list(name))

    def inner(self, name: str) -> Fields:
        """A mapping inside this one."""
        return Fields(self._take(name), f'{self._where}: {name}')

    def free(self, name: str) -> dict[str, Any]:
        """A mapping that is taken as it is."""
        return self.inner(name)._values

    def each(self) -> Iterator[tuple[str, Fields]]:
        """All that is left, every value a mapping."""
        for name in list(self._values):
            yield name, self.inner(name)

    def has(self, name: str) -> bool:
        """Whether there is a value of that name, not taken yet."""
        return name in self._values

    def end(self) -> None:
        """Refuses values that nobody asked for: a slip in a name must not go unseen."""
        if self._values:
            raise self.refused(f'{_short.repr(list(self._values))} is not known here')

    def _take(self, name: str) -> object:
        if name not in self._values:
            seen = _short.repr(list(self._values))
            raise self.refused(f'{name} is missing among {seen}')
        return self._values.pop(name)

    def _list(self, name: str, least: int = 1) -> list[object]:
        value = self._take(name)
        if not isinstance(value, list) or not least <= len(value) <= LONGEST:
            raise self._wrong(name, value, f'a list of {least} to {LONGEST} values')
        return value

    def _text(self, value: object, name: str) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST:
            raise self._wrong(name, value, f'a text of 1 to {LONGEST} characters')
        return value

    def _whole(self, value: object, name: str, low: int, high: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong(name, value, f'a whole number from {low} to {high}')
        return value

    def _number(self, value: object, name: str, low: float, high: float) -> float:
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
        # Compared before it is made a float: a whole number may be too large for one.
        if not right or not low <= value <= high or not math.isfinite(value):  # type: ignore[operator,arg-type]
            raise self._wrong(name, value, f'a number from {low:g} to {high:g}')
        return float(value)  # type: ignore[arg-type]

    def _wrong(self, name: str, value: object, expected: str) -> BadInput:
        return self.refused(f'{name} is {_short.repr(value)}; {expected} expected')
