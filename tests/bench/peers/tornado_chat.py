"""A peer for the bench: a chat as a Tornado tutorial has it, with
TCP_NODELAY. Whoever says something is heard by everyone in the room.

    tornado_chat.py PORT

Who asks for another path than /websocket is in no room."""
import datetime
import sys

import tornado.ioloop
import tornado.web
import tornado.websocket


class Chat(tornado.websocket.WebSocketHandler):
    room = set()

    def open(self):
        self.set_nodelay(True)
        self.room.add(self)

    def on_message(self, text):
        now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S")
        for member in self.room:
            member.write_message(f"bench-{now}-说:{text}")

    def on_close(self):
        self.room.discard(self)


class Idle(tornado.websocket.WebSocketHandler):
    def on_message(self, text):
        pass


if __name__ == "__main__":
    tornado.web.Application([
        ("/websocket", Chat), ("/idle", Idle),
    ]).listen(int(sys.argv[1]), "127.0.0.1", backlog=4096)
    tornado.ioloop.IOLoop.current().start()
