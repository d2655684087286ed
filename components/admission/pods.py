"""ValidatingAdmissionPolicy for the pods of a branch, whatever runs them.

Every rule's CEL stands whole, as the API server reads it. What an app's settings decide is a variable of the
policy, so no expression is put together from pieces.
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from components.admission.policy import (
    POD_GROUPS,
    POD_RESOURCES,
    POD_TEMPLATE,
    SLUG_VARIABLES,
    Policy,
    Rule,
    text,
    texts,
)
from core.kinds import Kind
from core.labels import APP_LABEL, INSTANCE_LABEL, SLUG_LABEL

# What the `baseline` Pod Security Standard lets a container add.
# https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
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
# Kinds of volumes that do not reach the node's own files. Another kind of volume has none of these keys.
_VOLUMES = """[
  has(v.configMap), has(v.csi), has(v.downwardAPI), has(v.emptyDir), has(v.ephemeral), has(v.image),
  has(v.persistentVolumeClaim), has(v.projected), has(v.secret)
]"""
# Istio reads a pod's labels and annotations after the workload was looked at: they add volumes and containers, take
# ports from the proxy (traffic.sidecar.istio.io/), switch TLS off (security.istio.io/tlsMode), choose a control plane
# (istio.io/rev). Those of service.istio.io name the service in metrics, and public charts have them.
_ISTIO_KEYS = r"^([a-z0-9-]+\.)*istio\.io/"
_ISTIO_NAMES = "service.istio.io/"

_POD_LABELS = Rule(
    name="pod-labels",
    holds="""
variables.labels[?variables.names.app].orValue("") == variables.app
&& variables.labels[?variables.names.slug].orValue("") == variables.slug
&& variables.labels[?variables.names.instance].orValue("") in [variables.slug, variables.stem]
&& variables.labels[?"istio"].orValue("") == ""
""",
    because="\"pods carry their branch's labels, and none that another's Service or a Gateway selects: "
    f"{APP_LABEL}, {SLUG_LABEL} and {INSTANCE_LABEL} name the branch, and there is no label `istio`" + '"',
    fix="leave these labels to the branch's stack",
)
_NO_INJECTION_CHANGES = Rule(
    name="injection",
    holds=f"""
[variables.annotations, variables.labels].all(m, m.all(k,
  !k.matches({text(_ISTIO_KEYS)}) || k.startsWith({text(_ISTIO_NAMES)})
))
""",
    because='"pods do not change what Istio does with them"',
    fix=f"remove the pods' labels and annotations of istio.io and its subdomains, but for {_ISTIO_NAMES}",
)
_HOST_ACCESS = Rule(
    name="host-access",
    holds=f"""
!variables.pod.?hostNetwork.orValue(false)
&& !variables.pod.?hostPID.orValue(false)
&& !variables.pod.?hostIPC.orValue(false)
&& variables.containers.all(c, c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0))
&& variables.pod.?volumes.orValue([]).all(v, {_VOLUMES}.exists(allowed, allowed))
""",
    because='"pods have no part in their node: no host network, process or IPC namespace, no host port, '
    'no hostPath or network volume of their own"',
    fix="use an emptyDir, or a volume claim made for the app",
)
_PRIVILEGES = Rule(
    name="privileges",
    holds="""
variables.containers.all(c,
  !c.?securityContext.?privileged.orValue(false)
  && c.?securityContext.?procMount.orValue("Default") == "Default"
  && c.?securityContext.?capabilities.?add.orValue([]).all(k, k in variables.capabilities)
)
""",
    because='"containers are not privileged, and add no capability beyond the baseline standard"',
    fix="remove privileged, procMount and the capability",
)
_ROOT = Rule(
    name="root",
    holds="""
variables.containers.all(c,
  [c.?securityContext.?runAsUser.orValue(variables.pod.?securityContext.?runAsUser.orValue(-1))].all(user,
    user > 0 || (
      user < 0
      && c.?securityContext.?runAsNonRoot.orValue(variables.pod.?securityContext.?runAsNonRoot.orValue(true))
    )
  )
)
""",
    because='"pods do not ask to be root: no runAsUser 0, and runAsNonRoot is not false without another user"',
    fix="take runAs: root out (in a chart runAsUser: 0 or runAsNonRoot: false), or let the platform team set "
    "isolation.runAsRoot of the app to true",
)
_CLAIMS = Rule(
    name="volume-claims",
    holds="""
