"""The whole product on simulated traffic, in one command."""
