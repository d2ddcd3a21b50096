"""Everything that the outside touches; the only package that knows the other three."""
