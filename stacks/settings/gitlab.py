"""GitLab's ID tokens, by which an API server knows the jobs."""

from typing import Annotated

from pydantic import Field, StringConstraints

from components.strict import Strict


class GitLabTokensSettings(Strict):
    """What the API server takes: users are the claim `sub`, groups `project_path`, both with `gitlab:` in front."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https://[^\s/]+(/\S*)?$")] = Field(
        examples=["https://gitlab.example.com"]
    )
    """Address of GitLab, which signs the tokens. On EKS its control plane must reach it."""
    audience: str = Field("kubernetes", min_length=1)
    """Audience (aud) of the tokens, for nothing but this cluster."""
