"""What the API server asks of the pods that a branch's Deployments make."""

from collections.abc import Sequence

from components.labels import APP_LABEL, INSTANCE_LABEL, SLUG_LABEL
from components.policy import SLUG_VARIABLES, Policy, Rule, text, texts

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


def pods_policy(
    *,
    app: str,
    service_accounts: Sequence[str],
    own_account: bool,
    images: Sequence[str],
    max_replicas: int,
    max_cpu: str,
    max_memory: str,
) -> Policy:
    """Write the rules for Deployments.

    Args:
        app: whose branches.
        service_accounts: that pods of every branch may use.
        own_account: whether they may use the branch's own, called as its other objects.
        images: registries or repositories that images may come from; none: any.
        max_replicas: of one Deployment.
        max_cpu: that one container's limit may be, as Kubernetes writes it.
        max_memory: the same.
    """
    containers = "variables.containers.all(c, {})"
    from_allowed = " || ".join(
        f"c.image == {text(each)} || "
        + " || ".join(f"c.image.startsWith({text(each + mark)})" for mark in ("/", ":", "@"))
        for each in images
    )
    amounts = [
        f'c.?resources.?requests[?"{what}"].hasValue() && c.?resources.?limits[?"{what}"].hasValue()'
        for what in ("cpu", "memory")
    ]
    within = [
        f'!quantity(c.resources.limits["{what}"]).isGreaterThan(quantity("{most}"))'
        for what, most in (("cpu", max_cpu), ("memory", max_memory))
    ]
    from_there = (
        Rule(
            name="image",
            holds=containers.format(f"({from_allowed})"),
            because='"images come from ' + " or ".join(images) + ', not " + '
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
            _service_account(service_accounts, own_account=own_account),
            Rule(
                name="pod-labels",
                holds=f'object.spec.template.metadata.?labels[?{text(APP_LABEL)}].orValue("") == {text(app)} && '
                f'object.spec.template.metadata.?labels[?{text(SLUG_LABEL)}].orValue("") == variables.slug && '
                f'object.spec.template.metadata.?labels[?{text(INSTANCE_LABEL)}].orValue("") '
                "in [variables.slug, variables.stem] && "
                'object.spec.template.metadata.?labels[?"istio"].orValue("") == ""',
                because="\"pods carry their branch's labels, and none that another's Service or a Gateway selects: "
                f"{APP_LABEL}, {SLUG_LABEL} and {INSTANCE_LABEL} name the branch, and there is no label `istio`" + '"',
                fix="leave these labels to the branch's stack",
            ),
            Rule(
                name="injection",
                holds="object.spec.template.metadata.?annotations.orValue({}).all(k, !"
                + " && !".join(f"k.startsWith({text(prefix)})" for prefix in _INJECTION)
                + ") && object.spec.template.metadata.?labels.orValue({}).all(k, !"
                + " && !".join(f"k.startsWith({text(prefix)})" for prefix in _INJECTION)
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
                    f"c.?securityContext.?capabilities.?add.orValue([]).all(k, k in {texts(_CAPABILITIES)})"
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
                holds=f"object.spec.?replicas.orValue(1) <= {max_replicas}",
                because=f'"a Deployment has at most {max_replicas} pods, not " + '
                "string(object.spec.?replicas.orValue(1))",
                fix="lower replicas, or let the platform team raise isolation.maxReplicas of the app",
            ),
            Rule(
                name="resources",
                holds=containers.format(" && ".join([*amounts, *within])),
                because=f'"every container requests cpu and memory and limits both, to {max_cpu} cpu and '
                f'{max_memory} of memory at most"',
                fix="set resources.requests and resources.limits, or let the platform team raise isolation.maxCpu "
                "and isolation.maxMemory of the app",
            ),
            *(from_there if images else ()),
        ),
    )


def _service_account(service_accounts: Sequence[str], *, own_account: bool) -> Rule:
    own = ["variables.account == variables.stem"] if own_account else []
    shared = [f"variables.account in {texts(service_accounts)}"] if service_accounts else []
    named = " or ".join([*(['" + variables.stem + "'] if own else []), *service_accounts])
    return Rule(
        name="service-account",
        holds=" || ".join([*own, *shared]),
        because=f'"pods run as the ServiceAccount {named}, not as " + '
        '(variables.account == "" ? "default" : variables.account)',
        fix="write it as serviceAccountName, or leave serviceAccount out of the environment file"
        + ("; a chart is given the name at places.serviceAccount" if own else ""),
    )
