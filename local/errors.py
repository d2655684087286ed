"""The one error of the local tools that a person is meant to read."""


class LocalError(Exception):
    """Something a person can act on: what went wrong, and what to do.

    Printed without a traceback by `python -m local`; anything else is a bug and keeps its traceback.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}\n  -> {fix}")
        self.what = what
        self.fix = fix
