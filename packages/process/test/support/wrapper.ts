/**
 * A wrapper as npx and uvx are, run as a child process: it starts the server of server.ts, which inherits all its pipes.
 *
 *   arguments: the wrapper's own manner, then the server's manners
 *   leave    exits with 0 at once
 *   polite   exits with 0 when stdin ends
 */
import * as childProcess from "node:child_process"
import * as path from "node:path"
import process from "node:process"

const [manner = "", serverManners = ""] = process.argv.slice(2)
const server = path.join(import.meta.dirname, "server.ts")

childProcess.spawn(process.execPath, [server, serverManners], { stdio: "inherit" }).on("spawn", () => {
  if (manner === "leave") process.exit(0)
  process.stdin.on("end", () => process.exit(0))
  process.stdin.resume()
})
