"""Look at an environment, or for what would make a deploy fail; nothing is changed."""
