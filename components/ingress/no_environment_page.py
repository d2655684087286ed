"""What a host below an app's domain answers that no branch has: a page that the gateway itself serves."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from components.gateway_page import gateway_page, page_rule
from components.ingress.certificate import wildcards
from core.api_versions import ISTIO_NETWORKING
from core.gateway_answers import NO_ENVIRONMENT
from core.labels import app_labels
from core.names import HASH_LENGTH

_NOT_FOUND = 404
# One page for all hosts: the gateway writes nothing into it, so a browser that runs scripts names the branch.
_CONTENT = """\
<h1>No environment at this address</h1>
<p>Each branch of {app} that is deployed answers at <code>&lt;branch&gt;.{domain}</code>.
<span id="branch">The first part of this address is the branch's name, or what a host can hold of it.</span></p>
<p>Its environment was removed, or it was never deployed. Most are removed with their branch or merge request, or a
while after the last push.</p>
<p>To have it back, push to the branch{redeploy}.</p>
{where}
<script>
const host = location.hostname, end = ".{domain}";
if (host.endsWith(end)) {{
  const slug = host.slice(0, -end.length), made = slug.match(/^(.+)-[0-9a-f]{{{hash_length}}}$/);
  const name = document.createElement("code");
  name.textContent = made ? made[1] : slug;
  document.getElementById("branch").replaceChildren(
    made ? "This would be a branch with a name like " : "This would be the branch ", name, ".");
}}
</script>
"""
_REDEPLOY = ', or start the job <code>redeploy</code> of its last <a href="{url}">pipeline</a>'
_LIST = """\
<p>The environments that are there:</p>
<pre><code>branchenv list --app {app}</code></pre>
"""


@dataclass(frozen=True, kw_only=True)
class NoEnvironmentPageArgs:
    """What the page needs to know."""

    app: str
    namespace: pulumi.Input[str]
    """Of the Gateway, where no branch has rights."""
    gateway: str
    """Name of the Gateway object."""
    domain: pulumi.Input[str]
    """Of the app, known once it is closed as far as it is to be."""
    open_paths: Sequence[str] = ()
    """Exact paths of a closed app that anybody may ask for, who must not learn of it here."""
    project_url: str = ""
    """The app's project in GitLab. Empty: nobody is sent there."""
    environments_url: str = ""
    """The list of its environments. Empty: the page names a command."""


class NoEnvironmentPage(pulumi.ComponentResource):
    """A VirtualService for all hosts of an app that are nobody's.

    Type `branch-environments:base:NoEnvironmentPage`. It is beside the Gateway, where no branch may change it, and
    its host is a wildcard: a branch's VirtualService and main's have exact hosts, which the gateway prefers from the
    moment when it hears of them. Left out on purpose: who may see it, which policies for the same hosts say.
    """

    domain: pulumi.Output[str]
    """The app's domain, known once its hosts answer."""

    def __init__(self, name: str, args: NoEnvironmentPageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:NoEnvironmentPage", name, None, opts)
        domain = pulumi.Output.from_input(args.domain)
        made = CustomResource(
            f"{name}-no-environment",
            api_version=ISTIO_NETWORKING,
            kind="VirtualService",
            metadata=meta.ObjectMetaArgs(
                name=f"{args.app}-no-environment", namespace=args.namespace, labels=app_labels(args.app)
            ),
            spec=domain.apply(lambda known: no_environment_spec(args, known)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.domain = pulumi.Output.all(domain, made.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"domain": self.domain})


def no_environment_spec(args: NoEnvironmentPageArgs, domain: str) -> dict[str, Any]:
    """Make the spec of a networking.istio.io/v1 VirtualService.

    Args:
        args: of the page.
        domain: of the app.
    """
    nothing = {
        "match": [{"uri": {"exact": path}} for path in sorted(set(args.open_paths))],
        "directResponse": {"status": _NOT_FOUND},
    }
    page = page_rule(no_environment_page(args, domain), status=_NOT_FOUND, state=NO_ENVIRONMENT)
    return {
        "hosts": wildcards([domain]),
        "gateways": [args.gateway],
        "http": [*([nothing] if args.open_paths else []), page],
    }


def no_environment_page(args: NoEnvironmentPageArgs, domain: str) -> str:
    """Write the page, as HTML. It reads well without its script, too.

    Args:
        args: of the page.
        domain: of the app.
    """
    app = escape(args.app)
    links = {args.environments_url: f"Environments of {app}", args.project_url: f"{app} in GitLab"}
    items = "".join(f'<li><a href="{escape(url)}">{text}</a></li>' for url, text in links.items() if url)
    command = "" if args.environments_url else _LIST.format(app=app)
    content = _CONTENT.format(
        app=app,
        domain=escape(domain),
        redeploy=_REDEPLOY.format(url=escape(f"{args.project_url}/-/pipelines")) if args.project_url else "",
        where=command + (f"<ul>{items}</ul>" if items else ""),
        hash_length=HASH_LENGTH,
    )
    return gateway_page(title=f"No environment of {args.app} here", content=content)
