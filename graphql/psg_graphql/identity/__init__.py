"""Identity: who asks, and how it is proved (docs/accounts.md)."""
