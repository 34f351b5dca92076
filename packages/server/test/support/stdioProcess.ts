/** A server over stdio as a process of its own, and a client that has its standard streams. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { eventually } from "./eventually.ts"
import { LineClient } from "./lineClient.ts"

const imports = `
import * as StdioHost from "@holdfast/server/StdioHost"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import * as Effect from "effect/Effect"
import { echoServer, steering } from "./support/echoServer.ts"
`

/** Runs a program, with all that a server needs imported. */
export const startProgram = (program: string) => start(["--input-type=module", "-e", imports + program])

/** Runs one of the servers beside this file. */
export const startServer = (name = "stdioServer.ts") => start([path.join(import.meta.dirname, name)])

const start = (args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, args, {
        cwd: path.dirname(import.meta.dirname),
        stdio: ["pipe", "pipe", "pipe"]
      })
      // A server that has ended hears nothing more: that is no error of the test's.
      child.stdin.on("error", () => {})
      const client = new LineClient((text) => void child.stdin.write(text))
      const strays: Array<string> = []
      let rest = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n")
        rest = lines.pop() ?? ""
        for (const line of lines) {
          // Whatever is no message has no business there.
          if (line.startsWith("{")) client.said.push(JSON.parse(line))
          else strays.push(line)
        }
      })
      let complaints = ""
      child.stderr.setEncoding("utf8").on("data", (text: string) => void (complaints += text))
      let isOver = false
      // Whatever it has said is here.
      child.once("close", () => void (isOver = true))
      const exited = Effect.map(eventually("the process has ended", () => isOver), () => child.exitCode)
      return { child, client, exited, strays, complaints: () => complaints }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )
