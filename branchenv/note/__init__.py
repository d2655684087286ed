"""The note on the merge request: facts of an environment, their text, who writes it, and what each event tells."""
