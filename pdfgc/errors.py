"""Errors that name what the user can mend."""

from __future__ import annotations


class InputError(ValueError):
    """The user's input cannot be used; the message is one sentence that names it and the remedy.

    The command line prints the message and ends with exit status 2.
    """
