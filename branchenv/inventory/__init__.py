"""Every environment, as backend, cluster, git and GitLab tell of it: for `list`, `sweep`, `doctor` and the page.

`collect.py` asks the sources, `classify.py` says what each environment is, `table.py`, `document.py` and `page.py` show
it. `endings.py` alone decides which environments are no longer needed.
"""
