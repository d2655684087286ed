"""Rules of ValidatingAdmissionPolicies for a job that the API server knows by GitLab's ID token: its own branch alone.

The token's claim `sub` names project and branch, and so does the user that the API server makes of it. What the job
makes, changes or deletes must say by its annotation that it is of that branch, and by its slug, as a slug follows from
a branch's name. A slug's hash is not computed here, as CEL cannot: of two branches that differ only in what a slug does
not show (`feature/a` and `feature-A`), the first to be there has the name, and keeps it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from components.admission.policy import Rule, text, texts
from core.labels import BRANCH_ANNOTATION
from core.names import DIGIT_PREFIX, MAX_SLUG, RESERVED_SLUGS

PREFIX = "gitlab:"
"""In front of users and groups that are made of such tokens, so that they are nobody else."""
_HASH = "[0-9a-f]{8}"
_BEHIND_STEM = len("-12345678")
_SHORT = MAX_SLUG - len(DIGIT_PREFIX)


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """The jobs of a GitLab project, as the API server knows them by their ID tokens."""

    project: str
    """Path in GitLab."""
    default_branch: str
    """Its jobs act for every branch: the sweep."""

    @property
    def group(self) -> str:
        """Group that all of them are in: the claim `project_path`."""
        return f"{PREFIX}{self.project}"

    @property
    def user(self) -> str:
        """What the user of a branch's job begins with, before the branch: the claim `sub`."""
        return f"{PREFIX}project_path:{self.project}:ref_type:branch:ref:"


def of_jobs(jobs: Jobs) -> str:
    """Write the CEL that tells these jobs' requests. Jobs of a tag are among them, and may do nothing."""
    return f"(has(request.userInfo.groups) && request.userInfo.groups.exists(g, g == {text(jobs.group)}))"


def token_branch_variables(jobs: Jobs, reserved_slugs: Sequence[str]) -> dict[str, str]:
    """Write what the rules use, by name; `slug` and `stem` are the ownership policy's own, of the object.

    Args:
        jobs: whose requests are looked at.
        reserved_slugs: that no branch may take.
    """
    reserved = sorted(RESERVED_SLUGS | set(reserved_slugs))
    user = text(jobs.user)
    digit = 'matches("^[0-9]")'
    return {
        "of_job": of_jobs(jobs),
        "job": f"variables.of_job && request.userInfo.username.startsWith({user}) ? "
        f'request.userInfo.username.substring(size({user})) : ""',
        # The same steps as `core.names.slug`; a test holds them together.
        "job_is_slug": 'variables.job.matches("^[a-z0-9]+(-[a-z0-9]+)*$") && '
        f"size(variables.job) <= (variables.job.{digit} ? {_SHORT} : {MAX_SLUG}) && "
        f'!(variables.job in {texts(reserved)}) && !variables.job.matches("-{_HASH}$")',
        "readable": 'variables.job.lowerAscii().findAll("[a-z0-9]+").join("-")',
        "job_words": 'variables.readable == "" ? "branch" : variables.readable',
        "job_room": f"(variables.job_words.{digit} ? {_SHORT} : {MAX_SLUG}) - {_BEHIND_STEM}",
        "job_cut": "size(variables.job_words) <= variables.job_room ? variables.job_words : "
        "variables.job_words.substring(0, variables.job_room)",
        "job_stem": 'variables.job_cut.endsWith("-") ? '
        "variables.job_cut.substring(0, size(variables.job_cut) - 1) : variables.job_cut",
    }


def token_branch_rules(jobs: Jobs) -> tuple[Rule, ...]:
    """Return the rules.

    Args:
        jobs: whose requests are looked at.
    """
    free = f"!variables.of_job || variables.job == {text(jobs.default_branch)}"
    of_job = '(variables.job == "" ? "no branch" : "the branch " + variables.job)'
    return (
        Rule(
            name="own-branch",
            holds=f'{free} || (variables.job != "" && '
            f'(request.operation == "CREATE" || {_branch("oldObject")} == variables.job) && '
            f'(request.operation == "DELETE" || {_branch("object")} == variables.job))',
            because='request.kind.kind + " " + request.name + " is not of the branch of this job, which is of "'
            f" + {of_job}",
            fix="let the branch's own pipeline do it, or the default branch's",
        ),
        Rule(
            name="own-slug",
            holds=f'{free} || request.operation == "DELETE" || '
            "(variables.job_is_slug ? variables.slug == variables.job : "
            'variables.slug.startsWith(variables.job_stem + "-") && '
            f'variables.slug.substring(size(variables.job_stem) + 1).matches("^{_HASH}$"))',
            because=f'"the slug " + variables.slug + " is not that of " + {of_job}',
            fix="deploy with branchenv select and pulumi up, which make it of the branch's name",
        ),
    )


def _branch(holder: str) -> str:
    return f'{holder}.metadata.?annotations[?{text(BRANCH_ANNOTATION)}].orValue("")'
