"""All ValidatingAdmissionPolicies of an app's deployer, and their bindings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.admissionregistration.v1 as admission
import pulumi_kubernetes.meta.v1 as meta

from components.admission.jobs import jobs_policy
from components.admission.lifetime import lifetime_policy
from components.admission.ownership import OWNERSHIP, adoption_policies, ownership_policy, rightly_owned
from components.admission.pods import PodLimits, pods_policy
from components.admission.policy import Params, Policy, label, text
from components.admission.quota import room_policy
from components.admission.routes import http_routes_policy, services_policy, virtual_services_policy
from components.admission.scaling import autoscalers_policy, disruption_budgets_policy
from components.admission.storage import claim_templates_policy, claims_policy, secrets_policy
from components.admission.token_branch import Jobs, of_jobs
from components.app.deployer import user_name
from components.app.network_policies import NAMESPACE_LABEL
from core.kinds import Kind
from core.labels import APP_LABEL, app_labels


@dataclass(frozen=True, kw_only=True)
class AdmissionArgs:
    """What the rules need to know."""

    app: str
    namespace: str
    domain: str
    gateway: str
    """The only Gateway that routes may hang on, as <namespace>/<name>."""
    gateway_api: bool = False
    """Whether routes are of Gateway API, and not of Istio's own."""
    reserved_slugs: Sequence[str]
    pods: PodLimits
    chart_names: bool
    """Whether `<slug>-<rest>` is a name of the slug's, too."""
    room: Mapping[str, str]
    """What must be free in the namespace's quota for a new environment, by the quota's own keys. Empty: nothing."""
    branch_namespaces: bool = False
    """Whether each branch has a namespace of its own. Else all are in the app's."""
    jobs: Jobs | None = None
    """Who deploys as well: jobs that the API server knows by their ID tokens."""
    kinds: Collection[Kind] = ()
    """What branches may make beside what every branch is made of."""
    more: Sequence[Policy] = ()
    """Policies for kinds that only some apps' branches make."""


class Admission(pulumi.ComponentResource):
    """The boundaries of an app's deployer, kept by the API server: a policy and a binding per topic.

    Type `branch-environments:base:Admission`. Left out on purpose: rules for people and for Argo CD, who have
    rights of their own; but one: nobody makes a branch's object of what is something else already.
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
                        param_ref=_param_ref(policy.params, args),
                    ),
                    opts=child,
                )
            )
        self.policies = pulumi.Output.all(*(each.spec.policy_name for each in bindings))
        self.register_outputs({"policies": self.policies})


def policies(args: AdmissionArgs) -> list[Policy]:
    """Return all policies of an app."""
    room = [room_policy(app=args.app, namespace=args.namespace, room=args.room)] if args.room else []
    return [
        *adoption_policies(branch_namespaces=args.branch_namespaces),
        ownership_policy(
            app=args.app,
            reserved_slugs=args.reserved_slugs,
            chart_names=args.chart_names,
            branch_namespaces=args.branch_namespaces,
            jobs=args.jobs,
        ),
        (http_routes_policy if args.gateway_api else virtual_services_policy)(domain=args.domain, gateway=args.gateway),
        services_policy(),
        pods_policy(args.pods, app=args.app, kinds=args.kinds),
        *_kind_policies(args),
        *room,
        *args.more,
    ]


def _kind_policies(args: AdmissionArgs) -> list[Policy]:
    """Return the policies for the kinds that this app's branches may make; the deployer has no rights on any other."""
    kinds = args.kinds
    wanted = (
        (bool(kinds), lifetime_policy(kinds)),
        ("Job" in kinds or "CronJob" in kinds, jobs_policy(app=args.app)),
        (
            "HorizontalPodAutoscaler" in kinds,
            autoscalers_policy(max_replicas=args.pods.max_replicas, chart_names=args.chart_names),
        ),
        ("PodDisruptionBudget" in kinds, disruption_budgets_policy()),
        ("StatefulSet" in kinds and "PersistentVolumeClaim" not in kinds, claim_templates_policy()),
        ("PersistentVolumeClaim" in kinds, claims_policy()),
        ("Secret" in kinds, secrets_policy()),
    )
    return [policy for is_wanted, policy in wanted if is_wanted]


