"""Helpers for values."""
import string


def strip_non_printable(value):
    """The printable ASCII characters of the text; one that lost some says so and gives its octets in hexadecimal."""
    if value is None or all(character in string.printable for character in value):
        return value
    printable = ''.join(character for character in value if character in string.printable)
    octets = ' '.join('{:02X}'.format(ord(character)) for character in value)
    return '{} (contains binary: {})'.format(printable, octets)
