"""Running a command to its exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from pdfgc.cli.commands import app
from pdfgc.cli.printing import INPUT_FAULT, INTERRUPTED, complain
from pdfgc.cli.quiet import quiet_libraries
from pdfgc.errors import InputError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit status."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: of the command line, by default those of the process.

    Returns:
        0 if all went well, 2 if the input is at fault, 130 after Ctrl-C.
    """
    try:
        with quiet_libraries():
            status = app(
                sys.argv[1:] if arguments is None else list(arguments),
                exit_on_error=False,
                print_error=False,
                result_action="return_value",
            )
    except InputError as error:
        complain(str(error))
        return INPUT_FAULT
    except CycloptsError as error:
        complain(f"{' '.join(str(error).split())} Try pdfgc --help.")
        return INPUT_FAULT
    except KeyboardInterrupt:
        complain("stopped.")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status if isinstance(status, int) else 0