_CHANGED = " || ".join(
    [
        'request.operation != "UPDATE"',
        "!has(dyn(object).spec)",
        "dyn(object).spec != dyn(oldObject).spec",
        *(
            f"object.metadata.?{field}.orValue({empty}) != oldObject.metadata.?{field}.orValue({empty})"
            for field, empty in {"labels": "{}", "annotations": "{}", "ownerReferences": "[]"}.items()
        ),
    ]
)
"""CEL: leaves alone what breaks a rule already, as rules change, and stays as it is.

Before each update Pulumi's provider writes the object as it is, with other managed fields. Were that refused, no push
could bring the object to what the rules ask for now.
"""


def _param_ref(params: Params | None, args: AdmissionArgs) -> admission.ParamRefArgs | None:
    if params is None:
        return None
    missing = "Deny" if params.required else "Allow"
    if params.name:
        return admission.ParamRefArgs(name=params.name, namespace=args.namespace, parameter_not_found_action=missing)
    selector = meta.LabelSelectorArgs(match_labels={APP_LABEL: args.app})
    return admission.ParamRefArgs(selector=selector, parameter_not_found_action=missing)


def _spec(policy: Policy, args: AdmissionArgs) -> admission.ValidatingAdmissionPolicySpecArgs:
    params = policy.params
    return admission.ValidatingAdmissionPolicySpecArgs(
        param_kind=admission.ParamKindArgs(api_version=params.api_version, kind=params.kind) if params else None,
        # A rule that cannot be evaluated refuses.
        failure_policy="Fail",
        match_constraints=admission.MatchResourcesArgs(
            match_policy="Equivalent",
            namespace_selector=None if policy.everywhere else meta.LabelSelectorArgs(match_labels=_namespaces(args)),
            resource_rules=[
                admission.NamedRuleWithOperationsArgs(
                    api_groups=list(policy.groups),
                    api_versions=["*"],
                    resources=list(policy.resources),
                    operations=list(policy.operations),
                    scope="*" if policy.everywhere else "Namespaced",
                )
            ],
        ),
        match_conditions=[
            admission.MatchConditionArgs(name=name, expression=expression)
            for name, expression in _conditions(policy, args).items()
        ],
        variables=[
            admission.VariableArgs(name=name, expression=expression) for name, expression in policy.variables.items()
        ],
        validations=[
            admission.ValidationArgs(
                expression=rule.holds.strip(),
                message_expression=f"{text(f'rule {rule.name}: ')} + {rule.because} + {text(f'; fix: {rule.fix}')}",
            )
            for rule in policy.rules
        ],
    )


def _conditions(policy: Policy, args: AdmissionArgs) -> dict[str, str]:
    """Say in CEL whose requests a policy is for, by the name of the condition."""
    name = text(user_name(args.app, args.namespace))
    deployer, other = f"request.userInfo.username == {name}", f"request.userInfo.username != {name}"
    if args.jobs:
        deployer, other = f"({deployer} || {of_jobs(args.jobs)})", f"{other} && !{of_jobs(args.jobs)}"
    if policy.of_everybody:
        # The deployer has rules of its own, which say more.
        others = {"others": other}
        # The deployers of other apps are others, too: what belongs to their apps is for the policies of those.
        return others | {"app": f"{label('object', APP_LABEL)} == {text(args.app)}"} if policy.everywhere else others
    ours = {"deployer": deployer}
    if policy.everywhere or policy.name == OWNERSHIP:
        return ours
    return ours | {"owned": rightly_owned(args.app), "changed": _CHANGED}


def _namespaces(args: AdmissionArgs) -> dict[str, str]:
    """Select the namespaces of the app's branches. The deployer cannot change a label of either kind."""
    return {APP_LABEL: args.app} if args.branch_namespaces else {NAMESPACE_LABEL: args.namespace}
