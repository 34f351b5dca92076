/**
 * Runs command lines one after another in one process, which is much cheaper than a process for each: a JSON list of words on a line of stdin,
 * a JSON `Ran` on a line of stdout.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { run } from "../../src/Program.ts"
import { Shell } from "../../src/Shell.ts"

const output = () => {
  let text = ""
  return {
    text: () => text,
    isTerminal: false,
    hasColor: false,
    columns: undefined,
    gone: Effect.never,
    hasReader: () => true,
    write: (more: string | Uint8Array) => Effect.sync(() => void (text += String(more)))
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const stdout = output()
  const stderr = output()
  const shell = {
    directory: process.cwd(),
    version: "0.0.0",
    usesDaemon: true,
    environment: process.env,
    node: { version: process.versions.node, path: process.execPath, main: process.argv[1] ?? "" },
    platform: process.platform,
    stdout,
    stderr,
    stdin: Effect.succeed(""),
    stdinChunks: Readable.from([]),
    ask: undefined
  }
  const program = Effect.provide(run(JSON.parse(line)), Layer.merge(NodeServices.layer, Layer.succeed(Shell, shell)))
  const code = await Effect.runPromise(program)
  process.stdout.write(`${JSON.stringify({ code, stdout: stdout.text(), stderr: stderr.text() })}\n`)
}
