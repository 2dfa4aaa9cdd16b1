"""Seeded runs of the real daemon under trouble, each judged by what it leaves behind.

What is hunted for, where it is drawn (`plan`, `disturbances`, `config_edits`), and the sentences by which it is judged
(`judge.judge`, `judge.disturbances`, `judge.ambiguity`, `judge.rule_stops`, each with planted violations of its own
tests):

- Stalls between claim and send: `Stall`, `Suspend`, `LostRight`, pauses halfway; "sent on figures that had become old",
  "sent past its deadline", "sent while paused", "not sent, and nobody knows why".
- Caps of the account: every plan, by kind of action; `SecondDaemon`, `SecondDatabase`, `ForeignHand`; "above
  max_per_day", "a daemon acted on another's database", "another hand was not told", "another's doing taken for ours".
  One uid in two accounts is refused at the start, which no run outlives:
  tests/integration/accounts/test_action_key_owner.py.
- Gaps in the record: `Restore`, also right after an order, and of nothing at all; "above max_per_day", "sent during the
  cooldown" (across databases), "a restore did not pause", "a restore's pause is not in the trail", "a number was given
  twice". What can't be told from the histories: tests/integration/actions/test_usage_after_record_gaps.py.
- The second key: `WrongKey`; "moved in another account", "sent with a key of another account".
- A channel that takes nothing: the answers of the phone; "a critical notice was not delivered", "sent though no channel
  took the question", "sent before a person had his time".
- Clocks: `ClockStep`, `Suspend`; "the watch stood still …", "nobody was told that the clock was set", "nobody noticed
  that the machine slept".
- Steps that make things worse, late executions among them: `TakeMore`; "nothing stopped what made things worse", "sent
  though its rule was stopped", "nobody was told of a stop", "stopped though nothing was worse".
- Late executions, as columns: "apply_late" of `trouble`; "an execution is not accounted for", "a late execution was not
  told". The migration that reads the old rows: tests/store.
- What is to be delisted: `Delisting`, also where the schedule can't be read at first; "brought in what is to be
  delisted".
- Configurations that are refused: `RefusedConfig`; "a configuration with a flaw was not refused", "nobody was told of a
  refused configuration". Every flaw there is: tests/config.
- Orphans: `RemovedAction`, around an order of ours; "claimed for an action that was taken out", "never came to an end",
  "an execution is not accounted for". Accounts taken out, since a run has one:
  tests/integration/accounts/test_removed_before_restart.py.
"""
