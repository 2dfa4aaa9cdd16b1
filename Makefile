# The same doors as ./dev, for hands that type make. Arguments: make bench ARGS="--quick g01".

.PHONY: test lint demo bench

test lint demo bench:
	./dev $@ $(ARGS)
