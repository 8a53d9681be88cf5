"""`python -m cotenant`: the command line."""

from cotenant.cli import main

if __name__ == "__main__":
    main()
