"""How it runs: the `liaison` command, settings, the embedded stack, provisioning, verification."""
