"""What the sets of metrics and of metrics groups have in common."""
from __future__ import annotations

from typing import Any, Generic, Iterator, TypeVar

_T = TypeVar('_T')


class MemberSet(Generic[_T]):
    """A set whose members are checked. Subclasses define _check(member), which raises, _members(), the set itself, and
    _empty(), a new object."""

    def _check(self, member: Any) -> None:
        raise NotImplementedError

    def _members(self) -> set[_T]:
        raise NotImplementedError

    def _empty(self) -> MemberSet[_T]:
        raise NotImplementedError

    def add(self, member: _T) -> None:
        self._check(member)
        self._members().add(member)

    def remove(self, member: _T) -> None:
        """KeyError if it is not in the set."""
        self._check(member)
        self._members().remove(member)

    def __add__(self, other: Any) -> Any:
        both = self._empty()
        if not isinstance(other, type(both)):
            raise TypeError('Unsupported type for addition: {}'.format(type(other)))
        both._members().update(self._members(), other._members())
        return both

    def __iter__(self) -> Iterator[_T]:
        return iter(self._members())

    def __next__(self) -> _T:
        """Any member; StopIteration if there is none."""
        return next(iter(self._members()))

    next = __next__

    def __len__(self) -> int:
        return len(self._members())

    def __repr__(self) -> str:
        members: list[Any] = list(self._members())
        return '{}[{}]'.format(type(self).__name__, ','.join(repr(member) for member in sorted(members)))
