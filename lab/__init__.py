"""The bench controller: procedure, campaign, energy from traces, quality gates, and the `lab` command."""