variables.pod.?volumes.orValue([]).all(v, !has(v.persistentVolumeClaim) && !has(v.ephemeral))
""",
    because="\"where branches share a namespace their pods have no volume claims: one that is there is main's, and one "
    'that Kubernetes makes for a pod is counted by no quota"',
    fix="use an emptyDir (scratch in an environment file), or let the platform team set isolation.namespacePerBranch "
    "of the app and add PersistentVolumeClaim to isolation.kinds",
)
_SCHEDULING = Rule(
    name="scheduling",
    holds="""
variables.pod.?priorityClassName.orValue("") == ""
&& variables.pod.?nodeName.orValue("") == ""
&& variables.pod.?priority.orValue(0) <= 0
""",
    because="\"a branch's pods push nobody else's away and go through the scheduler\"",
    fix="remove priorityClassName and nodeName",
)
_REPLICAS_ASKED = (
    'request.kind.kind == "CronJob" ? dyn(object).spec.jobTemplate.spec.?parallelism.orValue(1) : '
    'request.kind.kind == "Job" ? dyn(object).spec.?parallelism.orValue(1) : dyn(object).spec.?replicas.orValue(1)'
)
_REPLICAS = Rule(
    name="replicas",
    holds="variables.replicas <= variables.maxReplicas",
    because='"a " + request.kind.kind + " has at most " + string(variables.maxReplicas) + " pods at a time, not " + '
    "string(variables.replicas)",
    fix="lower replicas (of a Job parallelism), or let the platform team raise isolation.maxReplicas of the app",
)
_RESOURCES = Rule(
    name="resources",
    holds="""
variables.containers.all(c,
  c.?resources.?requests[?"cpu"].hasValue()
  && c.?resources.?limits[?"cpu"].hasValue()
  && c.?resources.?requests[?"memory"].hasValue()
  && c.?resources.?limits[?"memory"].hasValue()
  && !quantity(c.resources.limits["cpu"]).isGreaterThan(quantity(variables.maxCpu))
  && !quantity(c.resources.limits["memory"]).isGreaterThan(quantity(variables.maxMemory))
)
""",
    because='"every container requests cpu and memory and limits both, to " + variables.maxCpu + " cpu and " + '
    'variables.maxMemory + " of memory at most"',
    fix="set resources.requests and resources.limits, or let the platform team raise isolation.maxCpu "
    "and isolation.maxMemory of the app",
)
_IMAGE = Rule(
    name="image",
    holds="""
variables.containers.all(c, variables.images.exists(i,
  c.image == i || c.image.startsWith(i + "/") || c.image.startsWith(i + ":") || c.image.startsWith(i + "@")
))
""",
    because='"images come from " + variables.images.join(" or ") + ", not " + '
    'variables.containers.map(c, c.image).join(", ")',
    fix="push the image there, or let the platform team add its registry to isolation.images of the app",
)


def _secrets(*, own: bool) -> Rule:
    """Return the rule for the Secrets that pods read.

    Args:
        own: whether branches may make Secrets, which they then read. Only in namespaces of their own: elsewhere a
            branch would choose its name so that an app's Secret seems its own.
    """
    named = 'n == variables.stem || n.startsWith(variables.stem + "-")' if own else "false"
    may = f'n == "" || n in variables.secrets || {named}'
    return Rule(
        name="secrets",
        holds=f"""
