"""Cloud identities of pods and of CI: IAM roles, Google service accounts, and their names."""
