"""One file per command, each with one function `command`; imported when its command is called."""
