"""The cluster rights of the jobs, as docs/gitlab.md gives them."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.support.stacks import Base

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/gitlab.md"
ACCOUNT = "branch-environments-jobs"


def role(namespace: str) -> dict[str, Any]:
    """Give the Role that the document shows, for a namespace."""
    found = re.search(r"<!-- role -->\n```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found, "docs/gitlab.md shows a Role"
    shown: dict[str, Any] = yaml.safe_load(found[1])
    shown["metadata"]["namespace"] = namespace
    return shown


def writable_keys(app: str) -> list[str]:
    """Give the patterns of what the document's AWS policy lets an app write in the bucket."""
    policies = (json.loads(found) for found in re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
    statements = [statement for policy in policies for statement in policy["Statement"]]
    resources = [each["Resource"] for each in statements if "s3:PutObject" in each["Action"]]
    return [key.partition(":::")[2].partition("/")[2].replace("shop.", f"{app}.") for key in resources[0]]


def grant(base: Base, kubeconfig: Path) -> None:
    """Make a ServiceAccount with this Role in the app's namespace, which goes with the namespace.

    Args:
        base: the base stack of the app.
        kubeconfig: file to write, that uses the ServiceAccount.
    """
    cluster, namespace = base.cluster, base.namespace
    documented = role(namespace)
    here = {"namespace": namespace, "name": ACCOUNT}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": documented["metadata"]["name"]}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here},
        documented,
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": here,
            "roleRef": reference,
            "subjects": [{"kind": "ServiceAccount", **here}],
        },
    )
    token = cluster.kubectl("create", "token", ACCOUNT, f"--namespace={namespace}", "--duration=2h").strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    kubeconfig.write_text(yaml.safe_dump(config))
