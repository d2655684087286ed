"""What tests of several rooms stand on."""

from collections.abc import Iterator

import pytest

from tests.pipeline.support.gitlab_data import Project, Token
from tests.pipeline.support.gitlab_server import GitLabServer


@pytest.fixture
def server() -> Iterator[GitLabServer]:
    """A GitLab with the app's project, a person's token and a job's."""
    with GitLabServer() as started:
        started.add_project("group/shop")
        started.tokens["good"] = Token()
        started.job_tokens["job"] = Token(user="ada", project="group/shop")
        yield started


@pytest.fixture
def project(server: GitLabServer) -> Project:
    """The app's project."""
    return server.projects[0]
