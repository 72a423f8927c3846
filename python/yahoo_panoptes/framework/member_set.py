"""What the sets of metrics and of metrics groups have in common."""


class MemberSet(object):
    """A set whose members are checked. Subclasses define _check(member), which raises, _members(), the set itself, and
    _empty(), a new object."""

    def add(self, member):
        self._check(member)
        self._members().add(member)

    def remove(self, member):
        """KeyError if it is not in the set."""
        self._check(member)
        self._members().remove(member)

    def __add__(self, other):
        both = self._empty()
        if not isinstance(other, type(both)):
            raise TypeError('Unsupported type for addition: {}'.format(type(other)))
        both._members().update(self._members(), other._members())
        return both

    def __iter__(self):
        return iter(self._members())

    def __next__(self):
        """Any member; StopIteration if there is none."""
        return next(iter(self._members()))

    next = __next__

    def __len__(self):
        return len(self._members())

    def __repr__(self):
        return '{}[{}]'.format(type(self).__name__, ','.join(repr(member) for member in sorted(self._members())))
