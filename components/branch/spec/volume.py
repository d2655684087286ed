"""A folder of a container whose content is kept from push to push."""

from pydantic import Field

from components.branch.spec.folder import FolderPath
from components.branch.spec.quantity import Size
from components.strict import Strict


class Volume(Strict):
    """A folder whose content is kept from push to push and in an environment's sleep, and goes with the branch."""

    path: FolderPath
    """Where the container has it."""
    size: Size = Field(examples=["1Gi"])
    """How much it holds."""
    storage_class: str | None = Field(None, min_length=1)
    """StorageClass. Default: the cluster's."""
