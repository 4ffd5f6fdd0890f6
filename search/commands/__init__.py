"""What the `search` command can do: a file each."""
