"""What the commands do, a folder per topic; nothing here parses options."""
