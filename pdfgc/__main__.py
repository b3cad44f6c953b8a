"""`python -m pdfgc` is the command line."""

from __future__ import annotations

from pdfgc.cli import main

if __name__ == "__main__":
    main()
