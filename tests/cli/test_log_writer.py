"""The thread that writes the log: in order, without blocking, and honest about what it had to drop."""

import os
import threading

from monitor.cli.log_writer import BackgroundWriter


def loss(count: int) -> str:
    return f"lost {count}\n"


def test_lines_come_out_in_order() -> None:
    reading, writing = os.pipe()
    writer = BackgroundWriter(writing, loss)
    for number in range(200):
        writer.write(f"{number}\n")
    assert writer.drain(10)
    os.close(writing)
    with os.fdopen(reading) as log:
        assert log.read().splitlines() == [str(number) for number in range(200)]


def test_lines_beyond_the_queue_are_counted_and_the_count_is_written() -> None:
    reading, writing = os.pipe()
    writer = BackgroundWriter(writing, loss, max_waiting=3)
    big = "x" * 200_000 + "\n"
    # The first fills the pipe and holds the thread; three wait; the others are lost.
    writer.write(big)
    for number in range(10):
        writer.write(f"{number}\n")
    assert not writer.drain(0.05)
    read = bytearray()

    def read_all() -> None:
        while block := os.read(reading, 1 << 16):
            read.extend(block)

    reader = threading.Thread(target=read_all)
    reader.start()
    assert writer.drain(10)
    writer.write("after\n")
    assert writer.drain(10)
    os.close(writing)
    reader.join(10)
    os.close(reading)
    lines = read.decode().splitlines()
    kept = [line for line in lines if line.isdigit()]
    lost = 10 - len(kept)
    assert lost > 0
    assert lines[-2:] == [f"lost {lost}", "after"]


def test_closed_log_reader_ends_only_the_writing() -> None:
    reading, writing = os.pipe()
    writer = BackgroundWriter(writing, loss)
    os.close(reading)
    for _ in range(20_000):
        writer.write("nobody\n")
    assert not writer.drain(0.05)
    os.close(writing)
