"""`python -m api.cli` is `runnotary`."""

from api.cli import main

main()
