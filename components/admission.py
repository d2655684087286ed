"""What the API server asks of everything that an app's deployer makes, changes or deletes.

All deployments of an app share one identity, so the API server cannot know for which branch a pipeline runs. It knows
whose an object is: by the slug in its label, which never changes, which its name follows from, and without which
nothing may be touched.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.admissionregistration.v1 as admission
import pulumi_kubernetes.meta.v1 as meta

from branchenv.names import DIGIT_PREFIX, MAX_SLUG
from components.deployer import user_name
from components.labels import APP_LABEL, INSTANCE_LABEL, SLUG_LABEL, app_labels
from components.limits import limits_name

OWNERSHIP = "ownership"
# What the `baseline` Pod Security Standard lets a container add.
_CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
# Kinds of volumes that do not reach the node's own files.
_VOLUMES = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
# The injector adds volumes, containers and settings to a pod by annotations, after the workload was looked at.
_INJECTION = ("inject.istio.io/", "proxy.istio.io/", "sidecar.istio.io/")


@dataclass(frozen=True, kw_only=True)
class AdmissionArgs:
    """What the rules need to know."""

    app: str
    namespace: str
    domain: str
    gateway: str
    """The only Gateway that routes may hang on, as <namespace>/<name>."""
    reserved_slugs: Sequence[str]
    service_accounts: Sequence[str]
    """That pods of every branch may use."""
    own_account: bool = False
    """Whether they may use the branch's own, called as its other objects."""
    images: Sequence[str]
    """Registries or repositories that images may come from. None: any."""
    chart_names: bool
    """Whether `<slug>-<rest>` is a name of the slug's, too."""
    max_replicas: int
    max_cpu: str
    """That one container's limit may be, as Kubernetes writes it."""
    max_memory: str
    room: Mapping[str, str]
    """What must be free in the namespace's quota for a new environment, by the quota's own keys. Empty: nothing."""
    more: Sequence["Policy"] = ()
    """Policies for kinds that only some apps' branches make."""

    def __post_init__(self) -> None:
        """Refuse rules that nothing could meet."""
        if not self.service_accounts and not self.own_account:
            raise ValueError("serviceAccounts: no pod could run; give at least the app's own")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that must hold, and what a person is told if it does not."""

    name: str
    """Named in the message, in docs/security.md and in the tests."""
    holds: str
    """CEL."""
    because: str
    """CEL of the message's middle: what is wrong, with what was found."""
    fix: str


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules for some kinds."""

    name: str
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    operations: tuple[str, ...]
    variables: dict[str, str]
    """CEL, by name; each may use those before it."""
    rules: tuple[Rule, ...]
    quota: str = ""
    """ResourceQuota that the rules read as `params`."""


class Admission(pulumi.ComponentResource):
    """The boundaries of an app's deployer, kept by the API server: a policy and a binding per topic.

    Type `branch-environments:base:Admission`. Left out on purpose: rules for people and for Argo CD, who have
    rights of their own.
    """

    policies: pulumi.Output[list[str]]
    """Names of the policies, known once all of them are bound."""

    def __init__(self, name: str, args: AdmissionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Admission", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bindings = []
        for policy in policies(args):
            metadata = meta.ObjectMetaArgs(name=f"{args.namespace}.{policy.name}", labels=app_labels(args.app))
            made = admission.ValidatingAdmissionPolicy(
                f"{name}-{policy.name}-policy", metadata=metadata, spec=_spec(policy, args), opts=child
            )
            bindings.append(
                admission.ValidatingAdmissionPolicyBinding(
                    f"{name}-{policy.name}-policy-binding",
                    metadata=metadata,
                    spec=admission.ValidatingAdmissionPolicyBindingSpecArgs(
                        policy_name=made.metadata.name,
                        validation_actions=["Deny"],
                        param_ref=_quota_of(policy, args),
                    ),
                    opts=child,
                )
            )
        self.policies = pulumi.Output.all(*(each.spec.policy_name for each in bindings))
        self.register_outputs({"policies": self.policies})


def _quota_of(policy: Policy, args: AdmissionArgs) -> admission.ParamRefArgs | None:
    if not policy.quota:
        return None
    # Whoever removes the quota has lifted it.
    return admission.ParamRefArgs(name=policy.quota, namespace=args.namespace, parameter_not_found_action="Allow")


def _spec(policy: Policy, args: AdmissionArgs) -> admission.ValidatingAdmissionPolicySpecArgs:
    return admission.ValidatingAdmissionPolicySpecArgs(
        param_kind=admission.ParamKindArgs(api_version="v1", kind="ResourceQuota") if policy.quota else None,
        # A rule that cannot be evaluated refuses.
        failure_policy="Fail",
        match_constraints=admission.MatchResourcesArgs(
            match_policy="Equivalent",
            namespace_selector=meta.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": args.namespace}),
            resource_rules=[
                admission.NamedRuleWithOperationsArgs(
                    api_groups=list(policy.groups),
                    api_versions=["*"],
                    resources=list(policy.resources),
                    operations=list(policy.operations),
                    scope="Namespaced",
                )
            ],
        ),
        match_conditions=[
            admission.MatchConditionArgs(
                name="deployer", expression=f"request.userInfo.username == {_text(user_name(args.app, args.namespace))}"
            ),
            *([] if policy.name == OWNERSHIP else [_rightly_owned(args)]),
        ],
        variables=[
            admission.VariableArgs(name=name, expression=expression) for name, expression in policy.variables.items()
        ],
        validations=[
            admission.ValidationArgs(
                expression=rule.holds,
                message_expression=f"{_text(f'rule {rule.name}: ')} + {rule.because} + {_text(f'; fix: {rule.fix}')}",
            )
            for rule in policy.rules
        ],
    )


def _rightly_owned(args: AdmissionArgs) -> admission.MatchConditionArgs:
    """Leave to the policy of ownership what it refuses: of several refusals the API server tells one, any one."""
    slug, app = _label("object", SLUG_LABEL), _label("object", APP_LABEL)
    return admission.MatchConditionArgs(
        name="owned",
        expression=f'{slug} != "" && {app} == {_text(args.app)} && (request.operation == "CREATE" || '
        f"({_label('oldObject', SLUG_LABEL)} == {slug} && {_label('oldObject', APP_LABEL)} == {app}))",
    )


def policies(args: AdmissionArgs) -> list[Policy]:
    """Write all rules of an app."""
    room = [_room(args)] if args.room else []
    return [_ownership(args), _routes(args), _services(), _pods(args), *room, *args.more]


def _text(value: str) -> str:
    """Write a CEL string."""
    return json.dumps(value, ensure_ascii=False)


def _texts(values: Sequence[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def _label(holder: str, label: str) -> str:
    return f'{holder}.metadata.?labels[?{_text(label)}].orValue("")'


SLUG_VARIABLES = {
    "slug": _label("object", SLUG_LABEL),
    "stem": f'variables.slug.matches("^[0-9]") ? {_text(DIGIT_PREFIX)} + variables.slug : variables.slug',
}


def _ownership(args: AdmissionArgs) -> Policy:
    gone = 'request.operation == "DELETE"'
    name = 'object.metadata.?name.orValue("")'
    separator = "-" if args.chart_names else "--"
    return Policy(
        name=OWNERSHIP,
        groups=("*",),
        resources=("*",),
        operations=("CREATE", "UPDATE", "DELETE"),
        variables={
            # On CREATE there is no old object, on DELETE no new one.
            "owner": f'request.operation == "CREATE" ? "" : {_label("oldObject", SLUG_LABEL)}',
            "owner_app": f'request.operation == "CREATE" ? "" : {_label("oldObject", APP_LABEL)}',
            "slug": f'{gone} ? "" : {_label("object", SLUG_LABEL)}',
            "stem": SLUG_VARIABLES["stem"],
        },
        rules=(
            Rule(
                name="no-branch-object",
                holds='request.operation == "CREATE" || '
                f'(variables.owner != "" && variables.owner_app == {_text(args.app)})',
                because='request.kind.kind + " " + request.name + " is there already and belongs to no branch '
                f"environment of {args.app}: it is main's, or somebody else's\"",
                fix="give the object a name that follows from the branch's slug, or let its owners change it",
            ),
            Rule(
                name="other-branch",
                holds=f'request.operation != "UPDATE" || variables.owner == "" || '
                f"(variables.owner == variables.slug && {_label('object', APP_LABEL)} == variables.owner_app)",
                because='request.kind.kind + " " + request.name + " belongs to the branch with the slug " + '
                f'variables.owner + ", and stays with it: its labels {APP_LABEL} and {SLUG_LABEL} cannot change"',
                fix="deploy from that branch's own stack, with its labels as they are",
            ),
            Rule(
                name="branch-labels",
                holds=f"{gone} || ({_label('object', APP_LABEL)} == {_text(args.app)} && "
                f'variables.slug.matches("^[a-z0-9]+(-[a-z0-9]+)*$") && size(variables.slug) <= {MAX_SLUG} && '
                f"!(variables.slug in {_texts(args.reserved_slugs)}))",
                because=f'request.kind.kind + " " + request.name + " must say whose it is: {APP_LABEL} is {args.app}, '
                f'and {SLUG_LABEL} the slug of a branch, not " + (variables.slug == "" ? "missing" : variables.slug)',
                fix="deploy with pulumi up of the branch's stack, which sets both labels",
            ),
            Rule(
                name="branch-name",
                holds=f"{gone} || {name} == variables.stem || {name}.startsWith(variables.stem + {_text(separator)})",
                because='request.kind.kind + " " + request.name + " is no name of the branch with the slug " + '
                "variables.slug",
                fix=f"call it as the slug (b--<slug> if that begins with a digit), or <slug>{separator}<rest>",
            ),
        ),
    )


def _room(args: AdmissionArgs) -> Policy:
    """Refuse the anchor, which is made before all else, where the quota has no room for an environment.

    It is a forecast: of two that ask at once, both may be let in, and the quota itself then stops the pods.
    """

    def free(what: str) -> str:
        used = f'params.status.?used[?"{what}"].orValue("0")'
        return f'quantity(params.spec.hard["{what}"]).sub(quantity({used}))'

    fits = [
        f'!("{what}" in params.spec.hard) || !{free(what)}.isLessThan(quantity("{amount}"))'
        for what, amount in args.room.items()
    ]
    each = ", ".join(f"{what} {amount}" for what, amount in args.room.items())
    return Policy(
        name="room",
        groups=("",),
        resources=("configmaps",),
        operations=("CREATE",),
        variables=SLUG_VARIABLES,
        quota=limits_name(args.app),
        rules=(
            Rule(
                name="room",
                holds="object.metadata.name != variables.stem || (" + " && ".join(f"({fit})" for fit in fits) + ")",
                because=f'"the namespace {args.namespace} has no room for another environment, which is counted with '
                f'{each}"',
                fix="close or put to sleep an environment of the app (branchenv list), or let the platform team raise "
                "lifecycle.most",
            ),
        ),
    )


def _routes(args: AdmissionArgs) -> Policy:
    within = rf"^[a-z0-9-]+(\\.{args.namespace}(\\.svc(\\.cluster\\.local)?)?)?$"
    # A list of nothing would be an error to index, so every step is optional.
    inside = 'd.?destination.?host.orValue("").matches("' + within + '")'

    def all_inside(protocol: str) -> str:
        return f"object.spec.?{protocol}.orValue([]).all(r, r.?route.orValue([]).all(d, {inside}))"

    mirrors = (
        "object.spec.?http.orValue([]).all(r, "
        f'(!has(r.mirror) || r.mirror.?host.orValue("").matches("{within}")) && '
        f"r.?mirrors.orValue([]).all(d, {inside}))"
    )
    host = f'variables.slug + "." + {_text(args.domain)}'
    return Policy(
        name="routes",
        groups=("networking.istio.io",),
        resources=("virtualservices",),
        operations=("CREATE", "UPDATE"),
        variables={
            **SLUG_VARIABLES,
            "hosts": "object.?spec.?hosts.orValue([])",
            "gateways": "object.?spec.?gateways.orValue([])",
        },
        rules=(
            Rule(
                name="host",
                holds=f"size(variables.hosts) == 1 && variables.hosts[0] == {host}",
                because=f'"the branch with the slug " + variables.slug + " may claim its own host alone, " + {host} + '
                '", not " + variables.hosts.join(", ")',
                fix="write that one host into `hosts`",
            ),
            Rule(
                name="gateway",
                holds=f"size(variables.gateways) > 0 && variables.gateways.all(g, g == {_text(args.gateway)})",
                because=f'"a branch\'s route hangs on the Gateway {args.gateway} alone, not on " + '
                '(size(variables.gateways) == 0 ? "the mesh" : variables.gateways.join(", "))',
                fix=f"write gateways: [{args.gateway}]",
            ),
            Rule(
                name="destination",
                holds=f"{all_inside('http')} && {all_inside('tcp')} && {all_inside('tls')} && {mirrors} && "
                "object.spec.?http.orValue([]).all(r, !has(r.delegate))",
                because=f'"a route stays inside the namespace {args.namespace}: no Service of another one, no host '
                'outside of the cluster, no delegate"',
                fix="name a Service of the branch, without a namespace",
            ),
        ),
    )


def _services() -> Policy:
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
                holds=f'object.spec.?selector[?{_text(INSTANCE_LABEL)}].orValue("") in [variables.slug, variables.stem]'
                f' || object.spec.?selector[?{_text(SLUG_LABEL)}].orValue("") == variables.slug',
                because="\"a branch's Service selects the branch's own pods\"",
                fix=f"select by {INSTANCE_LABEL} or {SLUG_LABEL}, with the slug",
            ),
        ),
    )


def _service_account(args: AdmissionArgs) -> Rule:
    own = ["variables.account == variables.stem"] if args.own_account else []
    shared = [f"variables.account in {_texts(args.service_accounts)}"] if args.service_accounts else []
    named = " or ".join([*(['" + variables.stem + "'] if own else []), *args.service_accounts])
    return Rule(
        name="service-account",
        holds=" || ".join([*own, *shared]),
        because=f'"pods run as the ServiceAccount {named}, not as " + '
        '(variables.account == "" ? "default" : variables.account)',
        fix="write it as serviceAccountName, or leave serviceAccount out of the environment file"
        + ("; a chart is given the name at places.serviceAccount" if own else ""),
    )


def _pods(args: AdmissionArgs) -> Policy:
    containers = "variables.containers.all(c, {})"
    from_allowed = " || ".join(
        f"c.image == {_text(each)} || "
        + " || ".join(f"c.image.startsWith({_text(each + mark)})" for mark in ("/", ":", "@"))
        for each in args.images
    )
    amounts = [
        f'c.?resources.?requests[?"{what}"].hasValue() && c.?resources.?limits[?"{what}"].hasValue()'
        for what in ("cpu", "memory")
    ]
    within = [
        f'!quantity(c.resources.limits["{what}"]).isGreaterThan(quantity("{most}"))'
        for what, most in (("cpu", args.max_cpu), ("memory", args.max_memory))
    ]
    images = (
        Rule(
            name="image",
            holds=containers.format(f"({from_allowed})"),
            because='"images come from ' + " or ".join(args.images) + ', not " + '
            'variables.containers.map(c, c.image).join(", ")',
            fix="push the image there, or let the platform team add its registry to isolation.images of the app",
        ),
    )
    return Policy(
        name="pods",
        groups=("apps",),
        resources=("deployments",),
        operations=("CREATE", "UPDATE"),
        variables={
            **SLUG_VARIABLES,
            "pod": "object.spec.template.spec",
            "containers": "variables.pod.containers + variables.pod.?initContainers.orValue([])",
            "account": 'variables.pod.?serviceAccountName.orValue("")',
        },
        rules=(
            _service_account(args),
            Rule(
                name="pod-labels",
                holds=f'object.spec.template.metadata.?labels[?{_text(APP_LABEL)}].orValue("") == {_text(args.app)} && '
                f'object.spec.template.metadata.?labels[?{_text(SLUG_LABEL)}].orValue("") == variables.slug && '
                f'object.spec.template.metadata.?labels[?{_text(INSTANCE_LABEL)}].orValue("") '
                "in [variables.slug, variables.stem] && "
                'object.spec.template.metadata.?labels[?"istio"].orValue("") == ""',
                because="\"pods carry their branch's labels, and none that another's Service or a Gateway selects: "
                f"{APP_LABEL}, {SLUG_LABEL} and {INSTANCE_LABEL} name the branch, and there is no label `istio`" + '"',
                fix="leave these labels to the branch's stack",
            ),
            Rule(
                name="injection",
                holds="object.spec.template.metadata.?annotations.orValue({}).all(k, !"
                + " && !".join(f"k.startsWith({_text(prefix)})" for prefix in _INJECTION)
                + ") && object.spec.template.metadata.?labels.orValue({}).all(k, !"
                + " && !".join(f"k.startsWith({_text(prefix)})" for prefix in _INJECTION)
                + ")",
                because='"pods do not change what Istio\'s injector adds to them"',
                fix=f"remove labels and annotations that begin with {', '.join(_INJECTION)}",
            ),
            Rule(
                name="host-access",
                holds="!variables.pod.?hostNetwork.orValue(false) && !variables.pod.?hostPID.orValue(false) && "
                "!variables.pod.?hostIPC.orValue(false) && "
                + containers.format("c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0)")
                + " && variables.pod.?volumes.orValue([]).all(v, "
                + " || ".join(f"has(v.{kind})" for kind in _VOLUMES)
                + ")",
                because='"pods have no part in their node: no host network, process or IPC namespace, no host port, '
                'no hostPath or network volume of their own"',
                fix="use an emptyDir, or a volume claim made for the app",
            ),
            Rule(
                name="privileges",
                holds=containers.format(
                    "!c.?securityContext.?privileged.orValue(false) && "
                    'c.?securityContext.?procMount.orValue("Default") == "Default" && '
                    f"c.?securityContext.?capabilities.?add.orValue([]).all(k, k in {_texts(_CAPABILITIES)})"
                ),
                because='"containers are not privileged, and add no capability beyond the baseline standard"',
                fix="remove privileged, procMount and the capability",
            ),
            Rule(
                name="scheduling",
                holds='variables.pod.?priorityClassName.orValue("") == "" && '
                'variables.pod.?nodeName.orValue("") == "" && '
                "variables.pod.?priority.orValue(0) <= 0",
                because="\"a branch's pods push nobody else's away and go through the scheduler\"",
                fix="remove priorityClassName and nodeName",
            ),
            Rule(
                name="replicas",
                holds=f"object.spec.?replicas.orValue(1) <= {args.max_replicas}",
                because=f'"a Deployment has at most {args.max_replicas} pods, not " + '
                "string(object.spec.?replicas.orValue(1))",
                fix="lower replicas, or let the platform team raise isolation.maxReplicas of the app",
            ),
            Rule(
                name="resources",
                holds=containers.format(" && ".join([*amounts, *within])),
                because=f'"every container requests cpu and memory and limits both, to {args.max_cpu} cpu and '
                f'{args.max_memory} of memory at most"',
                fix="set resources.requests and resources.limits, or let the platform team raise isolation.maxCpu "
                "and isolation.maxMemory of the app",
            ),
            *(images if args.images else ()),
        ),
    )
