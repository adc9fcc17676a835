"""A broadcast server that does one thing wrong to the first who comes, for a
test of the load generator.

    faulty_server.py PORT none|loss|double|swap|refusal"""
import selectors
import socket
import sys

FAULT_AT = 5  # the message that it happens to


class Room:
    def __init__(self, fault):
        self.fault = fault
        self.rest = {}  # socket: bytes that are not a whole frame yet
        self.members = []
        self.count = 0
        self.held = b""

    def say(self, text):
        frame = bytes([0x81, len(text)]) + text
        self.count += 1
        first = frame + self.held
        self.held = b""
        if self.count == FAULT_AT and self.fault != "none":
            first = frame * 2 if self.fault == "double" else b""
            self.held = frame if self.fault == "swap" else b""
        self.members[0].sendall(first)
        for member in self.members[1:]:
            member.sendall(frame)

    def read(self, member):
        """False when it has gone."""
        data = member.recv(65536)
        rx = self.rest.pop(member) + data
        if member in self.members:
            while len(rx) >= 6 and len(rx) >= 6 + (rx[1] & 127):
                size = rx[1] & 127
                self.say(rx[6:6 + size])  # the mask is zero
                rx = rx[6 + size:]
        elif b"\r\n\r\n" in rx:
            status = b"503" if self.fault == "refusal" else b"101"
            member.sendall(b"HTTP/1.1 " + status + b" \r\n\r\n")
            self.members.append(member)
            rx = b""
        if data:
            self.rest[member] = rx
        return bool(data)


def main():
    room = Room(sys.argv[2])
    waiting = selectors.DefaultSelector()
    listener = socket.create_server(
        ("127.0.0.1", int(sys.argv[1])), backlog=100)
    waiting.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                member = listener.accept()[0]
                room.rest[member] = b""
                waiting.register(member, selectors.EVENT_READ)
            elif not room.read(key.fileobj):
                waiting.unregister(key.fileobj)


if __name__ == "__main__":
    main()
