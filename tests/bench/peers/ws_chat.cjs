// A peer for the bench: a chat on npm's ws as its documentation has it.
//
//     ws_chat.cjs PORT
//
// Who asks for another path than /websocket is in no room.
const { WebSocketServer } = require("ws");

const room = new Set();
const server = new WebSocketServer({
	host: "127.0.0.1",
	port: Number(process.argv[2]),
	backlog: 4096,
});
server.on("connection", (socket, request) => {
	socket.on("error", () => {});
	if (request.url !== "/websocket")
		return;
	room.add(socket);
	socket.on("close", () => room.delete(socket));
	socket.on("message", (data, isBinary) => {
		for (const member of room)
			member.send(data, { binary: isBinary });
	});
});
