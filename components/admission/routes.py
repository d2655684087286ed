"""ValidatingAdmissionPolicies for how a branch is reached: its VirtualServices or HTTPRoutes, and its Services."""

import re

from components.admission.policy import SLUG_VARIABLES, Policy, Rule, text
from core.labels import INSTANCE_LABEL, SLUG_LABEL
from core.route_kinds import HTTP_ROUTE, VIRTUAL_SERVICE


def virtual_services_policy(*, domain: str, gateway: str) -> Policy:
    """Write the rules for VirtualServices.

    Args:
        domain: below which every branch has its host.
        gateway: the only Gateway that routes may hang on, as <namespace>/<name>.
    """
    # A list of nothing would be an error to index, so every step is optional.
    inside = 'd.?destination.?host.orValue("").matches(variables.within)'

    def all_inside(protocol: str) -> str:
        return f"object.spec.?{protocol}.orValue([]).all(r, r.?route.orValue([]).all(d, {inside}))"

    mirrors = (
        "object.spec.?http.orValue([]).all(r, "
        '(!has(r.mirror) || r.mirror.?host.orValue("").matches(variables.within)) && '
        f"r.?mirrors.orValue([]).all(d, {inside}))"
    )
    return Policy(
        name="routes",
        groups=(VIRTUAL_SERVICE.group,),
        resources=(VIRTUAL_SERVICE.resource,),
        operations=("CREATE", "UPDATE"),
        variables={
            **SLUG_VARIABLES,
            "within": r'"^[a-z0-9-]+(\\." + request.namespace + "(\\.svc(\\.cluster\\.local)?)?)?$"',
            "hosts": "object.?spec.?hosts.orValue([])",
            "gateways": "object.?spec.?gateways.orValue([])",
        },
        rules=(
            _host(domain, "hosts"),
            Rule(
                name="gateway",
                holds=f"size(variables.gateways) > 0 && variables.gateways.all(g, g == {text(gateway)})",
                because=f'"a branch\'s route hangs on the Gateway {gateway} alone, not on " + '
                '(size(variables.gateways) == 0 ? "the mesh" : variables.gateways.join(", "))',
                fix=f"write gateways: [{gateway}]",
            ),
            Rule(
                name="destination",
                holds=f"{all_inside('http')} && {all_inside('tcp')} && {all_inside('tls')} && {mirrors} && "
                "object.spec.?http.orValue([]).all(r, !has(r.delegate))",
                because='"a route stays inside the namespace " + request.namespace + ": no Service of another one, no '
                'host outside of the cluster, no delegate"',
                fix="name a Service of the branch, without a namespace",
            ),
        ),
    )


def http_routes_policy(*, domain: str, gateway: str) -> Policy:
    """Write the rules for HTTPRoutes, which are those for VirtualServices.

    Args:
        domain: below which every branch has its host.
        gateway: the only Gateway that routes may hang on, as <namespace>/<name>.
    """
    namespace, _, name = gateway.partition("/")
    group = HTTP_ROUTE.group

    def inside(reference: str) -> str:
        return (
            f'{reference}.?group.orValue("") == "" && {reference}.?kind.orValue("Service") == "Service" && '
            f"{reference}.?namespace.orValue(request.namespace) == request.namespace"
        )

    filters = (
        "filters.orValue([]).all(f, !has(f.extensionRef) && "
        f"(!has(f.requestMirror) || ({inside('f.requestMirror.backendRef')})))"
    )
    return Policy(
        name="routes",
        groups=(group,),
        resources=(HTTP_ROUTE.resource,),
        operations=("CREATE", "UPDATE"),
        variables={
            **SLUG_VARIABLES,
            "hosts": "object.?spec.?hostnames.orValue([])",
            "parents": "object.?spec.?parentRefs.orValue([])",
        },
        rules=(
            _host(domain, "hostnames"),
            Rule(
                name="gateway",
                # A Service as parent would take over what is called within the mesh.
                holds=f"size(variables.parents) > 0 && variables.parents.all(p, "
                f'p.?group.orValue({text(group)}) == {text(group)} && p.?kind.orValue("Gateway") == "Gateway" && '
                f"p.?namespace.orValue(request.namespace) == {text(namespace)} && p.name == {text(name)})",
                because=f'"a branch\'s route hangs on the Gateway {gateway} alone, not on " + '
                '(size(variables.parents) == 0 ? "nothing" : variables.parents.map(p, '
                'p.?kind.orValue("Gateway") + " " + p.?namespace.orValue(request.namespace) + "/" + p.name)'
                '.join(", "))',
                fix=f"write parentRefs: [{{namespace: {namespace}, name: {name}}}]",
            ),
            Rule(
                name="destination",
                holds="object.spec.?rules.orValue([]).all(r, r.?"
                f"{filters} && r.?backendRefs.orValue([]).all(b, {inside('b')} && b.?{filters}))",
                because='"a route stays inside the namespace " + request.namespace + ": no Service of another one, '
                'nothing but a Service, no extension"',
                fix="name a Service of the branch, without a namespace",
            ),
        ),
    )


def _host(domain: str, field: str) -> Rule:
    host, below = f'variables.slug + "." + {text(domain)}', rf"\.{re.escape(domain)}$"
    return Rule(
        name="host",
        # No slug has two dashes, so no branch's own host begins with another's slug and two dashes.
        holds=f"size(variables.hosts) > 0 && variables.hosts.all(h, h == {host} || "
        f'h.matches("^" + variables.slug + "--[a-z0-9-]+" + {text(below)}))',
        because=f'"the branch with the slug " + variables.slug + " may claim its own hosts alone, " + {host} + '
        f'" and " + variables.slug + "--<name>." + {text(domain)} + ", not " + variables.hosts.join(", ")',
        fix=f"write these hosts alone into `{field}`",
    )


def services_policy() -> Policy:
    """Write the rules for Services."""
    return Policy(
        name="services",
        groups=("",),
        resources=("services",),
        operations=("CREATE", "UPDATE"),
        variables={**SLUG_VARIABLES, "type": 'object.spec.?type.orValue("ClusterIP")'},
        rules=(
            Rule(
                name="service-type",
                holds='variables.type == "ClusterIP" && !has(object.spec.externalName) && '
                "size(object.spec.?externalIPs.orValue([])) == 0",
                because='"a branch\'s Service is reached through the gateway: its type is ClusterIP, not " + '
                'variables.type + ", without externalIPs"',
                fix="write type: ClusterIP, or leave it out",
            ),
            Rule(
                name="service-selector",
                holds=f'object.spec.?selector[?{text(INSTANCE_LABEL)}].orValue("") in [variables.slug, variables.stem]'
                f' || object.spec.?selector[?{text(SLUG_LABEL)}].orValue("") == variables.slug',
                because="\"a branch's Service selects the branch's own pods\"",
                fix=f"select by {INSTANCE_LABEL} or {SLUG_LABEL}, with the slug",
            ),
        ),
    )
