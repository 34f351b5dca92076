/** Connects to the daemon and prints its pid, or on stderr why there is none. `stay`: until stdin ends. */
import * as DaemonClient from "../../src/DaemonClient.ts"

try {
  const { daemon, socket } = await DaemonClient.connect({ wants: { daemon: true }, program: "test client" })
  process.stdout.write(`${daemon.pid}\n`)
  if (process.argv[2] === "stay") {
    socket.once("close", () => process.exit(3))
    process.stdin.resume().once("end", () => process.exit(0))
  } else socket.destroy()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
