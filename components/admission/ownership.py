"""ValidatingAdmissionPolicies for every object that an app's deployer touches: it belongs to one branch, and stays so.

All deployments of an app share one identity, the deployer, by which the API server cannot know for which branch a
pipeline runs (by GitLab's ID tokens it can: token_branch.py). It knows which branch an object
belongs to: by the slug in its label, which never changes, which its name follows from, and without which nothing may be
touched.
"""

from collections.abc import Sequence
from dataclasses import replace

from components.admission.policy import SLUG_VARIABLES, Policy, Rule, label, text, texts
from components.admission.token_branch import Jobs, token_branch_rules, token_branch_variables
from core.labels import APP_LABEL, SLUG_LABEL
from core.names import MAX_SLUG

OWNERSHIP = "ownership"
_DELETE = 'request.operation == "DELETE"'


def ownership_policy(
    *, app: str, reserved_slugs: Sequence[str], chart_names: bool, branch_namespaces: bool, jobs: Jobs | None = None
) -> Policy:
    """Return the policy.

    Args:
        app: whose branches.
        reserved_slugs: that no branch may take.
        chart_names: whether `<slug>-<rest>` is a name of the slug's, too.
        branch_namespaces: whether each branch has a namespace of its own, which is labelled as the branch.
        jobs: that the API server knows by GitLab's ID tokens, and so by their branch.
    """
    return Policy(
        name=OWNERSHIP,
        groups=("*",),
        resources=("*",),
        operations=("CREATE", "UPDATE", "DELETE"),
        variables={
            # On CREATE there is no old object, on DELETE no new one.
            "owner": f'request.operation == "CREATE" ? "" : {label("oldObject", SLUG_LABEL)}',
            "owner_app": f'request.operation == "CREATE" ? "" : {label("oldObject", APP_LABEL)}',
            "slug": f'{_DELETE} ? "" : {label("object", SLUG_LABEL)}',
            "stem": SLUG_VARIABLES["stem"],
            **(token_branch_variables(jobs, reserved_slugs) if jobs else {}),
        },
        rules=(
            *(token_branch_rules(jobs) if jobs else ()),
            *(_NAMESPACE_RULES if branch_namespaces else ()),
            _no_branch_object(app),
            _OTHER_BRANCH,
            _labels(app, reserved_slugs),
            _name("-" if chart_names else "--"),
        ),
    )


def _no_branch_object(app: str) -> Rule:
    return Rule(
        name="no-branch-object",
        holds=f'request.operation == "CREATE" || (variables.owner != "" && variables.owner_app == {text(app)})',
        because='request.kind.kind + " " + request.name + " is there already and belongs to no branch '
        f"environment of {app}: it is main's, or somebody else's\"",
        fix="give the object a name that follows from the branch's slug, or let its owners change it",
    )


_OTHER_BRANCH = Rule(
    name="other-branch",
    holds=f'request.operation != "UPDATE" || variables.owner == "" || '
    f"(variables.owner == variables.slug && {label('object', APP_LABEL)} == variables.owner_app)",
    because='request.kind.kind + " " + request.name + " belongs to the branch with the slug " + '
    f'variables.owner + ", and stays with it: its labels {APP_LABEL} and {SLUG_LABEL} cannot change"',
    fix="deploy from that branch's own stack, with its labels as they are",
)


def _labels(app: str, reserved_slugs: Sequence[str]) -> Rule:
    return Rule(
        name="branch-labels",
        holds=f"{_DELETE} || ({label('object', APP_LABEL)} == {text(app)} && "
        f'variables.slug.matches("^[a-z0-9]+(-[a-z0-9]+)*$") && size(variables.slug) <= {MAX_SLUG} && '
        f"!(variables.slug in {texts(reserved_slugs)}))",
        because=f'request.kind.kind + " " + request.name + " must say whose it is: {APP_LABEL} is {app}, '
        f'and {SLUG_LABEL} the slug of a branch, not " + (variables.slug == "" ? "missing" : variables.slug)',
        fix="deploy with pulumi up of the branch's stack, which sets both labels",
    )


def _name(separator: str) -> Rule:
    name = 'object.metadata.?name.orValue("")'
    return Rule(
        name="branch-name",
        holds=f"{_DELETE} || {name} == variables.stem || {name}.startsWith(variables.stem + {text(separator)})",
        because='request.kind.kind + " " + request.name + " is no name of the branch with the slug " + variables.slug',
        fix=f"call it as the slug (b--<slug> if that begins with a digit), or <slug>{separator}<rest>",
    )


def adoption_policies(*, branch_namespaces: bool) -> list[Policy]:
    """Return the policies for everybody else: people who run `pulumi up` with rights of their own.

    The provider goes on with an object that is there already, as a killed `up` may have left it. `pulumi destroy` would
    then delete it, whoever owns it.

    Args:
        branch_namespaces: whether each branch has a namespace of its own, of which the same holds.
    """
    objects = Policy(
        name="adoption",
        groups=("*",),
        resources=("*",),
        operations=("UPDATE",),
        variables={"owner": label("oldObject", SLUG_LABEL), "slug": label("object", SLUG_LABEL)},
        of_everybody=True,
        rules=(
            Rule(
                name="adoption",
                holds='variables.slug == "" || variables.slug == variables.owner',
                because='request.kind.kind + " " + request.name + " is there already, and belongs to " + '
                '(variables.owner == "" ? "no branch" : "the branch with the slug " + variables.owner)',
                fix="delete it if nobody needs it, or let the branch have another name",
            ),
        ),
    )
    namespaces = replace(objects, name="namespace-adoption", groups=("",), resources=("namespaces",), everywhere=True)
    return [objects, *([namespaces] if branch_namespaces else [])]


def rightly_owned(app: str) -> str:
    """Write the CEL by which other policies leave to this one what it refuses.

    Of several refusals the API server tells one, any one.
    """
    slug, named = label("object", SLUG_LABEL), label("object", APP_LABEL)
    return (
        f'{slug} != "" && {named} == {text(app)} && (request.operation == "CREATE" || '
        f"({label('oldObject', SLUG_LABEL)} == {slug} && {label('oldObject', APP_LABEL)} == {named}))"
    )


_NAMESPACE_RULES = (
    Rule(
        name="own-namespace",
        holds=f'(request.operation == "DELETE" ? variables.owner : variables.slug) == '
        f"{label('namespaceObject', SLUG_LABEL)}",
        because='request.kind.kind + " " + request.name + " of the branch with the slug " + '
        '(request.operation == "DELETE" ? variables.owner : variables.slug) + " is not in that branch\'s namespace"',
        fix="deploy with pulumi up of the branch's stack: each branch has a namespace of its own",
    ),
)
