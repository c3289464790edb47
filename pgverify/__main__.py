"""`python -m pgverify` is the command line."""

from pgverify.cli import main

if __name__ == "__main__":
    main()
