"""Configuration: TOML and secret references become a frozen Config; the only reader of both and of the environment."""
