"""What a chart left open and an environment says: as whom its pods run, and that it selects no others' pods."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.branch.later import changed_at
from core.labels import INSTANCE_LABEL, SLUG_LABEL

_SELECTOR = {"Service": ("spec", "selector"), "PodDisruptionBudget": ("spec", "selector", "matchLabels")}
_NOBODY = ("", "default")
"""The account of a namespace for pods that name none: of a branch's pods it is no identity."""


def fitted(props: Mapping[str, Any], template: Sequence[str], *, slug: str, service_account: str) -> dict[str, Any]:
    """Return an object with what its chart left open.

    Several branches may share a namespace, of which a chart's author knows nothing. A selector that names the branch
    stays as it is, and so does the account of pods that name one.

    Args:
        props: of the object.
        template: where the template of its pods would be.
        slug: of the branch, which all of its pods carry as a label.
        service_account: as which they run.
    """

    def narrow(selector: object) -> object:
        if not isinstance(selector, Mapping) or not selector or {SLUG_LABEL, INSTANCE_LABEL} & selector.keys():
            return selector
        return {**selector, SLUG_LABEL: slug}

    def with_account(pod: object) -> object:
        if not isinstance(pod, Mapping) or "containers" not in pod or not service_account:
            return pod
        named = pod.get("serviceAccountName") or pod.get("serviceAccount")
        return pod if (named or "") not in _NOBODY else {**_without_account(pod), "serviceAccountName": service_account}

    result = changed_at(props, [*template, "spec"], with_account)
    path = _SELECTOR.get(str(props.get("kind")))
    return changed_at(result, path, narrow) if path else result


def _without_account(pod: Mapping[str, object]) -> dict[str, object]:
    # An old name of the same field.
    return {key: value for key, value in pod.items() if key != "serviceAccount"}
