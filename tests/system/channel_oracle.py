"""What must be true of a channel, whatever happened to wsd: one sequence,
the same for everybody, with every acknowledged message in it exactly once.

A `Log` is what one client has seen, over all its connections; `judge` is
pure, so that its own test can plant faults in good logs.
"""

import json


class Wrong(AssertionError):
    """A promise is broken."""


class Log:
    """start: the number from which it goes on; then events in the order in
    which they came. is_whole: it was there, or came back with its cursor,
    until the end."""

    def __init__(self, start, is_whole):
        self.start = start
        self.is_whole = is_whole
        self.events = []

    @property
    def cursor(self):
        return self.events[-1]["seq"] if self.events else self.start


def judge(logs, sent, acked):
    """sent: {text: user}, all that was tried; each text is unique. acked:
    {text: seq}, as the senders were told."""
    said = {}
    for log in logs:
        _one_log(log, said, sent)
    numbers = {}
    for seq, event in said.items():
        if event["type"] == "message":
            if event["text"] in numbers:
                raise Wrong(f"twice: {event}, and {numbers[event['text']]}")
            numbers[event["text"]] = seq
    for text, seq in acked.items():
        if numbers.get(text) != seq:
            raise Wrong(f"{text!r} was acknowledged as {seq}, but is "
                        f"{numbers.get(text)}")
    newest = max(acked.values(), default=0)
    for log in logs:
        if log.is_whole and log.cursor < newest:
            raise Wrong(f"a client stopped at {log.cursor} of {newest}")
    return len(numbers)


def _one_log(log, said, sent):
    seq = log.start
    for event in log.events:
        if event["seq"] != seq + 1:
            raise Wrong(f"{event} came after {seq}")
        seq += 1
        if said.setdefault(seq, event) != event:
            raise Wrong(f"{seq} is {event} here, {said[seq]} elsewhere")
        if event["type"] == "message" and \
                sent.get(event["text"]) != event["user"]:
            raise Wrong(f"nobody sent {event}")


def copy(logs):
    """The same again, to be spoilt."""
    again = []
    for log in logs:
        other = Log(log.start, log.is_whole)
        other.events = json.loads(json.dumps(log.events))
        again.append(other)
    return again
