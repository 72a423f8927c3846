"""What differs between versions of Python."""

urepr = repr
