"""ValidatingAdmissionPolicies for the namespaces that an app's deployer makes, and for the objects that guard them.

The deployer may make namespaces and bind roles anywhere, as RBAC cannot be narrower. These policies are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.admission.policy import POD_GROUPS, POD_RESOURCES, Params, Policy, Rule, label, literal, text, texts
from components.branch.namespace import NETWORK_POLICIES, guard_specs
from core.contract import OWN_NAMESPACE, NamespaceTemplate
from core.labels import APP_LABEL, BRANCH_ANNOTATION, SLUG_LABEL, URL_ANNOTATION, branch_labels
from core.names import MAX_SLUG

_DELETE = 'request.operation == "DELETE"'
_NEW = 'request.operation == "CREATE"'
# Made by Kubernetes itself.
_NAME_LABEL = "kubernetes.io/metadata.name"
_PROVIDER_ANNOTATIONS = "pulumi.com/"
_GROUPS = {
    "NetworkPolicy": ("networking.k8s.io", "networkpolicies"),
    "AuthorizationPolicy": ("security.istio.io", "authorizationpolicies"),
    "PeerAuthentication": ("security.istio.io", "peerauthentications"),
    "Sidecar": ("networking.istio.io", "sidecars"),
}


def branch_namespace_policies(
    *, app: str, namespace: str, reserved_slugs: Sequence[str], template: NamespaceTemplate
) -> list[Policy]:
    """Return the policies.

    Args:
        app: whose branches.
        namespace: of the app: those of its branches are called `<namespace>--<slug>`.
        reserved_slugs: that no branch may take.
        template: what each of them must have.
    """
    return [
        _namespaces(app, namespace, reserved_slugs, template),
        _role_bindings(app, template),
        _quotas(template),
        *(_as_ordered(kind, spec) for kind, (_, spec) in guard_specs(template).items()),
        _guarded(template),
    ]


def _namespaces(app: str, namespace: str, reserved_slugs: Sequence[str], template: NamespaceTemplate) -> Policy:
    ordered = {**template.labels, APP_LABEL: app}
    # What each branch has in its own words is not compared.
    known = sorted({*branch_labels(app, "x"), *template.labels, _NAME_LABEL})
    has_all = " && ".join(f"{label('object', key)} == {text(value)}" for key, value in sorted(ordered.items()))
    return Policy(
        name="namespaces",
        groups=("",),
        resources=("namespaces",),
        operations=("CREATE", "UPDATE", "DELETE"),
        everywhere=True,
        variables={
            "owner": f'{_NEW} ? "" : {label("oldObject", SLUG_LABEL)}',
            "owner_app": f'{_NEW} ? "" : {label("oldObject", APP_LABEL)}',
            "slug": f'{_DELETE} ? "" : {label("object", SLUG_LABEL)}',
            "labels": f"{_DELETE} ? {{}} : object.metadata.?labels.orValue({{}})",
            "old_labels": f"{_NEW} ? {{}} : oldObject.metadata.?labels.orValue({{}})",
            "annotations": f"{_DELETE} ? {{}} : object.metadata.?annotations.orValue({{}})",
            "old_annotations": f"{_NEW} ? {{}} : oldObject.metadata.?annotations.orValue({{}})",
        },
        rules=(
            Rule(
                name="no-branch-namespace",
                holds=f'{_NEW} || (variables.owner != "" && variables.owner_app == {text(app)})',
                because=f'"the namespace " + request.name + " is there already and is none of a branch of {app}"',
                fix="leave it to its owners",
            ),
            Rule(
                name="namespace-name",
                holds=f"{_DELETE} || (object.metadata.name == {text(namespace + '--')} + variables.slug && "
                f'variables.slug.matches("^[a-z0-9]+(-[a-z0-9]+)*$") && size(variables.slug) <= {MAX_SLUG} && '
                f"!(variables.slug in {texts(reserved_slugs)}))",
                because='"the namespace " + request.name + " is none of the branch with the slug " + '
                '(variables.slug == "" ? "(none)" : variables.slug)',
                fix=f"call it {namespace}--<slug>, and label it {SLUG_LABEL}: <slug>",
            ),
            Rule(
                name="namespace-labels",
                holds=f"{_DELETE} || ({has_all} && variables.labels.all(k, k in {texts(known)} || "
                "(k in variables.old_labels && variables.old_labels[k] == variables.labels[k])) && "
                f"variables.old_labels.all(k, k in {texts(known)} || k in variables.labels))",
                because='"the namespace " + request.name + " has the labels that the platform team orders, '
                + ", ".join(f"{key}={value}" for key, value in sorted(ordered.items()))
                + ", and others are not the branch's to change\"",
                fix="deploy with pulumi up of the branch's stack, which sets them",
            ),
            Rule(
                name="namespace-annotations",
                holds=f"{_DELETE} || (variables.annotations.all(k, {_project_annotation()} || "
                "(k in variables.old_annotations && variables.old_annotations[k] == variables.annotations[k])) && "
                f"variables.old_annotations.all(k, {_project_annotation()} || k in variables.annotations))",
                because='"annotations of the namespace " + request.name + " beside its branch and its URL are not the '
                "branch's to change\"",
                fix="leave them to the platform team",
            ),
        ),
    )


def _project_annotation() -> str:
    return f"k in {texts([BRANCH_ANNOTATION, URL_ANNOTATION])} || k.startsWith({text(_PROVIDER_ANNOTATIONS)})"


def _role_bindings(app: str, template: NamespaceTemplate) -> Policy:
    allowed = texts([f"{each.namespace}/{each.name}" for each in template.subjects])
    subject = 's.kind == "ServiceAccount" && (s.?namespace.orValue("") + "/" + s.name) in ' + allowed
    return Policy(
        name="role-bindings",
        groups=("rbac.authorization.k8s.io",),
        resources=("rolebindings",),
        operations=("CREATE", "UPDATE", "DELETE"),
        everywhere=True,
        variables={},
        rules=(
            Rule(
                name="rights-elsewhere",
                holds=f"{label('namespaceObject', APP_LABEL)} == {text(app)} && "
                f'{label("namespaceObject", SLUG_LABEL)} != ""',
                because=f'"the namespace " + request.namespace + " is none of a branch of {app}: nobody gets rights '
                'there"',
                fix="let the platform team give them",
            ),
            Rule(
                name="rights",
                holds=f'{_DELETE} || (object.roleRef.kind == "ClusterRole" && '
                f"object.roleRef.name == {text(template.role)} && object.?subjects.orValue([]).all(s, {subject}))",
                because=f"\"in a branch's namespace the rights of the ClusterRole {template.role} are given to "
                + ", ".join(f"{each.namespace}/{each.name}" for each in template.subjects)
                + ', and no others to anybody"',
                fix="leave rights to the branch's stack",
            ),
        ),
    )


def _quotas(template: NamespaceTemplate) -> Policy:
    hard = "object.spec.?hard.orValue({})"
    amounts = [
        f'{hard}[?"{key}"].hasValue() && quantity(object.spec.hard["{key}"]).compareTo(quantity("{amount}")) == 0'
        for key, amount in sorted(template.quota.items())
    ]
    return Policy(
        name="quotas",
        groups=("",),
        resources=("resourcequotas",),
        operations=("CREATE", "UPDATE"),
        variables={},
        rules=(
            Rule(
                name="quota",
                holds=" && ".join(["!has(object.spec.scopes)", "!has(object.spec.scopeSelector)", *amounts]),
                because="\"the quota of a branch's namespace is "
                + ", ".join(f"{key} {amount}" for key, amount in sorted(template.quota.items()))
                + '"',
                fix="leave it to the branch's stack, or let the platform team change isolation.environment of the app",
            ),
        ),
    )


def _as_ordered(kind: str, spec: Mapping[str, Any]) -> Policy:
    group, resource = _GROUPS[kind]
    ordered = literal(spec).replace(literal(OWN_NAMESPACE), "dyn(object.metadata.namespace)")
    return Policy(
        name=resource,
        groups=(group,),
        resources=(resource,),
        operations=("CREATE", "UPDATE"),
        variables={},
        rules=(
            Rule(
                name=f"ordered-{kind.lower()}",
                # Not of one type, for CEL: an object of this kind on one side, a map on the other.
                holds=f"dyn(object.spec) == {ordered}",
                because=f'"a {kind} of a branch\'s namespace says what the platform team orders, and nothing else"',
                fix="leave it to the branch's stack, or let the platform team change isolation.network or "
                "isolation.mesh of the app",
            ),
        ),
    )


def _guarded(template: NamespaceTemplate) -> Policy:
    """Refuse pods where their guards are not there.

    The NetworkPolicy is seen by the quota, which counts it: rules cannot look at kinds that nothing else in the API
    server watches. Once the last policy that names such a kind is deleted, its objects are not seen until a restart
    (k8s.io/apiserver, admission/plugin/policy/generic/policy_source.go: a shared informer does not start twice).
    """
    used = f'params.status.?used[?"{NETWORK_POLICIES}"].orValue("0")'
    counted = f'quantity({used}).compareTo(quantity("1")) == 0'
    return Policy(
        name="guards",
        groups=POD_GROUPS,
        resources=POD_RESOURCES,
        operations=("CREATE", "UPDATE"),
        variables={},
        params=Params(api_version="v1", kind="ResourceQuota", required=True),
        rules=(
            Rule(
                name="guards",
                holds=counted if NETWORK_POLICIES in template.quota else 'params.metadata.name != ""',
                because='"no NetworkPolicy guards the namespace " + request.namespace + ", as far as its quota knows"',
                fix="deploy with pulumi up of the branch's stack, which makes it before any pod",
            ),
        ),
    )
