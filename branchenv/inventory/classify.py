"""What each environment is: one pure function, for all who list environments and for the sweep."""

from dataclasses import dataclass, field
from datetime import datetime

from branchenv.inventory.endings import FINISHED, Ending, ending, is_swept
from branchenv.inventory.join import Known, join
from branchenv.inventory.states import State, changed, state, url_now
from branchenv.inventory.world import World
from branchenv.model.records import ClusterRecord, GitLabEnvironment, MergeRequest, StackRecord
from core.contract import Prices

_HOURS_A_DAY = 24
_GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the resources that an environment's pods request cost."""

    per_hour: float
    per_day: float
    currency: str


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One branch environment, by all that is known of it."""

    app: str
    slug: str
    branch: str
    """Full name of the branch, as far as it is known."""
    state: State
    why: str = ""
    """What a person should know of the state, in one line; empty where there is nothing to say."""
    ending: Ending | None = None
    """Why it is to be removed; None if somebody may need it."""
    swept: bool = False
    """Whether a sweep of this base stack may touch it: it is in its cluster, and not protected."""
    url: str = ""
    url_now: str = ""
    """The URL that the base stack would give it now; empty if that is `url`."""
    changed: str = ""
    """What the base stack gives otherwise since its deploy, in words; empty if nothing."""
    owner: str = ""
    project: str = ""
    """GitLab project, as <group>/<name>."""
    merge_request: int | None = None
    merge_request_url: str = ""
    commit: str = ""
    created: datetime | None = None
    updated: datetime | None = None
    expires: datetime | None = None
    """When it ends. None: never, if its stack was seen; else that is not known."""
    cost: Cost | None = None
    stack: StackRecord | None = field(default=None, repr=False)
    cluster: ClusterRecord | None = field(default=None, repr=False)
    gitlab: GitLabEnvironment | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """<app>.<slug>, which is its stack's name, too."""
        return f"{self.app}.{self.slug}"


def classify(world: World, now: datetime) -> list[Environment]:
    """Say what each environment is.

    Args:
        world: what the sources answered.
        now: with a time zone.

    Returns:
        One entry for each environment that any source knows, by app and slug.
    """
    return [_environment(known, world, now) for known in join(world)]


def cost(cluster: ClusterRecord | None, prices: Prices | None) -> Cost | None:
    """Price what an environment's pods request; None where either is not known."""
    if cluster is None or prices is None:
        return None
    hour = cluster.cpu * prices.cpu_hour + cluster.memory / _GIB * prices.memory_gib_hour
    return Cost(per_hour=round(hour, 6), per_day=round(hour * _HOURS_A_DAY, 4), currency=prices.currency)


def _environment(known: Known, world: World, now: datetime) -> Environment:
    stack, cluster = known.stack, known.cluster
    tags = stack.tags if stack else None
    request = _merge_request(known, world)
    iid = request.iid if request else (tags.merge_request if tags else None)
    why_it_ends = ending(known, world, now)
    how, why = state(known, world, why_it_ends)
    return Environment(
        app=known.app,
        slug=known.slug,
        branch=known.branch,
        state=how,
        why=why,
        ending=why_it_ends,
        swept=is_swept(known, world),
        url=(stack.url if stack else "")
        or (cluster.url if cluster else "")
        or (known.gitlab.url if known.gitlab else ""),
        url_now=url_now(known, world),
        changed=changed(known, world),
        owner=(tags.owner if tags else "") or (request.author if request else ""),
        project=tags.project if tags else "",
        merge_request=iid,
        merge_request_url=request.url if request else "",
        commit=tags.commit if tags else "",
        created=(tags.created if tags else None) or (cluster.created if cluster else None),
        updated=_latest(stack),
        expires=tags.expires if tags else None,
        cost=cost(cluster, world.base.prices if world.base else None),
        stack=stack,
        cluster=cluster,
        gitlab=known.gitlab,
    )


def _merge_request(known: Known, world: World) -> MergeRequest | None:
    """Return the open merge request of the branch, the noted one first; else the noted one as it ended."""
    tags = known.stack.tags if known.stack else None
    # Another project's merge requests have the same numbers.
    if tags and tags.project not in ("", world.project):
        return None
    noted = tags.merge_request if tags else None
    own = [each for each in world.merge_requests or () if each.branch == known.branch or each.iid == noted]
    return min(own, key=lambda each: (each.state in FINISHED, each.iid != noted, -each.iid), default=None)


def _latest(stack: StackRecord | None) -> datetime | None:
    moments = (stack.tags.updated, stack.last_update) if stack else ()
    return max((moment for moment in moments if moment), default=None)
