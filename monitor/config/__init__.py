"""The only reader of configuration, secrets and environment: TOML and references to secrets become a frozen Config."""
