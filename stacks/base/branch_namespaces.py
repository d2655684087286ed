"""What is required of the namespaces that branches have for themselves, where `isolation.namespacePerBranch` is on."""

from collections.abc import Sequence

from components.admission.namespaces import branch_namespace_policies
from components.admission.policy import Policy
from components.app.deployer import branch_role_name, deployer_name
from components.app.mesh import MeshArgs, mtls_spec
from components.app.namespace import guard_labels
from components.app.network_policies import branch_namespace_spec
from components.app.quota import quota_of
from components.branch.namespace import NETWORK_POLICIES
from components.sidecar import callers_spec, sidecar_spec
from components.sweep import NAME as SWEEP
from core.contract import OWN_NAMESPACE, NamespaceTemplate, Subject
from stacks.base.branch_identity import taken_slugs
from stacks.base.network import calling_namespaces, network_args
from stacks.settings.base import AppSettings, BaseSettings


def namespace_template(settings: BaseSettings, app: AppSettings) -> NamespaceTemplate | None:
    """Return what each branch's namespace must have; None where all branches are in the app's."""
    if not app.isolation.namespace_per_branch:
        return None
    isolation, size = app.isolation, app.isolation.environment
    callers = calling_namespaces(settings, app)
    mesh = MeshArgs(app=app.name, namespace="", mtls=isolation.mesh.mtls, hosts=isolation.mesh.hosts)
    return NamespaceTemplate(
        labels=guard_labels(app.istio_revision, app.pod_security),
        quota={
            **quota_of(1, cpu=size.cpu, memory=size.memory, pods=size.pods),
            **({"requests.storage": size.storage} if "PersistentVolumeClaim" in isolation.kinds else {}),
            **({NETWORK_POLICIES: "1"} if isolation.network.policies else {}),
        },
        network_policy=branch_namespace_spec(network_args(settings, app, "")) if isolation.network.policies else None,
        peer_authentication=mtls_spec(mesh) if settings.has_sidecars else None,
        authorization_policy=callers_spec(namespaces=[OWN_NAMESPACE, *callers]) if callers else None,
        sidecar=sidecar_spec(["./*"], hosts=mesh.hosts) if settings.has_sidecars else None,
        role=branch_role_name(app.name),
        subjects=(Subject(namespace=app.namespace, name=deployer_name(app.name)), *others(settings)),
    )


def others(settings: BaseSettings) -> list[Subject]:
    """Return who else makes and removes those namespaces: the sweep in the cluster."""
    return [Subject(namespace=settings.sweep.namespace, name=SWEEP)] if settings.sweep else []


def namespace_policies(settings: BaseSettings, app: AppSettings) -> Sequence[Policy]:
    """Return the policies for those namespaces."""
    template = namespace_template(settings, app)
    if template is None:
        return ()
    return branch_namespace_policies(
        app=app.name, namespace=app.namespace, reserved_slugs=taken_slugs(settings, app), template=template
    )
