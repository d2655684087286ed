"""What docs/gitlab.md lets a job read and write in the backend."""

import json
import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/gitlab.md"


def writable_keys(app: str) -> list[str]:
    """Return the patterns of what the document's AWS policy lets an app write in the bucket."""
    policies = (json.loads(found) for found in re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
    statements = [statement for policy in policies for statement in policy["Statement"]]
    resources = [each["Resource"] for each in statements if "s3:PutObject" in each["Action"]]
    return [key.partition(":::")[2].partition("/")[2].replace("shop.", f"{app}.") for key in resources[0]]
