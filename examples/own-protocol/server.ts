/** The other side: a dictionary over TCP. A word a line, its meaning a line. Nothing in it knows of pools. */
import { createServer } from "node:net"
import { createInterface } from "node:readline"

const meanings = new Map([
  ["kelp", "a large brown seaweed"],
  ["holdfast", "what anchors kelp to rock"]
])

createServer((socket) => {
  socket.on("error", (error) => console.error(error.message))
  createInterface({ input: socket }).on("line", (word) => socket.write(`${meanings.get(word) ?? "unknown"}\n`))
}).listen(2628, "127.0.0.1", () => console.log("the dictionary is open"))
