"""What the commands do, one file each; nothing here parses options."""
