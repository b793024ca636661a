"""`python -m ivr` is `ivr`."""

from ivr.cli import main

main()
