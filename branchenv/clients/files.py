"""Files that an option names."""

from pathlib import Path

from branchenv.model.errors import bad_input


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
        raise bad_input(
            option,
            file,
            f"it cannot be written: {e.strerror}",
            "name a file in a folder that exists and may be written",
        ) from e
