"""Every environment, collected from all sources, classified, and shown as table, JSON or page."""
