# The same doors as ./dev, for hands that type make. Arguments: make bench ARGS="--quick g01".

.PHONY: test lint demo bench campaign

test lint demo bench:
	./dev $@ $(ARGS)

# make campaign SEEDS=1000: goes on where the last one stopped.
SEEDS = 1000
campaign:
	./dev campaign --seeds $(SEEDS) $(ARGS)