variables.containers.all(c,
  c.?env.orValue([]).all(e, [e.?valueFrom.?secretKeyRef.?name.orValue("")].all(n, {may}))
  && c.?envFrom.orValue([]).all(e, [e.?secretRef.?name.orValue("")].all(n, {may}))
)
&& variables.pod.?volumes.orValue([]).all(v,
  [v.?secret.?secretName.orValue(""), v.?csi.?nodePublishSecretRef.?name.orValue("")].all(n, {may})
  && v.?projected.?sources.orValue([]).all(s, [s.?secret.?name.orValue("")].all(n, {may}))
)
&& variables.pod.?imagePullSecrets.orValue([]).all(s, s.?name.orValue("") in variables.pullSecrets)
""",
        because='"of the Secrets that are there, a branch\'s pods read " + (size(variables.secrets) == 0 ? "none" : '
        'variables.secrets.join(", ") + " alone")',
        fix="take the other Secret out, or let the platform team add it to isolation.secrets of the app",
    )


@dataclass(frozen=True, kw_only=True)
class PodLimits:
    """What pods of an app's branches may be."""

    service_accounts: Sequence[str]
    """That pods of every branch may use."""
    branch_service_account: bool = False
    """Whether they may use the branch's own, which has the name of its other objects."""
    images: Sequence[str] = ()
    """Registries or repositories that images may come from. None: any."""
    secrets: Sequence[str] | None = None
    """That pods may read, beside those that branches may make. None: any."""
    pull_secrets: Sequence[str] = ()
    """That pods may pull images with, beside these."""
    run_as_root: bool = False
    """Whether pods may ask to be root."""
    max_replicas: int
    """Of one workload."""
    max_cpu: str
    """Highest limit of one container, as a Kubernetes quantity."""
    max_memory: str
    """The same."""

    def __post_init__(self) -> None:
        """Refuse limits that no pod could keep."""
        if not self.service_accounts and not self.branch_service_account:
            raise ValueError("serviceAccounts: no pod could run; give at least the app's own")


def pods_policy(limits: PodLimits, *, app: str, kinds: Collection[Kind]) -> Policy:
    """Make the policy for whatever runs pods.

    Args:
        limits: what pods may be.
        app: whose branches.
        kinds: what branches may make beside what every branch is made of.
    """
    return Policy(
        name="pods",
        groups=POD_GROUPS,
        resources=POD_RESOURCES,
        operations=("CREATE", "UPDATE"),
        variables={
            **SLUG_VARIABLES,
            "template": POD_TEMPLATE,
            "pod": "variables.template.spec",
            "containers": "variables.pod.containers + variables.pod.?initContainers.orValue([])",
            "labels": "variables.template.?metadata.?labels.orValue({})",
            "annotations": "variables.template.?metadata.?annotations.orValue({})",
            "replicas": _REPLICAS_ASKED,
            "account": 'variables.pod.?serviceAccountName.orValue("")',
            **_decided(limits, app),
        },
        rules=(
            _service_account(branch_service_account=limits.branch_service_account),
            _POD_LABELS,
            _NO_INJECTION_CHANGES,
            _HOST_ACCESS,
            *(() if "PersistentVolumeClaim" in kinds else (_CLAIMS,)),
            _PRIVILEGES,
            *(() if limits.run_as_root else (_ROOT,)),
            _SCHEDULING,
            _REPLICAS,
            _RESOURCES,
            *((_IMAGE,) if limits.images else ()),
            *((_secrets(own="Secret" in kinds),) if limits.secrets is not None else ()),
        ),
    )


def _decided(limits: PodLimits, app: str) -> dict[str, str]:
    """Return the variables that the app's settings decide."""
    names = [
        *(["[variables.stem]"] if limits.branch_service_account else []),
        *([texts(limits.service_accounts)] if limits.service_accounts else []),
    ]
    found = {
        "app": text(app),
        "names": f"{{'app': {text(APP_LABEL)}, 'slug': {text(SLUG_LABEL)}, 'instance': {text(INSTANCE_LABEL)}}}",
        "capabilities": texts(_CAPABILITIES),
        "maxReplicas": str(limits.max_replicas),
        "maxCpu": text(limits.max_cpu),
        "maxMemory": text(limits.max_memory),
    }
    if limits.images:
        found["images"] = texts(limits.images)
    if limits.secrets is not None:
        found["secrets"] = texts(limits.secrets)
        found["pullSecrets"] = texts([*limits.secrets, *limits.pull_secrets])
    return {**found, "accounts": " + ".join(names)}


def _service_account(*, branch_service_account: bool) -> Rule:
    return Rule(
        name="service-account",
        holds="variables.account in variables.accounts",
        because='"pods run as the ServiceAccount " + variables.accounts.join(" or ") + ", not as " + '
        '(variables.account == "" ? "default" : variables.account)',
        fix="write it as serviceAccountName, or leave serviceAccount out of the environment file"
        + ("; a chart is given the name at valuePaths.serviceAccount" if branch_service_account else ""),
    )
