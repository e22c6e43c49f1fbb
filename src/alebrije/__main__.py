"""`python -m alebrije` is the same as the `alebrije` program."""

from alebrije.cli import main

main()
