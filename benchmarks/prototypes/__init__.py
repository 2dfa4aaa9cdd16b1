"""The bare programs that ours is compared with: each a process of its own, doing one thing and nothing else."""
