"""The place of a branch's name in the policies and conditions that are written once for all branches of an app."""

from typing import Any

PLACEHOLDER = "${branch}"
"""Stands for the name of the branch's ServiceAccount, which no other branch of the app has."""


def render(document: Any, name: str, placeholder: str = PLACEHOLDER) -> Any:  # noqa: ANN401 - JSON
    """Put a name into a policy document or an expression, wherever the placeholder stands.

    Args:
        document: JSON, of which keys stay as they are, or text.
        name: of the ServiceAccount, or what a cloud replaces by it; of what another placeholder stands for.
        placeholder: that stands for it.
    """
    if isinstance(document, dict):
        # Sorted: a stack's outputs come in no order, and a document that reads otherwise each time is a change.
        return {key: render(document[key], name, placeholder) for key in sorted(document)}
    if isinstance(document, list | tuple):
        return [render(value, name, placeholder) for value in document]
    if isinstance(document, float) and document.is_integer():
        # Whole numbers travel so between stacks.
        return int(document)
    return document.replace(placeholder, name) if isinstance(document, str) else document
