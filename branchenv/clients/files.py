"""Files that an option names."""

from pathlib import Path

from branchenv.model.errors import BranchenvError, ExitCode


def write(file: Path, text: str, *, option: str) -> None:
    """Write a file.

    Args:
        file: where.
        text: what.
        option: that names it.

    Raises:
        BranchenvError: the file cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as e:
        raise BranchenvError(
            f"it cannot be written: {e.strerror}",
            fix="name a file in a folder that exists and may be written",
            code=ExitCode.BAD_INPUT,
            field=option,
            value=file,
        ) from e
