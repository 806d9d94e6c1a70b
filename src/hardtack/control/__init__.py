"""The control plane: configuration and keys become tables, and the front daemon keeps them up to date."""
