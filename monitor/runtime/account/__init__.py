"""Everything that runs for one account: inbox, runner, reads, start state, supervision."""
